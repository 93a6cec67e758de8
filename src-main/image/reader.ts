/**
 * The engine's side of one process that reads images (`read-child.ts`). The process is killed when a decoder does not end, when the work is cancelled, and when it
 * does not respond. Requests then fail with ReaderLost, which says how the process ended: the cause may be another image in the same process.
 */
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolder } from '../setup/folders.mjs';
import type { Reading, ReadRequest } from './read.ts';
import { errorOf, type Fault } from './thrown.ts';

/** `stuckAfterMs`: how long a decoder may exceed its time limit. `silentAfterMs`: how long the process may send nothing. */
export interface Limits {
  pixelBudgetSize: number;
  /** Images that are read at the same time; others wait in the process. */
  atOnce: number;
  stuckAfterMs?: number;
  silentAfterMs?: number;
}
/** Each message takes time in both processes, so it holds several requests, or several results. An empty list of results is a sign of life. */
export type Requests = { id: number; request: ReadRequest }[];
export type Results = ({ id: number } & ({ reading: Reading } | { fault: Fault }))[];
/** Results in one message, if there are as many. */
export const resultsEach = 8;

/** The process sends a sign of life this often. */
export const aliveEveryMs = 2000;
const silentAfterMs = 30_000;
/** After a decoder or read hangs, the process has this time to answer for its other images. */
const lastAnswersMs = 1000;

/**
 * How a process ended. 'start': it did not start. 'released': Winnow killed it because of another image. 'killed': a signal from outside, such as from the system
 * when memory runs out. 'memory': it exceeded its own memory limit. 'crashed': it crashed. 'silent': it was blocked too long and Winnow killed it.
 */
export type Loss = 'start' | 'released' | 'killed' | 'memory' | 'crashed' | 'silent';

/** The process ended before it answered. */
export class ReaderLost extends Error {
  readonly loss: Loss;
  constructor(loss: Loss, how: string) {
    super(how);
    this.loss = loss;
  }
}

interface Pending {
  resolve(reading: Reading): void;
  reject(error: unknown): void;
}

/** One process that reads images. */
export class Reader {
  /** Resolves when the process has exited, or could not be started. */
  readonly exited: Promise<void>;
  readonly #child;
  readonly #pending = new Map<number, Pending>();
  #unsent: Requests = [];
  readonly #watch: NodeJS.Timeout;
  readonly #atOnce: number;
  #lastId = 0;
  #heardAt = performance.now();
  #isUp = false;
  #takesMore = true;
  /** The last 4,000 characters of its standard error. */
  #errorOutput = '';

  constructor(limits: Limits) {
    this.#atOnce = limits.atOnce;
    this.#child = fork(fileURLToPath(new URL('read-child.ts', import.meta.url)), [JSON.stringify(limits)], {
      execArgv: ['--disable-warning=ExperimentalWarning'],
      serialization: 'advanced',
      env: {
        NODE_COMPILE_CACHE: join(cacheFolder(), 'compiled'), // halves the start time
        ...process.env,
        UV_THREADPOOL_SIZE: '4', // few images are read at once; the buffers of few threads stay in the processor's cache
        MALLOC_ARENA_MAX: '2', // of glibc: memory fragments less
      },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'], // output of libraries is not for the terminal
    });
    this.#child.stderr
      ?.setEncoding('utf8')
      .on('data', (text: string) => (this.#errorOutput = (this.#errorOutput + text).slice(-4000)));
    this.#child.on('message', (results: Results) => this.#hear(results));
    this.exited = new Promise((resolve) => {
      this.#child.on('error', (error) => (this.#lose('start', error.message), resolve())); // the process could not be started
      this.#child.on('close', (code, signal) => (this.#lose(...this.#lossOf(code, signal)), resolve()));
    });
    const { silentAfterMs: patience = silentAfterMs } = limits;
    this.#watch = setInterval(
      () => {
        if (this.#pending.size && performance.now() - this.#heardAt > patience)
          this.#lose(this.#isUp ? 'silent' : 'start', 'it did not answer');
      },
      Math.min(patience, aliveEveryMs),
    ).unref();
  }

  /** False once the process is ending or has ended: other images need another process. */
  get takesMore() {
    return this.#takesMore;
  }

  /** The number of images that it has not answered for. */
  get load() {
    return this.#pending.size;
  }

  /** Reads an image in this process. Rejects with the errors of `readImage`, or with ReaderLost. */
  ask(request: ReadRequest): Promise<Reading> {
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId;
      if (!this.#pending.size) this.#heardAt = performance.now();
      this.#pending.set(id, { resolve, reject });
      if (this.#unsent.push({ id, request }) === 1) setImmediate(() => this.#send());
    });
  }

  #send() {
    this.#child.send?.(this.#unsent, () => undefined); // if sending fails, the process is ending: 'close' or 'error' follows
    this.#unsent = [];
  }

  /** Kills the process; pending requests reject with `reason`. */
  end(reason: unknown): void {
    this.#takesMore = false;
    clearInterval(this.#watch);
    this.#child.kill('SIGKILL');
    for (const { reject } of this.#pending.values()) reject(reason);
    this.#pending.clear();
  }

  /** Waits for the exit, but at most a second: a process that waits for a disk only ends when the disk answers. */
  async gone(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([this.exited, new Promise((late) => (timer = setTimeout(late, 1000)))]);
    clearTimeout(timer);
  }

  #hear(results: Results) {
    this.#isUp = true;
    this.#heardAt = performance.now();
    for (const result of results) {
      const pending = this.#pending.get(result.id);
      this.#pending.delete(result.id);
      if ('reading' in result) pending?.resolve(result.reading);
      else pending?.reject(errorOf(result.fault));
      if ('fault' in result && result.fault.isStuck && this.#takesMore) {
        this.#takesMore = false;
        setTimeout(() => this.#lose('released', 'another image held it'), lastAnswersMs).unref();
      }
    }
    if (!this.#takesMore && !this.#pending.size) this.end(null);
  }

  #lose(loss: Loss, how: string) {
    // Images that are still in the queue of the process are not the cause.
    const started = this.#atOnce + resultsEach;
    [...this.#pending.values()]
      .slice(started)
      .forEach(({ reject }) => reject(new ReaderLost(loss === 'start' ? loss : 'released', how)));
    this.end(new ReaderLost(loss, how));
  }

  #lossOf(code: number | null, signal: NodeJS.Signals | null): [Loss, string] {
    const lastLine = this.#errorOutput.trim().split('\n').at(-1) ?? '';
    if (/heap out of memory|Allocation failed|bad_alloc|out of memory/i.test(this.#errorOutput))
      return ['memory', lastLine];
    if (!this.#isUp) return ['start', lastLine || `it ended with ${signal ?? code}`];
    return [signal && outside.has(signal) ? 'killed' : 'crashed', signal ?? `exit code ${code}`];
  }
}

/** Signals that come from outside; the others are errors of the process itself. */
const outside: ReadonlySet<NodeJS.Signals> = new Set<NodeJS.Signals>([
  'SIGKILL',
  'SIGTERM',
  'SIGINT',
  'SIGHUP',
  'SIGQUIT',
]);
