/** The objective of autoencoders: the squared error between a clean image and its reconstruction from a corrupted one. */
import type { Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import type { Autoencoder, Network } from '../models/network.ts';
import { uniform } from '../ops/dropout.ts';
import { meanSquaredError } from '../ops/loss.ts';
import { uploadPixels } from '../ops/upload.ts';
import { blockOf, type Pixels } from '../pixels.ts';
import { random, type Random } from '../random.ts';
import { readBack } from '../read-back.ts';
import { corrupt } from './corruption.ts';
import type { Key, Objective } from './loop.ts';

/** The target is the clean image itself. */
export const reconstruct = (): Objective<Autoencoder> => ({ loss: (x, run) => meanSquaredError(x, run(x)) });

/**
 * The input is corrupted, the target is clean. `cropPx`: side of the part of each image that a step trains on; only for networks that take images of any size.
 * `noise`: standard deviation of the noise on the whole input, 0..1.
 */
export const repair = (sizePx: number, cropPx: number, noise: number): Objective<Autoencoder> => ({
  loss(_x, run, { bytes }, key) {
    const next = random('repair', ...key);
    const clean = cropPx < sizePx ? cropAll(bytes, sizePx, cropPx, next) : bytes;
    const { x, corrupted } = corruptedPair(clean, cropPx, noise, next, key);
    return meanSquaredError(x, run(corrupted));
  },
});

/** The mean loss of `repair` on validation images, in inference mode; always with the same corruptions. */
export async function meanRepairLoss(
  network: Network<Autoencoder>,
  pixels: Pixels,
  noise: number,
  held: Int32Array,
  yieldToEventLoop: () => Promise<void>,
): Promise<number> {
  let sum = 0;
  const block = blockOf(pixels.sizePx);
  for (let at = 0; at < held.length; at += block) {
    const positions = held.subarray(at, at + block);
    const key = ['validation', at];
    const value = tf.tidy(() => {
      const { x, corrupted } = corruptedPair(pixels.read(positions), pixels.sizePx, noise, random(...key), key);
      return meanSquaredError(x, network.infer(corrupted));
    });
    sum += (await readBack(value))[0] * positions.length;
    await yieldToEventLoop();
  }
  return sum / held.length;
}

/** `clean`: images [n, sizePx, sizePx, 3]. */
function corruptedPair(
  clean: Uint8Array,
  sizePx: number,
  noise: number,
  next: Random,
  key: Key,
): { x: Tensor4D; corrupted: Tensor4D } {
  const dirty = clean.slice();
  corrupt(dirty, sizePx, next);
  const count = clean.length / (sizePx * sizePx * 3);
  return {
    x: uploadPixels(clean, count, sizePx),
    corrupted: addNoise(uploadPixels(dirty, count, sizePx), noise, key),
  };
}

/** A random part of each image: [n, sizePx, sizePx, 3] → [n, cropPx, cropPx, 3]. */
function cropAll(bytes: Uint8Array, sizePx: number, cropPx: number, next: Random): Uint8Array {
  const rowBytes = sizePx * sizePx * 3;
  const count = bytes.length / rowBytes;
  const out = new Uint8Array(count * cropPx * cropPx * 3);
  for (let i = 0; i < count; i++) {
    const [left, top] = [0, 1].map(() => Math.floor(next() * (sizePx - cropPx + 1)));
    for (let y = 0; y < cropPx; y++) {
      const from = i * rowBytes + ((top + y) * sizePx + left) * 3;
      out.set(bytes.subarray(from, from + cropPx * 3), (i * cropPx + y) * cropPx * 3);
    }
  }
  return out;
}

function addNoise(x: Tensor4D, spread: number, seed: Key): Tensor4D {
  if (!spread) return x;
  // Uniform noise of the same standard deviation.
  return tf.add(x, tf.mul(tf.sub(uniform(x.shape, ['noise', ...seed]), 0.5), spread * Math.sqrt(12)));
}
