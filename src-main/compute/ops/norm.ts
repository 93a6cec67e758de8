/**
 * Batch normalisation (Ioffe & Szegedy 2015) in training, followed by optional 2×2 max pooling and an activation. On the CPU it is one kernel of our own for
 * the forward pass and one for the gradient; on a GPU TensorFlow's fused kernels; elsewhere composed of tfjs ops.
 */
import type { Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { activate, activations, type Activation } from './activation.ts';
import { native, nhwc, ownAttributes, owner, typeAttribute, type NativeBackend } from './native.ts';
import { maxPool } from './pool.ts';

export interface NormaliseOptions {
  /** Added to the variance. */
  epsilon: number;
  pool?: 1 | 2;
  activation?: Exclude<Activation, 'sigmoid'>;
}

export interface Normalised {
  y: Tensor4D;
  /** Mean and unbiased variance of this batch, [C]. The tensors are kept: the caller disposes of them. */
  mean: Tensor1D;
  variance: Tensor1D;
}

/** Normalises x [B, H, W, C] for each channel. The returned statistics have no gradient. */
export function normalise(x: Tensor4D, gamma: Tensor1D, beta: Tensor1D, options: NormaliseOptions): Normalised {
  const own = owner('WinnowNorm');
  if (own) return ownNorm(own, x, gamma, beta, options);
  const { epsilon, pool = 1, activation = 'none' } = options;
  const backend = native();
  const { y, mean, variance } = backend
    ? nativeNorm(backend, x, gamma, beta, epsilon)
    : composedNorm(x, gamma, beta, epsilon);
  return { y: activate(pool === 2 ? maxPool(y, 2, 2, 'valid') : y, activation), mean, variance };
}

function ownNorm(
  own: NativeBackend,
  x: Tensor4D,
  gamma: Tensor1D,
  beta: Tensor1D,
  { epsilon, pool = 1, activation = 'none' }: NormaliseOptions,
): Normalised {
  const whole = { pool, activation: activations[activation] };
  let statistics: Tensor[] = [];
  const y = tf.customGrad((...args: unknown[]) => {
    const [x, gamma, beta, save] = args as [Tensor4D, Tensor1D, Tensor1D, (saved: Tensor[]) => void];
    const [y, mean, variance, inverse, index] = own.executeMultipleOutputs(
      'WinnowNorm',
      ownAttributes(own, whole, { epsilon }),
      [x, gamma, beta],
      5,
    );
    statistics = [tf.keep(mean), tf.keep(variance)];
    // A clone of the mean, since the caller may dispose of the mean before the gradient is computed.
    save([x, gamma, beta, tf.clone(mean), inverse, index, y]);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor[] =>
      own.executeMultipleOutputs('WinnowNormGrad', ownAttributes(own, whole), [...saved, dy], 3);
    return { value: y, gradFunc };
  })(x, gamma, beta) as Tensor4D;
  return { y, mean: statistics[0] as Tensor1D, variance: statistics[1] as Tensor1D };
}

function nativeNorm(backend: NativeBackend, x: Tensor4D, gamma: Tensor1D, beta: Tensor1D, epsilon: number): Normalised {
  const { TF_ATTR_FLOAT, TF_ATTR_BOOL } = backend.binding;
  const attributes = [
    typeAttribute(backend),
    typeAttribute(backend, 'U'),
    nhwc(backend),
    { name: 'epsilon', type: TF_ATTR_FLOAT, value: epsilon },
    { name: 'is_training', type: TF_ATTR_BOOL, value: true },
  ];
  let statistics: Tensor[] = [];
  const y = tf.customGrad((...args: unknown[]) => {
    const [x, gamma, beta, save] = args as [Tensor4D, Tensor1D, Tensor1D, (saved: Tensor[]) => void];
    const none = tf.zeros([0]);
    const average = { name: 'exponential_avg_factor', type: TF_ATTR_FLOAT, value: 1 };
    const [y, mean, variance, ...reserved] = backend.executeMultipleOutputs(
      'FusedBatchNormV3',
      [...attributes, average],
      [x, gamma, beta, none, none],
      6,
    );
    statistics = [tf.keep(mean), tf.keep(variance)];
    save([x, gamma, ...reserved]);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor[] =>
      backend.executeMultipleOutputs('FusedBatchNormGradV3', attributes, [dy, ...saved], 5).slice(0, 3);
    return { value: y, gradFunc };
  })(x, gamma, beta) as Tensor4D;
  return { y, mean: statistics[0] as Tensor1D, variance: statistics[1] as Tensor1D };
}

/**
 * With the gradient in closed form (Ioffe & Szegedy 2015, section 3): tfjs's own gradient tiles each statistic to the size of x, which took most of a step on
 * WebGPU.
 */
function composedNorm(x: Tensor4D, gamma: Tensor1D, beta: Tensor1D, epsilon: number): Normalised {
  const places = x.size / x.shape[3];
  let statistics: Tensor[] = [];
  const y = tf.customGrad((...args: unknown[]) => {
    const [x, gamma, beta, save] = args as [Tensor4D, Tensor1D, Tensor1D, (saved: Tensor[]) => void];
    const { mean, variance } = tf.moments(x, [0, 1, 2]);
    const inverse = tf.rsqrt(tf.add(variance, epsilon));
    statistics = [tf.keep(tf.clone(mean)), tf.keep(tf.mul(variance, places / Math.max(1, places - 1)))];
    save([x, gamma, mean, inverse]);
    const gradFunc = (dy: Tensor, [x, gamma, mean, inverse]: Tensor[]): Tensor[] => {
      const normal = tf.mul(tf.sub(x, mean), inverse);
      const dbeta = tf.sum(dy, [0, 1, 2]);
      const dgamma = tf.sum(tf.mul(dy, normal), [0, 1, 2]);
      const shared = tf.add(tf.div(dbeta, places), tf.mul(normal, tf.div(dgamma, places)));
      return [tf.mul(tf.sub(dy, shared), tf.mul(gamma, inverse)), dgamma, dbeta];
    };
    return { value: tf.batchNorm4d(x, mean as Tensor1D, variance as Tensor1D, beta, gamma, epsilon), gradFunc };
  })(x, gamma, beta) as Tensor4D;
  return { y, mean: statistics[0] as Tensor1D, variance: statistics[1] as Tensor1D };
}
