/**
 * The door to TensorFlow's own kernels, where tfjs offers none or only a slow composition. `native()` is undefined on the other
 * backends: every op here has a composed twin that gives the same values there.
 */
import type { Tensor } from '@tensorflow/tfjs';
import { tf, backendInfo } from '../backend.ts';

export interface NativeBackend {
  binding: Record<'TF_ATTR_TYPE' | 'TF_ATTR_FLOAT' | 'TF_ATTR_STRING' | 'TF_ATTR_BOOL' | 'TF_ATTR_INT' | 'TF_FLOAT' | 'TF_INT32' | 'TF_UINT8', number> & {
    createTensor(shape: number[], dtype: number, values: ArrayBufferView): number;
  };
  executeSingleOutput(op: string, attributes: Attribute[], inputs: Tensor[]): Tensor;
  executeMultipleOutputs(op: string, attributes: Attribute[], inputs: Tensor[], outputs: number): Tensor[];
  createOutputTensor(metadata: { id: number; shape: number[]; dtype: number }): Tensor;
}

export interface Attribute {
  name: string;
  type: number;
  value: number | string | boolean | number[];
}

export function native(): NativeBackend | undefined {
  return backendInfo().backend === 'tensorflow' ? (tf.backend() as unknown as NativeBackend) : undefined;
}

export const typeAttribute = (backend: NativeBackend, name = 'T', value = backend.binding.TF_FLOAT): Attribute => ({ name, type: backend.binding.TF_ATTR_TYPE, value });
export const nhwc = (backend: NativeBackend): Attribute => ({ name: 'data_format', type: backend.binding.TF_ATTR_STRING, value: 'NHWC' });
