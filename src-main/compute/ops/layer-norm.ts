/** Layer normalisation (Ba et al. 2016): each position is normalised over its channels. It needs no batch and has no moving statistics. */
import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { addBias, columnSums } from './bias.ts';
import { traced } from './traced.ts';

/** x [..., C] → the same shape. `gamma`, `beta`: [C]; `epsilon` is added to the variance. */
export function layerNormalise<T extends Tensor>(x: T, gamma: Tensor1D, beta: Tensor1D, epsilon: number): T {
  return traced('layerNormalise', [x, gamma, beta], { epsilon }, () =>
    tf.tidy(() => {
      const rows = tf.reshape(x, [-1, gamma.size]);
      const scaled = tf.customGrad((...args: unknown[]) => {
        const [x, gamma, save] = args as [Tensor2D, Tensor1D, (saved: Tensor[]) => void];
        const { mean, variance } = tf.moments(x, 1, true);
        const inverse = tf.rsqrt(tf.add(variance, epsilon)); // [N, 1]
        const unit = tf.mul(tf.sub(x, mean), inverse); // [N, C]
        save([unit, inverse, gamma]);
        const gradFunc = (dy: Tensor, [unit, inverse, gamma]: Tensor[]): Tensor[] => {
          const g = tf.mul(dy, gamma);
          const along = tf.mul(unit, tf.mean(tf.mul(g, unit), 1, true));
          return [
            tf.mul(inverse, tf.sub(tf.sub(g, tf.mean(g, 1, true)), along)),
            columnSums(tf.mul(dy, unit) as Tensor2D),
          ];
        };
        return { value: tf.mul(unit, gamma), gradFunc };
      })(rows, gamma);
      return tf.reshape(addBias(scaled, beta), x.shape) as T;
    }),
  );
}
