/**
 * The layer kernels that are slow in stock tfjs, with their gradients: normalisation over a batch, ReLU, bias, 2×2 max pooling.
 * On native TensorFlow each is one fused kernel each way (the stock versions take three quarters of a training step); on the
 * other backends the same value is composed from tfjs ops. Batch normalisation: Ioffe & Szegedy 2015.
 */
import type { Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { native, nhwc, typeAttribute, type NativeBackend } from './native.ts';

export const epsilon = 1e-3;

export interface Normalised {
  y: Tensor4D;
  /** Of this batch, per channel. Kept: the caller disposes them. */
  mean: Tensor1D;
  variance: Tensor1D;
}

/** Normalises over batch and place, per channel; the statistics leave without gradient. */
export function normaliseBatch(x: Tensor4D, gamma: Tensor1D, beta: Tensor1D): Normalised {
  const backend = native();
  if (!backend) {
    const { mean, variance } = tf.moments(x, [0, 1, 2]);
    const y = tf.batchNorm4d(x, mean as Tensor1D, variance as Tensor1D, beta, gamma, epsilon);
    return { y, mean: tf.keep(tf.clone(mean as Tensor1D)), variance: tf.keep(tf.clone(variance as Tensor1D)) };
  }
  const attributes = normAttributes(backend);
  let statistics: Tensor[] = [];
  const normalise = tf.customGrad((...args: unknown[]) => {
    const [x, gamma, beta, save] = args as [Tensor4D, Tensor1D, Tensor1D, (saved: Tensor[]) => void];
    const none = tf.zeros([0]);
    const average = { name: 'exponential_avg_factor', type: backend.binding.TF_ATTR_FLOAT, value: 1 };
    const [y, mean, variance, ...reserved] = backend.executeMultipleOutputs('FusedBatchNormV3', [...attributes, average], [x, gamma, beta, none, none], 6);
    statistics = [tf.keep(mean), tf.keep(variance)];
    save([x, gamma, ...reserved]);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor[] => backend.executeMultipleOutputs('FusedBatchNormGradV3', attributes, [dy, ...saved], 5).slice(0, 3);
    return { value: y, gradFunc };
  });
  const y = normalise(x, gamma, beta) as Tensor4D;
  return { y, mean: statistics[0] as Tensor1D, variance: statistics[1] as Tensor1D };
}

function normAttributes(backend: NativeBackend) {
  const { TF_ATTR_FLOAT, TF_ATTR_BOOL } = backend.binding;
  return [
    typeAttribute(backend),
    typeAttribute(backend, 'U'),
    nhwc(backend),
    { name: 'epsilon', type: TF_ATTR_FLOAT, value: epsilon },
    { name: 'is_training', type: TF_ATTR_BOOL, value: true },
  ];
}

export function relu<T extends Tensor>(x: T): T {
  const backend = native();
  if (!backend) return tf.relu(x);
  return tf.customGrad((...args: unknown[]) => {
    const [x, save] = args as [T, (saved: Tensor[]) => void];
    const y = tf.relu(x);
    save([y]);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor => backend.executeSingleOutput('ReluGrad', [typeAttribute(backend)], [dy, saved[0]]);
    return { value: y, gradFunc };
  })(x) as T;
}

/** Adds a bias per channel; the stock gradient of a broadcast sum is three slow reductions. */
export function addBias<T extends Tensor>(x: T, bias: Tensor1D): T {
  const backend = native();
  if (!backend) return tf.add(x, bias);
  const attributes = [typeAttribute(backend), nhwc(backend)];
  return tf.customGrad((...args: unknown[]) => {
    const [x, bias] = args as [T, Tensor1D];
    const value = backend.executeSingleOutput('BiasAdd', attributes, [x, bias]);
    return { value, gradFunc: (dy: Tensor): Tensor[] => [dy, backend.executeSingleOutput('BiasAddGrad', attributes, [dy])] };
  })(x, bias) as T;
}

/** 2×2 max pooling, stride 2. The gradient goes to every place that holds the maximum: ties are rare in floats, and MaxPoolGrad is slow. */
export function halve(x: Tensor4D): Tensor4D {
  if (!native()) return tf.maxPool(x, 2, 2, 'valid');
  return tf.customGrad((...args: unknown[]) => {
    const [x, save] = args as [Tensor4D, (saved: Tensor[]) => void];
    const y = tf.maxPool(x, 2, 2, 'valid');
    save([x, y]);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor => {
      const [x, y] = saved as [Tensor4D, Tensor4D];
      const [n, h, w, c] = y.shape;
      const isMax = tf.cast(tf.equal(tf.reshape(x, [n * h, 2, w, 2, c]), tf.reshape(y, [n * h, 1, w, 1, c])), 'float32');
      return tf.reshape(tf.mul(isMax, tf.reshape(dy, [n * h, 1, w, 1, c])), x.shape);
    };
    return { value: y, gradFunc };
  })(x) as Tensor4D;
}
