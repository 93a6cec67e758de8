/**
 * Gaussian windows over images as two small matrix products, one an axis: fast on every backend, differentiable as it stands.
 * A window is a matrix [outputs, inputs] whose rows sum to 1.
 */
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { sumOf } from '../../contract/numbers.ts';
import { tf } from '../backend.ts';

/** Same size; at the border the weights that fall outside are shared among those inside. */
export function smoothingWindow(size: number, sigma: number): Tensor2D {
  const values = new Float32Array(size * size);
  for (let i = 0; i < size; i++) {
    let sum = 0;
    for (let j = 0; j < size; j++) sum += values[i * size + j] = Math.exp(-((i - j) ** 2) / (2 * sigma * sigma));
    for (let j = 0; j < size; j++) values[i * size + j] /= sum;
  }
  return tf.tensor2d(values, [size, size]);
}

/** Only whole windows of `width` pixels: the output is smaller by width - 1. */
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

export function filterBoth(x: Tensor4D, window: Tensor2D): Tensor4D {
  return tf.tidy(() => {
    const [n, h, w, c] = x.shape;
    const [out] = window.shape;
    const rows = tf.matMul(tf.tile(tf.expandDims(window, 0), [n, 1, 1]), tf.reshape(x, [n, h, w * c])); // [B, H', W*C]
    const turned = tf.reshape(tf.transpose(tf.reshape(rows, [n, out, w, c]), [0, 2, 1, 3]), [n, w, out * c]); // [B, W, H'*C]
    const both = tf.matMul(tf.tile(tf.expandDims(window, 0), [n, 1, 1]), turned); // [B, W', H'*C]
    return tf.transpose(tf.reshape(both, [n, out, out, c]), [0, 2, 1, 3]) as Tensor4D;
  }); // [B, H', W', C]
}
