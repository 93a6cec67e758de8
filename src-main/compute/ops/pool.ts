/**
 * Max pooling. Where several places of a window hold the maximum, the first in reading order gets the gradient, as in TensorFlow's and PyTorch's
 * kernels; the stock tfjs gradient gives it to all. Behind a normalisation it is part of that kernel (norm.ts).
 */
import type { Tensor, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { native, nhwc, typeAttribute } from './native.ts';

/** x [B, H, W, C]; a number pads each side by it, with values below all. */
export function maxPool(x: Tensor4D, size: number, stride: number, padding: 'valid' | 'same' | number): Tensor4D {
  const kind = typeof padding === 'number' ? 'valid' : padding;
  const padded = typeof padding === 'number' && padding ? (tf.pad(x, [[0, 0], [padding, padding], [padding, padding], [0, 0]], -3.4e38) as Tensor4D) : x;
  const backend = native();
  if (!backend) return tf.maxPool(padded, size, stride, kind);
  const list = (name: string, value: number): { name: string; type: number; value: number[] } => ({ name, type: backend.binding.TF_ATTR_INT, value: [1, value, value, 1] });
  const attributes = [typeAttribute(backend), nhwc(backend), list('ksize', size), list('strides', stride), { name: 'padding', type: backend.binding.TF_ATTR_STRING, value: kind.toUpperCase() }];
  return tf.customGrad((...args: unknown[]) => {
    const [x, save] = args as [Tensor4D, (saved: Tensor[]) => void];
    const value = backend.executeSingleOutput('MaxPool', attributes, [x]);
    save([x, value]);
    return { value, gradFunc: (dy: Tensor, [x, y]: Tensor[]): Tensor => backend.executeSingleOutput('MaxPoolGrad', attributes, [x, y, dy]) };
  })(padded) as Tensor4D;
}
