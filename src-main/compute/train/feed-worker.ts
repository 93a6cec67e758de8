/** The worker's side of feed.ts: fills one slot after the other as they fall free. Loads no tensors. */
import { workerData } from 'node:worker_threads';
import { Pixels } from '../pixels.ts';
import { augment, batchesOf, stepsOf } from './batches.ts';
import type { FeedPlan, Slots } from './feed.ts';

const { plan, slots } = workerData as { plan: FeedPlan; slots: Slots };
const { train, batch, minSteps, seed, epoch, epochs, augmentation } = plan;
const pixels = new Pixels(plan.pixels);
let step = epoch * stepsOf(train.length, batch, minSteps);
let slot = 0;
for (let e = epoch; e < epochs; e++) {
  for (const positions of batchesOf(train, batch, minSteps, seed, e)) {
    // In bytes that nobody shares: moving shared ones about is several times slower.
    const bytes = pixels.read(positions);
    augment(bytes, pixels.sizePx, augmentation, seed, step++);
    Atomics.wait(slots.states, slot, 1);
    slots.bytes[slot].set(bytes);
    slots.positions[slot].set(positions);
    slots.counts[slot] = positions.length;
    Atomics.store(slots.states, slot, 1);
    Atomics.notify(slots.states, slot);
    slot = (slot + 1) % slots.states.length;
  }
}
pixels.close();
