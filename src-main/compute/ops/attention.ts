/** Self-attention (Vaswani et al. 2017): each place takes of all places' values, as its query agrees with their keys; several heads side by side. */
import type { Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { traced } from './traced.ts';

/** Queries, keys and values one after the other [B, T, 3·D], each of `heads` times D / heads → [B, T, D]. */
export function attend(qkv: Tensor3D, heads: number): Tensor3D {
  return traced('attention', [qkv], { heads }, () =>
    tf.tidy(() => {
      const [n, places, all] = qkv.shape;
      const depth = all / 3 / heads;
      const turned = tf.transpose(tf.reshape(qkv, [n, places, 3 * heads, depth]), [0, 2, 1, 3]); // [B, 3·heads, T, depth]
      const [queries, keys, values] = tf.split(turned, 3, 1) as Tensor4D[]; // [B, heads, T, depth]
      const shares = tf.softmax(tf.mul(tf.matMul(queries, keys, false, true), 1 / Math.sqrt(depth)) as Tensor4D); // [B, heads, T, T]
      return tf.reshape(tf.transpose(tf.matMul(shares, values), [0, 2, 1, 3]), [n, places, all / 3]) as Tensor3D;
    }),
  );
}
