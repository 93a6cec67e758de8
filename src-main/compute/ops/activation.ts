/** Activation functions. Their numbers are those of `kernels/simd.h`. */
import type { Tensor } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { native, typeAttribute } from './native.ts';

export const activations = { none: 0, relu: 1, relu6: 2, sigmoid: 3 } as const;
export type Activation = keyof typeof activations;

const gradients = {
  relu: ['ReluGrad', (y: Tensor, dy: Tensor) => [dy, y]],
  relu6: ['Relu6Grad', (y: Tensor, dy: Tensor) => [dy, y]],
  sigmoid: ['SigmoidGrad', (y: Tensor, dy: Tensor) => [y, dy]],
} as const;

/** On native TensorFlow, uses the fused gradient op of each activation; tfjs composes gradients of comparisons and products, which is slower. */
export function activate<T extends Tensor>(x: T, activation: Activation): T {
  if (activation === 'none') return x;
  const forward = { relu: tf.relu, relu6: tf.relu6, sigmoid: tf.sigmoid }[activation] as (x: T) => T;
  const backend = native();
  if (!backend) return forward(x);
  const [op, inputs] = gradients[activation];
  return tf.customGrad((...args: unknown[]) => {
    const [x, save] = args as [T, (saved: Tensor[]) => void];
    const value = forward(x);
    save([value]);
    return {
      value,
      gradFunc: (dy: Tensor, saved: Tensor[]): Tensor =>
        backend.executeSingleOutput(op, [typeAttribute(backend)], inputs(saved[0], dy)),
    };
  })(x) as T;
}
