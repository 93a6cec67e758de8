/**
 * Limits concurrent requests to the disk of an opened folder. A stalled network share never answers, and each pending request occupies one of Node's few file
 * threads. So only a few requests run at once, nobody waits longer than `patienceMs` for one, and a cancel ends the wait. Other disks stay usable meanwhile.
 */
import { stat } from 'node:fs/promises';
import { WinnowError } from '../contract/errors.ts';

const threads = Number(process.env.UV_THREADPOOL_SIZE) || 4;
/** Two of Node's file threads are left for other disks. */
const slots = Math.max(1, Math.min(6, threads - 2));
const patienceMs = 20_000;

/** A semaphore with timeouts. */
export class Gate {
  #free: number;
  #patienceMs: number;
  #waiting: (() => void)[] = [];
  #lastAnswer = performance.now();

  constructor(concurrency = slots, patience = patienceMs) {
    this.#free = concurrency;
    this.#patienceMs = patience;
  }

  /**
   * Runs the request when a slot is free. Throws the request's error, the signal's reason, or `no-folder` after a timeout. A request that timed out keeps its slot
   * until it ends; if it then returns an open file, that is closed.
   */
  ask<Answer>(request: () => Promise<Answer>, signal?: AbortSignal): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      let isOver = false;
      let timer: NodeJS.Timeout;
      const settle = (settleIt: () => void) => {
        if (isOver) return;
        isOver = true;
        clearTimeout(timer);
        signal?.removeEventListener('abort', cancel);
        settleIt();
      };
      const cancel = () => settle(() => reject(signal?.reason));
      const giveUp = () =>
        settle(() =>
          reject(new WinnowError('no-folder', 'The folder does not answer. Is its disk or network connected?')),
        );
      // The wait for a slot has no time limit as long as the disk answers other requests.
      const queuedAt = performance.now();
      const waitForSlot = () => {
        const left = Math.max(queuedAt, this.#lastAnswer) + this.#patienceMs - performance.now();
        if (left <= 0) giveUp();
        else timer = setTimeout(waitForSlot, left);
      };
      waitForSlot();
      signal?.addEventListener('abort', cancel, { once: true });
      this.#enter(() => {
        if (isOver) return this.#leave();
        clearTimeout(timer);
        timer = setTimeout(giveUp, this.#patienceMs);
        Promise.try(request) // it may also throw at once
          .then(
            (answer) => (isOver ? closeLate(answer) : settle(() => resolve(answer))),
            (error: unknown) => settle(() => reject(error)),
          )
          .finally(() => {
            this.#lastAnswer = performance.now();
            this.#leave();
          });
      });
    });
  }

  #enter(go: () => void) {
    if (this.#free === 0) return void this.#waiting.push(go);
    this.#free--;
    go();
  }

  #leave() {
    this.#free++;
    const next = this.#waiting.shift();
    if (next) this.#enter(next);
  }
}

function closeLate(answer: unknown) {
  if (answer && typeof answer === 'object' && Symbol.asyncDispose in answer)
    void (answer as AsyncDisposable)[Symbol.asyncDispose]();
}

const gate = new Gate();
let unanswered = 0;

/** Runs a request to the disk of an opened folder through this process's gate; see `Gate.ask`. */
export function askDisk<Answer>(request: () => Promise<Answer>, signal?: AbortSignal): Promise<Answer> {
  return gate.ask(() => {
    unanswered++;
    return request().finally(() => void unanswered--);
  }, signal);
}

/** Throws `no-folder` if an opened folder is gone or does not answer. `next` ends the message: what the user should do. */
export async function requireFolder(folder: string, next: string, signal?: AbortSignal): Promise<void> {
  try {
    await askDisk(() => stat(folder), signal);
  } catch (error) {
    if (typeof (error as NodeJS.ErrnoException).syscall !== 'string') throw error;
    throw new WinnowError('no-folder', `The folder ${folder} does not exist. Is its disk connected? ${next}`, {
      cause: error,
    });
  }
}

/** Ends the process now. At its exit Node waits for all pending file requests; if one never returns, only a kill ends the process. */
export function exitNow(code: number): never {
  if (unanswered > 0) process.kill(process.pid, 'SIGKILL');
  process.exit(code);
}
