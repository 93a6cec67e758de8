/** The mean of the least or of the largest values of each row, one node of an exported graph. Its gradient goes to these values in equal parts. */
import type { GradSaveFunc, Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { traced } from './traced.ts';

/** [rows, values] → [rows]; `count` ≥ 1. */
export const meanOfLeast = (values: Tensor2D, count: number): Tensor1D =>
  traced('meanOfLeast', [values], { count }, () =>
    tf.customGrad((...args: unknown[]) => {
      const [values, save] = args as [Tensor2D, GradSaveFunc];
      const { values: least, indices } = tf.topk(tf.neg(values), count);
      save([indices]);
      return {
        value: tf.neg(tf.mean(least, 1)) as Tensor,
        gradFunc: (dy: Tensor, [indices]: Tensor[]): Tensor => {
          const chosen = tf.sum(tf.oneHot(indices as Tensor2D, values.shape[1]), 1);
          return tf.mul(tf.cast(chosen, 'float32'), tf.div(tf.expandDims(dy, 1), count));
        },
      };
    })(values as Tensor),
  ) as Tensor1D;

/** As `meanOfLeast`, of the largest values. */
export const meanOfLargest = (values: Tensor2D, count: number): Tensor1D =>
  tf.tidy(() => tf.neg(meanOfLeast(tf.neg(values), count)));
