/** Gradients held in bounds, before the optimizer sees them. */
import type { Scalar, Tensor } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';

/** Scaled so that its norm is at most `most` (Pascanu et al. 2013; PyTorch's clip_grad_norm_). `norm`: as it was. */
export function clipByNorm(gradient: Tensor, most: number): { gradient: Tensor; norm: Scalar } {
  const norm = tf.sqrt(tf.sum(tf.square(gradient))) as Scalar;
  return { gradient: tf.mul(gradient, tf.minimum(1, tf.div(most, tf.add(norm, 1e-6)))), norm };
}

/** Each value by itself between -most and most. */
export const clipByValue = (gradient: Tensor, most: number): Tensor => tf.clipByValue(gradient, -most, most);
