/**
 * Values out of tensors: at once where TensorFlow or plain JavaScript computes, later on WebGPU, which can be asked only when the device
 * has done its work. Only then is it known whether something failed there on the way; what was computed until then is zeros.
 */
import type { DataTypeMap, Tensor } from '@tensorflow/tfjs';
import { backendInfo } from './backend.ts';
import { freeKept, throwFailure } from './webgpu.ts';

/** The tensor stays. */
export async function valuesOf<D extends 'float32' | 'int32' = 'float32'>(tensor: Tensor): Promise<DataTypeMap[D]> {
  if (backendInfo().backend !== 'webgpu') return tensor.dataSync<D>();
  try {
    return await tensor.data<D>();
  } finally {
    throwFailure();
  }
}

/** The tensor is disposed, also where reading fails. */
export async function readBack<D extends 'float32' | 'int32' = 'float32'>(tensor: Tensor): Promise<DataTypeMap[D]> {
  try {
    return await valuesOf<D>(tensor);
  } finally {
    tensor.dispose();
  }
}

/** To be called when everything of a step that ran out of memory is disposed, before it is tried in smaller parts. */
export function makeRoom(): void {
  if (backendInfo().backend === 'webgpu') freeKept();
}
