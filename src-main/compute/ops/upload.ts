/** Uploads pixels: a batch is sent to the device as uint8, a quarter of the size, and converted to floats there. */
import type { Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { hasKernel } from '../kernels/index.ts';
import { native, typeAttribute } from './native.ts';

/** `bytes` [count, height, width, 3] → a tensor of the same shape, 0..1. The bytes may be overwritten after this returns. */
export function uploadPixels(bytes: Uint8Array, count: number, height: number, width = height): Tensor4D {
  const shape: [number, number, number, number] = [count, height, width, 3];
  const backend = native();
  return tf.tidy(() => {
    if (!backend) return tf.div(tf.tensor4d(Float32Array.from(bytes), shape), 255) as Tensor4D;
    const { TF_UINT8, TF_ATTR_BOOL } = backend.binding;
    const raw = backend.createOutputTensor({
      id: backend.binding.createTensor(shape, TF_UINT8, bytes),
      shape,
      dtype: TF_UINT8,
    });
    if (hasKernel('WinnowPixels')) return backend.executeSingleOutput('WinnowPixels', [], [raw]) as Tensor4D;
    const attributes = [
      typeAttribute(backend, 'SrcT', TF_UINT8),
      typeAttribute(backend, 'DstT'),
      { name: 'Truncate', type: TF_ATTR_BOOL, value: false },
    ];
    return tf.div(backend.executeSingleOutput('Cast', attributes, [raw]), 255) as Tensor4D;
  });
}
