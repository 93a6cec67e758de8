/**
 * Separable filters as two small matrix products, one per axis: fast on every backend and differentiable. A window is a matrix [outputs, inputs] whose rows add up
 * to 1.
 */
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { sumOf } from '../../contract/numbers.ts';
import { tf } from '../backend.ts';
import { traced } from './traced.ts';

/** A Gaussian window [size, size]. At the border, only weights inside count, and they are renormalised. */
export function smoothingWindow(size: number, sigma: number): Tensor2D {
  const values = new Float32Array(size * size);
  for (let i = 0; i < size; i++) {
    let sum = 0;
    for (let j = 0; j < size; j++) sum += values[i * size + j] = Math.exp(-((i - j) ** 2) / (2 * sigma * sigma));
    for (let j = 0; j < size; j++) values[i * size + j] /= sum;
  }
  return tf.tensor2d(values, [size, size]);
}

/** A Gaussian window [size − width + 1, size] of complete windows of `width` pixels only. */
export function wholeWindow(size: number, sigma: number, width: number): Tensor2D {
  const outputs = size - width + 1;
  const values = new Float32Array(outputs * size);
  const weights = Array.from({ length: width }, (_, k) =>
    Math.exp(-((k - (width - 1) / 2) ** 2) / (2 * sigma * sigma)),
  );
  const sum = sumOf(weights);
  for (let i = 0; i < outputs; i++) for (let k = 0; k < width; k++) values[i * size + i + k] = weights[k] / sum;
  return tf.tensor2d(values, [outputs, size]);
}

/** Applies windows [H', H] and [W', W] to the axes of x [B, H, W, C] → [B, H', W', C]; one window serves both axes of a square. */
export function filterBoth(x: Tensor4D, vertical: Tensor2D, horizontal = vertical): Tensor4D {
  const windows = horizontal === vertical ? [vertical] : [vertical, horizontal];
  return traced('filterBoth', [x, ...windows], {}, () => filtered(x, vertical, horizontal));
}

function filtered(x: Tensor4D, vertical: Tensor2D, horizontal: Tensor2D): Tensor4D {
  return tf.tidy(() => {
    const [n, h, w, c] = x.shape;
    const [[high], [wide]] = [vertical.shape, horizontal.shape];
    const rows = tf.matMul(tf.tile(tf.expandDims(vertical, 0), [n, 1, 1]), tf.reshape(x, [n, h, w * c])); // [B, H', W*C]
    const transposed = tf.reshape(tf.transpose(tf.reshape(rows, [n, high, w, c]), [0, 2, 1, 3]), [n, w, high * c]); // [B, W, H'*C]
    const both = tf.matMul(tf.tile(tf.expandDims(horizontal, 0), [n, 1, 1]), transposed); // [B, W', H'*C]
    return tf.transpose(tf.reshape(both, [n, wide, high, c]), [0, 2, 1, 3]) as Tensor4D;
  }); // [B, H', W', C]
}
