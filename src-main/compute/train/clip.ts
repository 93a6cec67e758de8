/** Gradient clipping. */
import type { Scalar, Tensor } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';

/** Scales the gradient so that its norm is at most `most` (Pascanu et al. 2013; PyTorch's clip_grad_norm_). `norm`: the norm before clipping. */
export function clipByNorm(gradient: Tensor, most: number): { gradient: Tensor; norm: Scalar } {
  const norm = tf.sqrt(tf.sum(tf.square(gradient))) as Scalar;
  return { gradient: tf.mul(gradient, tf.minimum(1, tf.div(most, tf.add(norm, 1e-6)))), norm };
}

/** Clips each value to −most … most. */
export const clipByValue = (gradient: Tensor, most: number): Tensor => tf.clipByValue(gradient, -most, most);
