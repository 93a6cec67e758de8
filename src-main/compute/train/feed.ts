/**
 * The batches of a training, prepared by a worker thread while the previous step runs: it reads rows from the packed file, and shifts them for an autoencoder
 * or makes examples for a classifier. Three batches in shared memory are used in turn. Nothing else is in memory, so the dataset may be larger than memory. The
 * content of a batch depends only on seed, epoch and step, not on how far ahead the worker is.
 */
import { Worker } from 'node:worker_threads';
import type { RowSet } from '../../rows/row-set.ts';
import type { Examples } from './examples.ts';
import type { Shifts } from './shifts.ts';

export interface FeedPlan {
  pixels: RowSet;
  train: Int32Array;
  batch: number;
  minSteps: number;
  seed: number;
  /** The first epoch; the feed ends before epoch `epochs`. */
  epoch: number;
  epochs: number;
  make: Shifts | Examples;
}

/** Side of the images in the batches. */
export const sidePx = ({ make, pixels }: Pick<FeedPlan, 'make' | 'pixels'>): number =>
  'labels' in make ? make.cropPx : pixels.shape[0];

/** The shared memory of both threads. `states[s]`: 0 if slot s is free, 1 if it is filled. */
export interface Slots {
  states: Int32Array<SharedArrayBuffer>;
  counts: Int32Array<SharedArrayBuffer>;
  positions: Int32Array<SharedArrayBuffer>[];
  bytes: Uint8Array<SharedArrayBuffer>[];
  /** Empty for an autoencoder. */
  targets: Float32Array<SharedArrayBuffer>[];
}

export interface Batch {
  positions: Int32Array;
  /** One image per position. Valid until the next batch is taken. */
  bytes: Uint8Array;
  /** [n, classes]; only for classifiers. */
  targets?: Float32Array;
}

export interface Feed {
  /** Waits for the next batch. Throws an error of the worker, and an error after the last batch or after `close`. */
  take(): Promise<Batch>;
  /** Total time of waiting for batches. */
  readonly waitedMs: number;
  close(): Promise<void>;
}

const slotCount = 3;

/** Starts the worker. Call `close` when the feed is no longer used. */
export function startFeed(plan: FeedPlan): Feed {
  const rowBytes = sidePx(plan) ** 2 * plan.pixels.shape[2];
  const classes = 'labels' in plan.make ? plan.make.classes : 0;
  const most = Math.min(plan.batch, plan.train.length);
  const shared = (bytes: number): SharedArrayBuffer => new SharedArrayBuffer(bytes);
  const slots: Slots = {
    states: new Int32Array(shared(4 * slotCount)),
    counts: new Int32Array(shared(4 * slotCount)),
    positions: Array.from({ length: slotCount }, () => new Int32Array(shared(4 * most))),
    bytes: Array.from({ length: slotCount }, () => new Uint8Array(shared(rowBytes * most))),
    targets: Array.from({ length: slotCount }, () => new Float32Array(shared(4 * classes * most))),
  };
  const worker = new Worker(new URL('./feed-worker.ts', import.meta.url), {
    workerData: { plan, slots },
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  let failure: Error | undefined;
  const fail = (error: Error): void => {
    failure ??= error;
    for (let s = 0; s < slotCount; s++) Atomics.notify(slots.states, s);
  };
  worker.on('error', fail);
  worker.on('exit', () => fail(new Error('The worker that makes batches has stopped.')));

  let slot = -1;
  let waitedMs = 0;
  return {
    async take() {
      if (slot >= 0) {
        Atomics.store(slots.states, slot, 0);
        Atomics.notify(slots.states, slot);
      }
      slot = (slot + 1) % slotCount;
      const startedAt = performance.now();
      while (Atomics.load(slots.states, slot) === 0) {
        if (failure) throw failure;
        const wait = Atomics.waitAsync(slots.states, slot, 0);
        if (wait.async) await wait.value;
      }
      waitedMs += performance.now() - startedAt;
      const count = slots.counts[slot];
      return {
        positions: slots.positions[slot].subarray(0, count),
        bytes: slots.bytes[slot].subarray(0, count * rowBytes),
        ...(classes && { targets: slots.targets[slot].subarray(0, count * classes) }),
      };
    },
    get waitedMs() {
      return waitedMs;
    },
    close: async () => void (await worker.terminate()),
  };
}
