/**
 * Starts and controls the threads of `decode-worker.ts`. A thread gets one file at a time, and is terminated when a file takes too long or when it is idle. One thread
 * decodes all files; when it is busy for long, a second one starts for small files, so that a slow file does not delay all others.
 */
import { Worker } from 'node:worker_threads';
import type { Plane } from '../contract/plane.ts';
import type { Answer, WorkerFormat, DecodeRequest } from './decode-worker.ts';
import { corrupt, DecodeError, maxSeconds, type Picture, type Raw } from './raw.ts';
import { errorOf } from './thrown.ts';

const slowMs = 1000;
const idleMs = 20_000;
/** Larger files may take much memory, and wait for the first thread. */
const smallBytes = 4 * 2 ** 20;

interface Pending {
  resolve(raw: Raw | Picture): void;
  reject(error: Error): void;
}

interface Waiting {
  bytes: number;
  resolve(thread: Thread): void;
  reject(error: unknown): void;
}

/** The first takes all files, the second small ones. */
const threads: [Thread | null, Thread | null] = [null, null];
const waiting: Waiting[] = [];
let later: NodeJS.Timeout | undefined;

/** Decodes a whole file in a thread. `plane`: of a stack. Throws DecodeError, WinnowError if the file is not the cause, and the errors of libraries. */
export async function decodeInWorker(format: WorkerFormat, bytes: Buffer, plane?: Plane): Promise<Raw | Picture> {
  const thread = await new Promise<Thread>((resolve, reject) => {
    waiting.push({ bytes: bytes.length, resolve, reject });
    assign();
  });
  return thread.decode({ format, bytes, plane });
}

/** Gives files to free threads, first come, first served. */
function assign(): void {
  give(0, () => true);
  const busySince = threads[0]?.busySince ?? null;
  if (!waiting.length || busySince === null) return;
  const leftMs = busySince + slowMs - performance.now();
  if (leftMs <= 0) give(1, ({ bytes }) => bytes <= smallBytes);
  else
    later ??= setTimeout(() => {
      later = undefined;
      assign();
    }, leftMs);
}

function give(place: 0 | 1, takes: (file: Waiting) => boolean): void {
  const next = waiting.findIndex(takes);
  if (next < 0 || typeof threads[place]?.busySince === 'number') return;
  const [file] = waiting.splice(next, 1);
  try {
    const thread = (threads[place] ??= new Thread());
    thread.busySince = performance.now();
    file.resolve(thread);
  } catch (error) {
    file.reject(error); // the system gives no thread
    assign();
  }
}

class Thread {
  /** Null: free. */
  busySince: number | null = null;
  readonly #worker: Worker;
  #pending: Pending | null = null;
  #idle: NodeJS.Timeout | undefined;

  constructor() {
    // The libraries' output must not go to standard output, where a command writes its JSON. Nobody reads it, since reading would keep the process alive.
    this.#worker = new Worker(new URL('./decode-worker.ts', import.meta.url), {
      stdout: true,
      stderr: true,
      execArgv: [],
    });
    this.#worker.on('message', (answer: Answer) => {
      if ('raw' in answer) this.#pending?.resolve(answer.raw);
      else {
        this.#pending?.reject(errorOf(answer.fault));
        if (!answer.fault.decode) this.#end(); // after an exception, the memory of a WebAssembly decoder may be corrupt
      }
    });
    // The thread crashed or ran out of memory.
    const lost = (error: Error) => {
      this.#pending?.reject(error);
      this.#leave();
    };
    this.#worker.on('error', (error: NodeJS.ErrnoException) =>
      lost(
        error.code === 'ERR_WORKER_OUT_OF_MEMORY'
          ? new DecodeError('too-large', 'The image needs more memory than a decoder may use.')
          : error,
      ),
    );
    this.#worker.on('exit', () => lost(corrupt('its decoder crashed')));
  }

  async decode(request: DecodeRequest): Promise<Raw | Picture> {
    clearTimeout(this.#idle);
    this.#worker.ref();
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<Raw | Picture>((resolve, reject) => {
        this.#pending = { resolve, reject };
        timer = setTimeout(() => {
          reject(new DecodeError('too-slow', `Reading took longer than ${maxSeconds} s.`));
          this.#end(); // the only way to stop a hanging decoder
        }, maxSeconds * 1000);
        this.#worker.postMessage(request);
      });
    } finally {
      this.#pending = null;
      clearTimeout(timer);
      this.busySince = null;
      this.#worker.unref();
      if (threads.includes(this)) this.#idle = setTimeout(() => this.#end(), idleMs).unref();
      assign();
    }
  }

  #leave() {
    clearTimeout(this.#idle);
    threads.forEach((thread, place) => thread === this && (threads[place] = null));
  }

  #end() {
    this.#leave();
    void this.#worker.terminate();
  }
}
