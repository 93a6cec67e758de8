/**
 * Limits requests to the disk of an opened folder. A stalled network share never answers, and each pending request occupies one of the process's few file
 * threads. So only a few run at once, none is awaited longer than `patienceMs`, and a cancel ends the wait. Other disks stay usable meanwhile.
 */
import { stat } from 'node:fs/promises';
import { WinnowError } from '../contract/errors.ts';

/** Of the threads that Node has for files, some are left for other disks. */
const threads = Number(process.env.UV_THREADPOOL_SIZE) || 4;
const places = Math.max(1, Math.min(6, threads - 2));
const patienceMs = 20_000;

export class Gate {
  #free: number;
  #patienceMs: number;
  #waiting: (() => void)[] = [];
  #lastAnswer = performance.now();

  constructor(atOnce = places, patience = patienceMs) {
    this.#free = atOnce;
    this.#patienceMs = patience;
  }

  /**
   * Asks when there is a place. Throws what `question` throws, the signal's reason, or `no-folder` when there is no answer in time. A question without an answer
   * keeps its place until there is one; a file that is opened too late is closed again.
   */
  ask<Answer>(question: () => Promise<Answer>, signal?: AbortSignal): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      let isOver = false;
      let timer: NodeJS.Timeout;
      const over = (tell: () => void) => {
        if (isOver) return;
        isOver = true;
        clearTimeout(timer);
        signal?.removeEventListener('abort', cancel);
        tell();
      };
      const cancel = () => over(() => reject(signal?.reason));
      const giveUp = () =>
        over(() =>
          reject(new WinnowError('no-folder', 'The folder does not answer. Is its disk or network connected?')),
        );
      // Who waits for a place waits as long as others are answered.
      const asked = performance.now();
      const queue = () => {
        const left = Math.max(asked, this.#lastAnswer) + this.#patienceMs - performance.now();
        if (left <= 0) giveUp();
        else timer = setTimeout(queue, left);
      };
      queue();
      signal?.addEventListener('abort', cancel, { once: true });
      this.#enter(() => {
        if (isOver) return this.#leave();
        clearTimeout(timer);
        timer = setTimeout(giveUp, this.#patienceMs);
        question()
          .then(
            (answer) => (isOver ? closeLate(answer) : over(() => resolve(answer))),
            (error: unknown) => over(() => reject(error)),
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

/** Asks the disk of an opened folder, through the gate of this process. */
export function askDisk<Answer>(question: () => Promise<Answer>, signal?: AbortSignal): Promise<Answer> {
  return gate.ask(() => {
    unanswered++;
    return question().finally(() => void unanswered--);
  }, signal);
}

/** Throws `no-folder` where an opened folder is gone or does not answer; `next` says what to do. */
export async function requireFolder(folder: string, next: string, signal?: AbortSignal): Promise<void> {
  try {
    await askDisk(() => stat(folder), signal);
  } catch (error) {
    if (typeof (error as NodeJS.ErrnoException).syscall !== 'string') throw error;
    throw new WinnowError('no-folder', `The folder ${folder} is not there. Is its disk connected? ${next}`, {
      cause: error,
    });
  }
}

/** Ends the process now. Node waits at its end for every question to a disk, also for one that is never answered: then only a kill ends it. */
export function exitNow(code: number): never {
  if (unanswered > 0) process.kill(process.pid, 'SIGKILL');
  process.exit(code);
}
