/** Multi-head self-attention (Vaswani et al. 2017): softmax(Q·Kᵀ / √depth)·V. */
import type { Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { traced } from './traced.ts';

/** `qkv`: queries, keys and values, concatenated, [B, T, 3·D]; each consists of `heads` parts of size D / heads. → [B, T, D] */
export function attend(qkv: Tensor3D, heads: number): Tensor3D {
  return traced('attention', [qkv], { heads }, () =>
    tf.tidy(() => {
      const [n, places, all] = qkv.shape;
      const { weights, values } = weigh(qkv, heads);
      return tf.reshape(tf.transpose(tf.matMul(weights, values), [0, 2, 1, 3]), [n, places, all / 3]) as Tensor3D;
    }),
  );
}

/** How much each place reads from each other place, by head: [B, heads, T, T]; rows sum to 1. `qkv` as in `attend`. */
export const attentionWeights = (qkv: Tensor3D, heads: number): Tensor4D => tf.tidy(() => weigh(qkv, heads).weights);

function weigh(qkv: Tensor3D, heads: number): { weights: Tensor4D; values: Tensor4D } {
  const [n, places, all] = qkv.shape;
  const depth = all / 3 / heads;
  const transposed = tf.transpose(tf.reshape(qkv, [n, places, 3 * heads, depth]), [0, 2, 1, 3]); // [B, 3·heads, T, depth]
  const [queries, keys, values] = tf.split(transposed, 3, 1) as Tensor4D[]; // [B, heads, T, depth]
  const scores = tf.mul(tf.matMul(queries, keys, false, true), 1 / Math.sqrt(depth)) as Tensor4D;
  return { weights: tf.softmax(scores), values };
}
