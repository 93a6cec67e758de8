/**
 * Starts and controls the thread of `decode-worker.ts`: it starts for the first file that needs it, gets one file at a time, and is terminated when a file takes
 * too long or when it is idle. The next file starts a new thread.
 */
import { Worker } from 'node:worker_threads';
import type { Plane } from '../contract/plane.ts';
import type { Answer, WorkerFormat, DecodeRequest } from './decode-worker.ts';
import { corrupt, DecodeError, maxSeconds, type Picture, type Raw } from './raw.ts';
import { errorOf } from './thrown.ts';

const idleSeconds = 20;

/** `id` matches an answer to its request, since the answer to an abandoned request can arrive late. */
interface Pending {
  id: number;
  resolve(raw: Raw | Picture): void;
  reject(error: Error): void;
}

let worker: Worker | null = null;
let pending: Pending | null = null;
let lastId = 0;
let idle: NodeJS.Timeout | undefined;
let turn: Promise<unknown> = Promise.resolve();

/** Decodes a whole file in the worker thread. `plane`: of a stack. Throws DecodeError, WinnowError if the file is not the cause, and the errors of libraries. */
export function decodeInWorker(format: WorkerFormat, bytes: Buffer, plane?: Plane): Promise<Raw | Picture> {
  const mine = turn.then(() => decode({ id: ++lastId, format, bytes, plane }));
  turn = mine.catch(() => undefined);
  return mine;
}

async function decode(request: DecodeRequest): Promise<Raw | Picture> {
  clearTimeout(idle);
  worker ??= start();
  worker.ref();
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<Raw | Picture>((resolve, reject) => {
      pending = { id: request.id, resolve, reject };
      timer = setTimeout(() => {
        reject(new DecodeError('too-slow', `Reading took longer than ${maxSeconds} s.`));
        end(); // the only way to stop a hanging decoder
      }, maxSeconds * 1000);
      worker?.postMessage(request);
    });
  } finally {
    pending = null;
    clearTimeout(timer);
    worker?.unref();
    idle = setTimeout(end, idleSeconds * 1000).unref();
  }
}

function start(): Worker {
  // The libraries' output must not go to standard output, where a command writes its JSON. Nobody reads it, since reading would keep the process alive.
  const started = new Worker(new URL('./decode-worker.ts', import.meta.url), {
    stdout: true,
    stderr: true,
    execArgv: [],
  });
  started.on('message', (answer: Answer) => {
    const current = pending;
    if (worker !== started || current?.id !== answer.id) return; // from a terminated thread, or for an abandoned request
    if ('raw' in answer) current.resolve(answer.raw);
    else {
      current.reject(errorOf(answer.fault));
      if (!answer.fault.decode) end(); // after an exception, the memory of a WebAssembly decoder may be corrupt
    }
  });
  // The thread crashed or ran out of memory.
  const lost = (error: Error) => {
    if (worker !== started) return;
    worker = null;
    pending?.reject(error);
  };
  started.on('error', (error: NodeJS.ErrnoException) =>
    lost(
      error.code === 'ERR_WORKER_OUT_OF_MEMORY'
        ? new DecodeError('too-large', 'The image needs more memory than a decoder may use.')
        : error,
    ),
  );
  started.on('exit', () => lost(corrupt('its decoder crashed')));
  return started;
}

function end(): void {
  const ended = worker;
  worker = null;
  void ended?.terminate();
}
