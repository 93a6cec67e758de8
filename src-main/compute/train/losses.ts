/**
 * The losses of reconstructions, for training and for error maps: squared error, structural dissimilarity, or a mixture. SSIM as in Wang, Bovik, Sheikh &
 * Simoncelli 2004: Gaussian window of 11 px with sigma 1.5, per channel, for values from 0 to 1.
 */
import type { Scalar, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { filterBoth, wholeWindow } from '../ops/gaussian.ts';
import { meanSquaredError } from '../ops/loss.ts';

const sigma = 1.5;
const c1 = 0.01 ** 2;
const c2 = 0.03 ** 2;

export interface Loss {
  /** Mean over the batch. */
  value(x: Tensor4D, y: Tensor4D): Scalar;
  /** Per pixel, mean over channels. */
  map(x: Tensor4D, y: Tensor4D): Tensor3D; // [B, S, S]
}

/** SSIM of each window and channel: [B, S', S', 3] with S' = S − window + 1. Images smaller than 11 px use the largest odd window that fits. */
export function ssimMap(x: Tensor4D, y: Tensor4D): Tensor4D {
  return tf.tidy(() => {
    const size = x.shape[1];
    const window = wholeWindow(size, sigma, windowWidth(size));
    const [mx, my, xx, yy, xy] = tf.split(
      filterBoth(tf.concat([x, y, tf.square(x), tf.square(y), tf.mul(x, y)], 3) as Tensor4D, window),
      5,
      3,
    ) as Tensor4D[];
    const [mx2, my2, mxy] = [tf.square(mx), tf.square(my), tf.mul(mx, my)];
    const luminanceAndCross = tf.mul(tf.add(tf.mul(mxy, 2), c1), tf.add(tf.mul(tf.sub(xy, mxy), 2), c2));
    const spread = tf.mul(tf.add(tf.add(mx2, my2), c1), tf.add(tf.add(tf.sub(xx, mx2), tf.sub(yy, my2)), c2));
    return tf.div(luminanceAndCross, spread) as Tensor4D;
  });
}

const windowWidth = (size: number): number => Math.min(11, size - 1 + (size % 2));

/** Mean squared error. */
export const squaredError: Loss = {
  value: meanSquaredError,
  map: (x, y) => tf.mean(tf.square(tf.sub(x, y)), 3) as Tensor3D,
};

/** Structural dissimilarity: (1 − SSIM) / 2, 0..1. */
export const dissimilarity: Loss = {
  value: (x, y) => tf.mul(tf.sub(1, tf.mean(ssimMap(x, y))), 0.5) as Scalar,
  map: (x, y) => tf.mul(tf.sub(1, spreadOver(tf.mean(ssimMap(x, y), 3) as Tensor3D, x.shape[1])), 0.5) as Tensor3D,
};

/** `ssimWeight`: fraction of the dissimilarity in 'mixed', 0..1; the rest is the squared error. */
export function lossOf(name: 'mse' | 'ssim' | 'mixed', ssimWeight: number): Loss {
  if (name === 'mse') return squaredError;
  if (name === 'ssim') return dissimilarity;
  const mix = <T extends Scalar | Tensor3D>(a: T, b: T): T => tf.add(tf.mul(a, 1 - ssimWeight), tf.mul(b, ssimWeight));
  return {
    value: (x, y) => mix(squaredError.value(x, y), dissimilarity.value(x, y)),
    map: (x, y) => mix(squaredError.map(x, y), dissimilarity.map(x, y)),
  };
}

/** Enlarges a map of windows to a map of pixels: each window is at its centre pixel, and the border repeats the nearest window. */
function spreadOver(map: Tensor3D, size: number): Tensor3D {
  const inner = map.shape[1];
  const nearest = new Float32Array(size * inner);
  for (let i = 0; i < size; i++)
    nearest[i * inner + Math.min(inner - 1, Math.max(0, i - Math.floor((size - inner) / 2)))] = 1;
  const window = tf.tensor2d(nearest, [size, inner]) as Tensor2D;
  return tf.squeeze(filterBoth(tf.expandDims(map, 3) as Tensor4D, window), [3]);
}
