/** The worker of `feed.ts`: fills the slots in turn when they become free. It loads no tensors. */
import { workerData } from 'node:worker_threads';
import { Pixels } from '../pixels.ts';
import { batchesOf, stepsOf } from './batches.ts';
import { makeBatch } from './examples.ts';
import { sidePx, type FeedPlan, type Slots } from './feed.ts';
import { shiftAll } from './shifts.ts';

const { plan, slots } = workerData as { plan: FeedPlan; slots: Slots };
const { train, batch, minSteps, seed, epoch, epochs, make } = plan;
const pixels = new Pixels(plan.pixels);
const most = Math.min(batch, train.length);
const perPass = Math.ceil(train.length / batch);
// Examples are made in normal memory and then copied, since work on shared memory is several times slower.
const out =
  'labels' in make
    ? { bytes: new Uint8Array(most * sidePx(plan) ** 2 * 3), targets: new Float32Array(most * make.classes) }
    : null;

function fill(positions: Int32Array, step: number): { bytes: Uint8Array; targets?: Float32Array } {
  const rows = pixels.read(positions);
  if (!('labels' in make) || !out) {
    if (!('labels' in make)) shiftAll(rows, pixels.sizePx, make, seed, step);
    return { bytes: rows };
  }
  makeBatch(make, rows, pixels.sizePx, positions, seed, Math.floor(step / perPass), step, out.bytes, out.targets);
  return {
    bytes: out.bytes.subarray(0, positions.length * sidePx(plan) ** 2 * 3),
    targets: out.targets.subarray(0, positions.length * make.classes),
  };
}

let step = epoch * stepsOf(train.length, batch, minSteps);
let slot = 0;
for (let e = epoch; e < epochs; e++) {
  for (const positions of batchesOf(train, batch, minSteps, seed, e)) {
    const { bytes, targets } = fill(positions, step++);
    Atomics.wait(slots.states, slot, 1);
    slots.bytes[slot].set(bytes);
    if (targets) slots.targets[slot].set(targets);
    slots.positions[slot].set(positions);
    slots.counts[slot] = positions.length;
    Atomics.store(slots.states, slot, 1);
    Atomics.notify(slots.states, slot);
    slot = (slot + 1) % slots.states.length;
  }
}
pixels.close();
