/**
 * Dropout (Srivastava et al. 2014) whose mask depends only on its seed, so that a resumed run is identical to an uninterrupted one. The dropout of tfjs-core
 * fills the mask in a JavaScript loop and cannot be seeded per step.
 */
import type { Tensor } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { nativeSeed, random } from '../random.ts';
import { native, ownAttributes, owner, typeAttribute } from './native.ts';

/** Sets values to zero with probability `rate` and divides the others by 1 − rate. The same seed gives the same mask. Returns `x` itself if the rate is 0. */
export function dropout<T extends Tensor>(x: T, rate: number, seed: (number | string)[]): T {
  if (rate <= 0) return x;
  const own = owner('WinnowDropout');
  if (own) {
    const key = nativeSeed(...seed);
    // Also the gradient: the mask is a function of seed and index.
    const drop = (x: Tensor): Tensor =>
      own.executeSingleOutput('WinnowDropout', ownAttributes(own, {}, { rate }), [x, tf.tensor1d(key, 'int32')]);
    return tf.customGrad((x) => ({ value: drop(x as Tensor), gradFunc: (dy: Tensor) => drop(dy) }))(x) as T;
  }
  return tf.tidy(() => {
    const keep = tf.cast(tf.less(uniform(x.shape, seed), 1 - rate), 'float32');
    return tf.mul(tf.mul(x, keep), 1 / (1 - rate)) as T;
  });
}

/** Stochastic depth (Huang et al. 2016): a branch [B, …] is set to zero for some of the images, and scaled by 1 / (1 − rate) for the others. */
export function dropPath<T extends Tensor>(branch: T, rate: number, seed: (number | string)[]): T {
  if (rate <= 0) return branch;
  return tf.tidy(
    () =>
      tf.mul(
        branch,
        dropout(tf.ones([branch.shape[0], ...branch.shape.slice(1).fill(1)]), rate, [...seed, 'path']),
      ) as T,
  );
}

/** Uniform random numbers in [0, 1). */
export function uniform(shape: number[], seed: (number | string)[]): Tensor {
  const backend = native();
  if (!backend) {
    const next = random(...seed);
    const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
    for (let i = 0; i < values.length; i++) values[i] = next();
    return tf.tensor(values, shape);
  }
  const { TF_FLOAT, TF_INT32 } = backend.binding;
  const attributes = [
    typeAttribute(backend, 'dtype', TF_FLOAT),
    typeAttribute(backend, 'T', TF_INT32),
    typeAttribute(backend, 'Tseed', TF_INT32),
  ];
  return backend.executeSingleOutput('StatelessRandomUniform', attributes, [
    tf.tensor1d(shape, 'int32'),
    tf.tensor1d(nativeSeed(...seed), 'int32'),
  ]);
}
