/**
 * Reads many images with as many threads as there are cores. Decoding has threads of its own, but measuring, hashing and the calls around them
 * have not: on one thread they would bound the scan, and the engine has doors to answer meanwhile.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { IssueCode } from '../contract/types.ts';
import { DecodeError } from './raw.ts';
import type { Reading, ReadRequest } from './read.ts';
import { roomPixels } from './room.ts';

export interface Asked { id: number; request: ReadRequest }
export interface Fault { decode?: IssueCode; message: string; code?: string; syscall?: string; path?: string }
export type Answer = { id: number; reading: Reading } | { id: number; fault: Fault };

/** While one image is decoded, the next is read and measured. */
export const readsPerThread = 2;

export interface Readers {
  /** How many images are well read at once. */
  hands: number;
  /** Rejects as `readImage` throws. */
  read(request: ReadRequest): Promise<Reading>;
  close(): Promise<void>;
}

export function startReaders(threads = availableParallelism()): Readers {
  const waiting = new Map<number, { resolve(reading: Reading): void; reject(error: Error): void; worker: Worker }>();
  let lastId = 0;
  const start = () => {
    const worker = new Worker(new URL('read-worker.ts', import.meta.url), { workerData: { roomPixels: roomPixels / threads }, execArgv: ['--disable-warning=ExperimentalWarning'] });
    worker.on('message', (answer: Answer) => {
      const asked = waiting.get(answer.id);
      waiting.delete(answer.id);
      if ('reading' in answer) asked?.resolve(answer.reading);
      else asked?.reject(errorOf(answer.fault));
    });
    // A thread that died takes its images with it, not the scan: each is told as damaged, and another thread goes on.
    worker.on('error', (error) => {
      for (const [id, asked] of waiting) {
        if (asked.worker !== worker) continue;
        waiting.delete(id);
        asked.reject(new DecodeError('corrupt', `Reading broke off (${error.message}).`));
      }
      const place = workers.indexOf(worker);
      if (place >= 0) workers[place] = start();
    });
    return worker;
  };
  const workers: Worker[] = [];
  for (let i = 0; i < threads; i++) workers.push(start());
  const load = (worker: Worker) => [...waiting.values()].filter((asked) => asked.worker === worker).length;
  return {
    hands: threads * readsPerThread,
    read: (request) => new Promise((resolve, reject) => {
      const worker = workers.reduce((least, other) => (load(other) < load(least) ? other : least));
      const id = ++lastId;
      waiting.set(id, { resolve, reject, worker });
      worker.postMessage({ id, request } satisfies Asked);
    }),
    close: async () => {
      const ending = workers.splice(0);
      await Promise.all(ending.map((worker) => worker.terminate()));
    },
  };
}

const errorOf = ({ decode, message, ...system }: Fault): Error => (decode ? new DecodeError(decode, message) : Object.assign(new Error(message), system));
