/**
 * The door to TensorFlow's own kernels, where tfjs offers none or only a slow composition. `native()` is undefined on the other
 * backends: every op here has a composed twin that gives the same values there.
 */
import type { Tensor } from '@tensorflow/tfjs';
import { tf, backendInfo } from '../backend.ts';
import { hasKernel } from '../kernels/index.ts';
import { isTracing } from './traced.ts';

export interface NativeBackend {
  binding: Record<
    | 'TF_ATTR_TYPE'
    | 'TF_ATTR_FLOAT'
    | 'TF_ATTR_STRING'
    | 'TF_ATTR_BOOL'
    | 'TF_ATTR_INT'
    | 'TF_FLOAT'
    | 'TF_INT32'
    | 'TF_UINT8',
    number
  > & {
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

/** None while a network is traced: other programs know tfjs's own kernels. */
export function native(): NativeBackend | undefined {
  return backendInfo().backend === 'tensorflow' && !isTracing()
    ? (tf.backend() as unknown as NativeBackend)
    : undefined;
}

export const typeAttribute = (backend: NativeBackend, name = 'T', value = backend.binding.TF_FLOAT): Attribute => ({
  name,
  type: backend.binding.TF_ATTR_TYPE,
  value,
});
export const nhwc = (backend: NativeBackend): Attribute => ({
  name: 'data_format',
  type: backend.binding.TF_ATTR_STRING,
  value: 'NHWC',
});

/** Attributes of our own kernels, whose numbers are whole unless they are named as floats. */
export function ownAttributes(
  { binding }: NativeBackend,
  whole: Record<string, number>,
  floats: Record<string, number> = {},
): Attribute[] {
  return [
    ...Object.entries(whole).map(([name, value]) => ({ name, type: binding.TF_ATTR_INT, value })),
    ...Object.entries(floats).map(([name, value]) => ({ name, type: binding.TF_ATTR_FLOAT, value })),
  ];
}

/** The backend, if it has this kernel of ours. */
export const owner = (op: string): NativeBackend | undefined => (hasKernel(op) ? native() : undefined);
