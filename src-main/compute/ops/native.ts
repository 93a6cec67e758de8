/**
 * Direct access to native kernels. Each op in this folder has up to three implementations: our own C++ kernel (`owner()`, see `kernels/index.ts`), TensorFlow's
 * fused kernel (`native()`), and a composition of tfjs ops for the other backends. The tests compare all of them with each other and with finite differences.
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

/** The native backend; undefined on other backends, and while a network is traced for export: the exported graph must consist of tfjs's ops. */
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

/** Attributes of our own kernels: integers and floats. */
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

/** The backend, if our own kernel `op` is loaded. */
export const owner = (op: string): NativeBackend | undefined => (hasKernel(op) ? native() : undefined);
