/** The median over several tensors, one node of an exported graph. */
import type { Tensor1D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { traced } from './traced.ts';

/** At each place the median of the values there; of an even number, the mean of the middle two. At least one tensor, all [n] → [n]. */
export const medianOfEach = (values: Tensor1D[]): Tensor1D =>
  traced('medianOfEach', values, {}, () =>
    tf.tidy(() => {
      const half = Math.floor(values.length / 2) + 1;
      const largest = tf.unstack(tf.topk(tf.stack(values, 1), half).values, 1) as Tensor1D[];
      const middle = largest[half - 1];
      return values.length % 2 ? middle : (tf.div(tf.add(middle, largest[half - 2]), 2) as Tensor1D);
    }),
  );
