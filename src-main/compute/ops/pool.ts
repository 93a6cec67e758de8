/**
 * Max pooling. If several places of a window have the maximum, only the first in row order gets the gradient, as in TensorFlow and PyTorch; the tfjs gradient
 * would go to all. After a batch normalisation, pooling is a part of that kernel (`norm.ts`).
 */
import type { Tensor, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { native, nhwc, ownAttributes, owner, typeAttribute, type NativeBackend } from './native.ts';

type Padding = 'valid' | 'same' | number;

/** x [B, H, W, C]. A number as `padding` pads each side by it; padding is never the maximum. */
export function maxPool(x: Tensor4D, size: number, stride: number, padding: Padding): Tensor4D {
  const own = owner('WinnowMaxPool');
  if (own && size <= 15) return ownPool(own, x, size, stride, padding); // the kernel stores the place in the window as a byte
  const kind = typeof padding === 'number' ? 'valid' : padding;
  const padded =
    typeof padding === 'number' && padding
      ? (tf.pad(
          x,
          [
            [0, 0],
            [padding, padding],
            [padding, padding],
            [0, 0],
          ],
          -3.4e38,
        ) as Tensor4D)
      : x;
  const backend = native();
  return backend ? nativePool(backend, padded, size, stride, kind) : tf.maxPool(padded, size, stride, kind);
}

function ownPool(own: NativeBackend, x: Tensor4D, size: number, stride: number, padding: Padding): Tensor4D {
  const { inHeight, inWidth, outHeight, outWidth, padInfo } = tf.backend_util.computePool2DInfo(
    x.shape,
    size,
    stride,
    1,
    padding,
  );
  const window = { size, stride, padTop: padInfo.top, padLeft: padInfo.left };
  return tf.customGrad((...args: unknown[]) => {
    const [x, save] = args as [Tensor4D, (saved: Tensor[]) => void];
    const [value, index] = own.executeMultipleOutputs(
      'WinnowMaxPool',
      ownAttributes(own, { ...window, height: outHeight, width: outWidth }),
      [x],
      2,
    );
    save([index]);
    const back = ownAttributes(own, { ...window, height: inHeight, width: inWidth });
    return {
      value,
      gradFunc: (dy: Tensor, [index]: Tensor[]): Tensor =>
        own.executeSingleOutput('WinnowMaxPoolGrad', back, [index, dy]),
    };
  })(x) as Tensor4D;
}

function nativePool(
  backend: NativeBackend,
  x: Tensor4D,
  size: number,
  stride: number,
  padding: 'valid' | 'same',
): Tensor4D {
  const list = (name: string, value: number): { name: string; type: number; value: number[] } => ({
    name,
    type: backend.binding.TF_ATTR_INT,
    value: [1, value, value, 1],
  });
  const attributes = [
    typeAttribute(backend),
    nhwc(backend),
    list('ksize', size),
    list('strides', stride),
    { name: 'padding', type: backend.binding.TF_ATTR_STRING, value: padding.toUpperCase() },
  ];
  return tf.customGrad((...args: unknown[]) => {
    const [x, save] = args as [Tensor4D, (saved: Tensor[]) => void];
    const value = backend.executeSingleOutput('MaxPool', attributes, [x]);
    save([x, value]);
    return {
      value,
      gradFunc: (dy: Tensor, [x, y]: Tensor[]): Tensor =>
        backend.executeSingleOutput('MaxPoolGrad', attributes, [x, y, dy]),
    };
  })(x) as Tensor4D;
}
