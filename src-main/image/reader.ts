/**
 * One process that reads images, from the engine's side. It is killed where a decoder does not end, when the work is cancelled and when it is silent; who asked is
 * told how the process was lost, since that says little about the image: others were in it too.
 */
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ErrorCode } from '../contract/errors.ts';
import { WinnowError } from '../contract/errors.ts';
import type { IssueCode } from '../contract/types.ts';
import { cacheFolder } from '../setup/folders.mjs';
import { DecodeError } from './raw.ts';
import type { Reading, ReadRequest } from './read.ts';

/** `stuckAfterMs`: how long a decoder may go on beyond what it was told. `silentAfterMs`: how long the process may say nothing at all. */
export interface Limits {
  pixelBudgetSize: number;
  stuckAfterMs?: number;
  silentAfterMs?: number;
}
export interface ReadMessage {
  id: number;
  request: ReadRequest;
}
export interface Fault {
  message: string;
  decode?: IssueCode;
  isStuck?: boolean;
  winnow?: ErrorCode;
  code?: string;
  syscall?: string;
  path?: string;
}
export type Answer = { alive: true } | { id: number; reading: Reading } | { id: number; fault: Fault };

export const aliveEveryMs = 2000;
const silentAfterMs = 30_000;
/** A process in which a decoder or a read does not end may still answer for its other images. */
const lastAnswersMs = 1000;

/**
 * 'start': it never came up. 'released': we ended it for the sake of another image. 'killed': somebody ended it, as the system does that has no memory left.
 * 'memory': its own memory was used up. 'crashed': a fault in it. 'silent': it was busy for too long with something that nothing interrupts.
 */
export type Loss = 'start' | 'released' | 'killed' | 'memory' | 'crashed' | 'silent';

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

export class Reader {
  readonly #child;
  readonly #pending = new Map<number, Pending>();
  readonly #watch: NodeJS.Timeout;
  readonly #gone: Promise<void>;
  #lastId = 0;
  #heardAt = performance.now();
  #isUp = false;
  #takesMore = true;
  #lastWords = '';

  constructor(limits: Limits) {
    this.#child = fork(fileURLToPath(new URL('read-child.ts', import.meta.url)), [JSON.stringify(limits)], {
      execArgv: ['--disable-warning=ExperimentalWarning'],
      serialization: 'advanced',
      env: { NODE_COMPILE_CACHE: join(cacheFolder(), 'compiled'), ...process.env }, // comes up in half the time
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'], // what libraries print is not for the terminal
    });
    this.#child.stderr
      ?.setEncoding('utf8')
      .on('data', (text: string) => (this.#lastWords = (this.#lastWords + text).slice(-4000)));
    this.#child.on('message', (answer: Answer) => this.#hear(answer));
    this.#gone = new Promise((gone) => {
      this.#child.on('error', (error) => (this.#lose('start', error.message), gone())); // no process could be made
      this.#child.on('close', (code, signal) => (this.#lose(...this.#lossOf(code, signal)), gone()));
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

  get takesMore() {
    return this.#takesMore;
  }

  get load() {
    return this.#pending.size;
  }

  /** Rejects as `readImage` throws, or with ReaderLost. */
  ask(request: ReadRequest): Promise<Reading> {
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId;
      if (!this.#pending.size) this.#heardAt = performance.now();
      this.#pending.set(id, { resolve, reject });
      this.#child.send?.({ id, request } satisfies ReadMessage, () => undefined); // where nothing can be sent the process is going, and 'close' or 'error' tells
    });
  }

  /** Ends the process at once; whoever waits is told `reason`. */
  end(reason: unknown): void {
    this.#takesMore = false;
    clearInterval(this.#watch);
    this.#child.kill('SIGKILL');
    for (const { reject } of this.#pending.values()) reject(reason);
    this.#pending.clear();
  }

  /** Resolves when the process is gone, or soon after: one that waits for a disk goes when that answers. */
  async gone(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([this.#gone, new Promise((late) => (timer = setTimeout(late, 1000)))]);
    clearTimeout(timer);
  }

  #hear(answer: Answer) {
    this.#isUp = true;
    this.#heardAt = performance.now();
    if (!('id' in answer)) return;
    const asked = this.#pending.get(answer.id);
    this.#pending.delete(answer.id);
    if ('reading' in answer) asked?.resolve(answer.reading);
    else asked?.reject(errorOf(answer.fault));
    if ('fault' in answer && answer.fault.isStuck && this.#takesMore) {
      this.#takesMore = false;
      setTimeout(() => this.#lose('released', 'another image held it'), lastAnswersMs).unref();
    }
    if (!this.#takesMore && !this.#pending.size) this.end(null);
  }

  #lose(loss: Loss, how: string) {
    this.end(new ReaderLost(loss, how));
  }

  #lossOf(code: number | null, signal: NodeJS.Signals | null): [Loss, string] {
    const words = this.#lastWords.trim().split('\n').at(-1) ?? '';
    if (/heap out of memory|Allocation failed|bad_alloc|out of memory/i.test(this.#lastWords)) return ['memory', words];
    if (!this.#isUp) return ['start', words || `it ended with ${signal ?? code}`];
    return [signal && outside.has(signal) ? 'killed' : 'crashed', signal ?? `exit code ${code}`];
  }
}

/** Signals that come from outside; the others are a process's own faults. */
const outside: ReadonlySet<NodeJS.Signals> = new Set<NodeJS.Signals>([
  'SIGKILL',
  'SIGTERM',
  'SIGINT',
  'SIGHUP',
  'SIGQUIT',
]);

function errorOf({ decode, winnow, message, isStuck: _, ...system }: Fault): Error {
  if (decode) return new DecodeError(decode, message);
  return winnow ? new WinnowError(winnow, message) : Object.assign(new Error(message), system);
}
