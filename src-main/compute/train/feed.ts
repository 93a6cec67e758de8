/**
 * The batches of a training, made ready by a worker thread while the step before is at work: rows out of the packed file, shifted for an autoencoder or
 * made into examples for a classifier. Three batches of bytes are shared with it and used in turn; of the images nothing else is held, so a set larger
 * than memory is read as fast as a small one. What a batch holds depends on seed, epoch and step alone, however far the worker is ahead.
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
  /** From the start of this epoch, up to but without `epochs`. */
  epoch: number;
  epochs: number;
  make: Shifts | Examples;
}

/** Of the images that come out. */
export const sidePx = ({ make, pixels }: Pick<FeedPlan, 'make' | 'pixels'>): number =>
  'labels' in make ? make.cropPx : pixels.shape[0];

/** What the two threads share. Slot s is free while `states[s]` is 0, full at 1. */
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
  /** One row a position. Valid until the next batch is taken. */
  bytes: Uint8Array;
  /** [n, classes], where the examples have classes. */
  targets?: Float32Array;
}

export interface Feed {
  /** The next batch; waits where it is not ready. Throws what went wrong in reading, and once the last batch was taken or the feed is closed. */
  take(): Promise<Batch>;
  /** So long has been waited for batches. */
  readonly waitedMs: number;
  close(): Promise<void>;
}

const ahead = 3;

export function startFeed(plan: FeedPlan): Feed {
  const rowBytes = sidePx(plan) ** 2 * plan.pixels.shape[2];
  const classes = 'labels' in plan.make ? plan.make.classes : 0;
  const most = Math.min(plan.batch, plan.train.length);
  const shared = (bytes: number): SharedArrayBuffer => new SharedArrayBuffer(bytes);
  const slots: Slots = {
    states: new Int32Array(shared(4 * ahead)),
    counts: new Int32Array(shared(4 * ahead)),
    positions: Array.from({ length: ahead }, () => new Int32Array(shared(4 * most))),
    bytes: Array.from({ length: ahead }, () => new Uint8Array(shared(rowBytes * most))),
    targets: Array.from({ length: ahead }, () => new Float32Array(shared(4 * classes * most))),
  };
  const worker = new Worker(new URL('./feed-worker.ts', import.meta.url), {
    workerData: { plan, slots },
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  let failure: Error | undefined;
  const fail = (error: Error): void => {
    failure ??= error;
    for (let s = 0; s < ahead; s++) Atomics.notify(slots.states, s);
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
      slot = (slot + 1) % ahead;
      const began = performance.now();
      while (Atomics.load(slots.states, slot) === 0) {
        if (failure) throw failure;
        const wait = Atomics.waitAsync(slots.states, slot, 0);
        if (wait.async) await wait.value;
      }
      waitedMs += performance.now() - began;
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
