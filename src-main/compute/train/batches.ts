/**
 * Divides the training images into batches. An epoch uses every image at least once and has at least `minSteps` steps: a small dataset is passed several times,
 * each time in a new order. So epochs, patience and the learning-rate schedule mean the same for 30 images as for 30,000. The batches of one pass differ in
 * size by at most one, so that none is too small for batch normalisation.
 */
import { random, shuffle } from '../random.ts';

/** The number of steps per epoch. */
export function stepsOf(images: number, batch: number, minSteps: number): number {
  const perPass = Math.ceil(images / batch);
  return perPass * Math.max(1, Math.ceil(minSteps / perPass));
}

/** Yields the batches of an epoch. */
export function* batchesOf(
  images: Int32Array,
  batch: number,
  minSteps: number,
  seed: number,
  epoch: number,
): Generator<Int32Array> {
  const perPass = Math.ceil(images.length / batch);
  const passes = stepsOf(images.length, batch, minSteps) / perPass;
  for (let pass = 0; pass < passes; pass++) {
    const order = orderOf(images, seed, epoch, pass);
    for (let i = 0; i < perPass; i++) yield part(order, i, perPass);
  }
}

/** The batch of a step, which is counted over all epochs; without computing the batches before it. */
export function batchAt(images: Int32Array, batch: number, minSteps: number, seed: number, step: number): Int32Array {
  const perPass = Math.ceil(images.length / batch);
  const steps = stepsOf(images.length, batch, minSteps);
  const inEpoch = step % steps;
  return part(
    orderOf(images, seed, Math.floor(step / steps), Math.floor(inEpoch / perPass)),
    inEpoch % perPass,
    perPass,
  );
}

const orderOf = (images: Int32Array, seed: number, epoch: number, pass: number): Int32Array =>
  shuffle(images.slice(), random('order', seed, epoch, pass));
const part = (order: Int32Array, i: number, parts: number): Int32Array =>
  order.subarray(Math.floor((i * order.length) / parts), Math.floor(((i + 1) * order.length) / parts));

/** The order in which images are held out: the first ones, whatever their number. */
export const holdOutOrder = (images: Int32Array, seed: number): Int32Array =>
  shuffle(images.slice(), random('validation', seed));

/** Splits off a random fraction of the images for validation. At least two images stay in `train`. */
export function holdOut(images: Int32Array, fraction: number, seed: number): { train: Int32Array; held: Int32Array } {
  const count = Math.min(Math.floor(images.length * fraction), images.length - 2);
  if (count < 1) return { train: images, held: new Int32Array(0) };
  const order = holdOutOrder(images, seed);
  return { train: order.slice(count).sort(), held: order.slice(0, count).sort() };
}

/** FNV-1a hash of a list of positions, to detect that the images of a run have changed. */
export const hashOf = (positions: Int32Array): number =>
  positions.reduce((h, p) => Math.imul(h ^ p, 16777619), 0x811c9dc5);
