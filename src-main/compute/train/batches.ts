/**
 * Which images make which step. An epoch shows every training image at least once and has at least `minSteps` steps (a small set
 * passes several times, in fresh order), so that epochs, patience and the learning rate's schedule mean the same for 30 images as
 * for 30,000. Batches of one pass differ in size by at most one, so none is a leftover too small to normalise over.
 */
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

/** Shifts and mirrors each image of a batch in place, differently at each step. */
export function augment(bytes: Uint8Array, sizePx: number, { shiftPx, flip }: Augmentation, seed: number, step: number): void {
  if (!shiftPx && !flip) return;
  const next = random('augment', seed, step);
  const within = (d: number): number => Math.min(sizePx - 1, Math.max(1 - sizePx, d));
  const rowBytes = sizePx ** 2 * 3;
  for (let at = 0; at < bytes.length; at += rowBytes) {
    const image = bytes.subarray(at, at + rowBytes);
    const dx = Math.round((next() * 2 - 1) * shiftPx);
    const dy = Math.round((next() * 2 - 1) * shiftPx);
    shift(image, sizePx, within(dx), within(dy));
    if (flip && next() < 0.5) mirror(image, sizePx);
  }
}

/** Pixel (x, y) becomes what was at (x + dx, y + dy): one move of the whole, after which the border is laid over what came from the row beside. */
function shift(image: Uint8Array, sizePx: number, dx: number, dy: number): void {
  const line = sizePx * 3;
  const by = dy * line + dx * 3;
  if (by > 0) image.copyWithin(0, by);
  else image.copyWithin(-by, 0);
  for (let y = 0; y < sizePx; y++) {
    const end = (y + 1) * line;
    for (let to = y * line - dx * 3 - 1; to >= y * line; to--) image[to] = image[to + 3];
    for (let to = end - dx * 3; to < end; to++) image[to] = image[to - 3];
  }
  for (let y = 0; y < -dy; y++) image.copyWithin(y * line, -dy * line, (1 - dy) * line);
  for (let y = sizePx - dy; y < sizePx; y++) image.copyWithin(y * line, (sizePx - dy - 1) * line, (sizePx - dy) * line);
}

function mirror(image: Uint8Array, sizePx: number): void {
  const line = sizePx * 3;
  for (let start = 0; start < image.length; start += line) {
    for (let a = start, b = start + line - 3; a < b; a += 3, b -= 3) {
      for (let c = 0; c < 3; c++) {
        const kept = image[a + c];
        image[a + c] = image[b + c];
        image[b + c] = kept;
      }
    }
  }
}
