/**
 * Errors of a reconstruction per pixel, and the pooling of a map into a score. Two measures: the squared error sees missing and added parts; the dissimilarity of
 * gradients (multi-scale GMS; Xue et al. 2014, Zavrtanik et al. 2021) sees changed structure, whatever its contrast.
 */
import type { Tensor1D, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { meanOfLargest } from '../ops/mean-of-least.ts';
import { convolve } from '../ops/convolution.ts';
import { filterBoth, smoothingWindow } from '../ops/gaussian.ts';

/** The error of each pixel, [B, S, S], ≥ 0. `x`: images, `y`: reconstructions; both [B, S, S, 3], 0..1. */
export type Errors = (x: Tensor4D, y: Tensor4D) => Tensor3D;

/** Squared error, mean over the channels, smoothed. */
export const squaredErrors: Errors = (x, y) =>
  tf.tidy(() => smooth(tf.mean(tf.square(tf.sub(x, y)), 3, true) as Tensor4D));

const scales = 3;
/** The constant of GMS for values from 0 to 1: 170 / 255². */
const stability = 0.0026;

/** 1 − GMS of the luminance, mean over three scales, smoothed. The side of the images must be a multiple of four. */
export const gradientErrors: Errors = (x, y) =>
  tf.tidy(() => {
    const size = x.shape[1];
    let [a, b] = [x, y].map((image) => tf.mean(image, 3, true) as Tensor4D);
    const maps: Tensor4D[] = [];
    for (let scale = 0; scale < scales; scale++) {
      const [ga, gb] = [gradientMagnitude(a), gradientMagnitude(b)];
      const likeness = tf.div(
        tf.add(tf.mul(tf.mul(ga, gb), 2), stability),
        tf.add(tf.add(tf.square(ga), tf.square(gb)), stability),
      );
      maps.push(tf.image.resizeNearestNeighbor(tf.sub(1, likeness) as Tensor4D, [size, size]));
      if (scale < scales - 1) [a, b] = [a, b].map((image) => tf.avgPool(image, 2, 2, 'valid'));
    }
    return smooth(tf.div(tf.addN(maps), scales) as Tensor4D);
  });

/** Prewitt's filters, [3, 3, 1, 2]: horizontal and vertical. The border is mirrored. */
function gradientMagnitude(gray: Tensor4D): Tensor4D {
  const taps = [-1, 0, 1];
  const kernel = tf.tensor4d(
    taps.flatMap((row) => taps.flatMap((column) => [column / 3, row / 3])),
    [3, 3, 1, 2],
  );
  const border: [number, number] = [1, 1];
  const padded = tf.mirrorPad(gray, [[0, 0], border, border, [0, 0]], 'symmetric') as Tensor4D;
  const gradients = convolve(padded, kernel, { padding: 0 });
  return tf.sqrt(tf.add(tf.sum(tf.square(gradients), 3, true), 1e-12)) as Tensor4D;
}

/** The deviation of the smoothing in pixels: 2 px of 128. It joins the scattered pixels of one defect. */
const smoothing = (size: number): number => size / 64;

function smooth(map: Tensor4D): Tensor3D {
  const size = map.shape[1];
  return tf.squeeze(filterBoth(map, smoothingWindow(size, smoothing(size))), [3]);
}

/** A defect often covers few pixels: the score is the mean of the highest values of a map. */
const pooledShare = 0.005;

const pooledCount = (size: number): number => Math.max(1, Math.round(size * pooledShare));

/** The scores of maps [B, S, S], as `pool` gives them; for export. */
export function pooled(maps: Tensor3D): Tensor1D {
  const [images, rows, columns] = maps.shape;
  return meanOfLargest(tf.reshape(maps, [images, rows * columns]) as Tensor2D, pooledCount(rows * columns));
}

/** The score of one map. */
export function pool(map: Float32Array): number {
  const sorted = map.slice().sort();
  const count = pooledCount(map.length);
  let sum = 0;
  for (let i = map.length - count; i < map.length; i++) sum += sorted[i];
  return sum / count;
}
