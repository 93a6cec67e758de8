/**
 * Which images make which step. An epoch shows every training image at least once and has at least `minSteps` steps (a small set
 * passes several times, in fresh order), so that epochs, patience and the learning rate's schedule mean the same for 30 images as
 * for 30,000. Batches of one pass differ in size by at most one, so none is a leftover too small to normalise over.
 */
import type { Pixels } from '../pixels.ts';
import { random, shuffle } from '../random.ts';

export function stepsOf(images: number, batch: number, minSteps: number): number {
  const perPass = Math.ceil(images / batch);
  return perPass * Math.max(1, Math.ceil(minSteps / perPass));
}

export function* batchesOf(images: Int32Array, batch: number, minSteps: number, seed: number, epoch: number): Generator<Int32Array> {
  const perPass = Math.ceil(images.length / batch);
  const passes = stepsOf(images.length, batch, minSteps) / perPass;
  for (let pass = 0; pass < passes; pass++) {
    const order = shuffle(images.slice(), random('order', seed, epoch, pass));
    for (let i = 0; i < perPass; i++) yield order.subarray(Math.floor((i * order.length) / perPass), Math.floor(((i + 1) * order.length) / perPass));
  }
}

/** Some images aside to watch the training by; never so many that fewer than two are left. */
export function holdOut(images: Int32Array, fraction: number, seed: number): { train: Int32Array; held: Int32Array } {
  const count = Math.min(Math.floor(images.length * fraction), images.length - 2);
  if (count < 1) return { train: images, held: new Int32Array(0) };
  const order = shuffle(images.slice(), random('validation', seed));
  return { train: order.slice(count).sort(), held: order.slice(0, count).sort() };
}

export interface Augmentation {
  /** Largest shift each way; the border repeats. */
  shiftPx: number;
  flip: boolean;
}

/** Writes the images of a batch to `out`, each shifted and mirrored, differently at each step. */
export function augment(bytes: Uint8Array, out: Uint8Array, pixels: Pixels, { shiftPx, flip }: Augmentation, seed: number, step: number): void {
  if (!shiftPx && !flip) return out.set(bytes);
  const next = random('augment', seed, step);
  const { sizePx: size, rowBytes } = pixels;
  for (let image = 0; image < bytes.length; image += rowBytes) {
    const dx = Math.round((next() * 2 - 1) * shiftPx);
    const dy = Math.round((next() * 2 - 1) * shiftPx);
    const mirrored = flip && next() < 0.5;
    const clamp = (v: number): number => Math.min(size - 1, Math.max(0, v));
    // What stays inside the row is one copy; the border pixel fills the rest.
    const [first, last] = [Math.max(0, -dx), Math.min(size, size - dx)];
    for (let y = 0; y < size; y++) {
      const from = image + clamp(y + dy) * size * 3;
      const row = out.subarray(image + y * size * 3, image + (y + 1) * size * 3);
      row.set(bytes.subarray(from + (first + dx) * 3, from + (last + dx) * 3), first * 3);
      for (let x = 0; x < first; x++) row.set(bytes.subarray(from, from + 3), x * 3);
      for (let x = last; x < size; x++) row.set(bytes.subarray(from + (size - 1) * 3, from + size * 3), x * 3);
      if (mirrored) mirror(row);
    }
  }
}

/** A row of RGB pixels, in place. */
function mirror(row: Uint8Array): void {
  for (let a = 0, b = row.length - 3; a < b; a += 3, b -= 3) {
    for (let c = 0; c < 3; c++) [row[a + c], row[b + c]] = [row[b + c], row[a + c]];
  }
}
