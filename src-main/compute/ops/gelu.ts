/** GELU (Hendrycks & Gimpel 2016): x · Φ(x), exact and not with the tanh approximation. */
import type { Tensor } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { traced } from './traced.ts';

/** x · Φ(x) of each value, with its gradient. */
export function gelu<T extends Tensor>(x: T): T {
  return traced('gelu', [x], {}, () =>
    tf.tidy(
      () =>
        tf.customGrad((...args: unknown[]) => {
          const [x, save] = args as [T, (saved: Tensor[]) => void];
          const below = tf.mul(tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1), 0.5);
          save([x, below]);
          const gradFunc = (dy: Tensor, [x, below]: Tensor[]): Tensor => {
            const density = tf.mul(tf.exp(tf.mul(tf.square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
            return tf.mul(dy, tf.add(below, tf.mul(x, density)));
          };
          return { value: tf.mul(x, below) as T, gradFunc };
        })(x) as T,
    ),
  );
}
