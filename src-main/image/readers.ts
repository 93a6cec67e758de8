/**
 * Reads images in separate processes, up to one per core. Decoders can hang or crash, and their input is untrusted; a process can be killed without harm to the
 * engine. After a crash, the images of that process are read again, each alone in a process, to find the one that caused it.
 */
import { availableParallelism } from 'node:os';
import { WinnowError } from '../contract/errors.ts';
import { DecodeError, maxSeconds } from './raw.ts';
import type { Reading, ReadRequest } from './read.ts';
import { ReaderLost, Reader, resultsEach, type Limits } from './reader.ts';
import { Budget, byteBudgetSize, pixelBudgetSize } from './budget.ts';

/** Concurrent reads per process: while one image is decoded, the next is read from the disk. */
const atOnce = 2;
/** Requests per process, so that it has work while its results are stored. */
const requestsEach = 2 * resultsEach;
/** Minimum number of images per process: for fewer, the start of a process takes longer than reading them. */
const imagesEach = 64;
/** Attempts to start a process. */
const starts = 3;

export interface Readers {
  /** Starts as many processes as are best for this number of images. Returns the number of concurrent reads. */
  prepare(images: number): number;
  /** Rejects with the errors of `readImage` and with the signal's reason. */
  read(request: ReadRequest): Promise<Reading>;
  /** Kills the processes that still run and waits until all have exited, also those that a cancel killed. */
  close(): Promise<void>;
}

/** Starts the first process at once. `signal` kills all of them. */
export function startReaders(signal: AbortSignal, limits: Partial<Limits> = {}): Readers {
  const cores = availableParallelism();
  /** The processes that run, also those that were killed and have not exited yet. */
  const running = new Set<Reader>();
  const start = () => {
    const reader = new Reader({ pixelBudgetSize: pixelBudgetSize / cores, atOnce, ...limits });
    running.add(reader);
    void reader.exited.then(() => running.delete(reader));
    return reader;
  };
  const bytesInFlight = new Budget(byteBudgetSize);
  let most = 1;
  let pool = [start()];
  let lone: Reader | null = null;
  let turn: Promise<unknown> = Promise.resolve();

  const endAll = (reason: unknown) => {
    for (const reader of running) reader.end(reason);
  };
  const onAbort = () => endAll(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });

  function leastBusy(): Reader {
    pool = pool.filter((reader) => reader.takesMore);
    while (pool.length < most) pool.push(start()); // instead of those that have ended
    return pool.reduce((a, b) => (a.load <= b.load ? a : b));
  }

  /** Reads an image alone in a new process: if that process is lost, the image is the cause. */
  async function readAlone(request: ReadRequest): Promise<Reading> {
    try {
      return await askOne(() => (lone = start()), request);
    } catch (error) {
      throw error instanceof ReaderLost ? toImageError(error) : error;
    } finally {
      lone?.end(null);
      lone = null;
    }
  }

  async function askOne(choose: () => Reader, request: ReadRequest): Promise<Reading> {
    for (let started = 1; ;) {
      signal.throwIfAborted();
      try {
        return await choose().ask(request);
      } catch (error) {
        if (!(error instanceof ReaderLost) || (error.loss !== 'released' && error.loss !== 'start')) throw error;
        if (error.loss === 'start' && started++ === starts) throw toImageError(error);
      }
    }
  }

  async function read(request: ReadRequest): Promise<Reading> {
    try {
      return await askOne(leastBusy, request);
    } catch (error) {
      if (!(error instanceof ReaderLost)) throw error;
      const mine = turn.then(() => readAlone(request));
      turn = mine.catch(() => undefined);
      return mine;
    }
  }

  return {
    prepare(images) {
      most = Math.max(1, Math.min(cores, Math.ceil(images / imagesEach)));
      while (!signal.aborted && pool.length < most) pool.push(start());
      return most * requestsEach;
    },
    read: (request) => bytesInFlight.hold(request.bytes, () => read(request)),
    close: async () => {
      signal.removeEventListener('abort', onAbort);
      endAll(new WinnowError('cancelled', 'Cancelled.'));
      await Promise.all([...running].map((reader) => reader.gone()));
    },
  };
}

/** The error of an image that was alone in its process when that was lost. */
function toImageError({ loss, message }: ReaderLost): Error {
  switch (loss) {
    case 'memory':
      return new DecodeError('too-large', 'The image needs more memory than a decoder may use.');
    case 'crashed':
      return new DecodeError('corrupt', `The image data is damaged (its decoder crashed with ${message}).`);
    case 'silent':
      return new DecodeError('too-slow', `Reading took longer than ${maxSeconds} s.`);
    case 'killed':
      return new WinnowError(
        'out-of-memory',
        `The system ended the process that read this image (${message}), as it does when there is not enough memory. Close other programs and scan again.`,
      );
    default:
      return new WinnowError(
        'failed',
        `The process that reads images does not start: ${message}. \`npm start -- doctor\` shows what is missing.`,
      );
  }
}
