/**
 * Reads the values of tensors. On TensorFlow and plain JavaScript this is synchronous. On WebGPU it waits until the device has computed them, and only then
 * errors of the device are known (`webgpu.ts`): until then a failed computation looks like zeros. So a training step changes nothing before its loss has been
 * read.
 */
import type { DataTypeMap, Tensor } from '@tensorflow/tfjs';
import { backendInfo } from './backend.ts';
import { freeUnusedBuffers, throwFailure } from './webgpu.ts';

/** Reads a tensor and keeps it. Throws errors of the device. */
export async function valuesOf<D extends 'float32' | 'int32' = 'float32'>(tensor: Tensor): Promise<DataTypeMap[D]> {
  if (backendInfo().backend !== 'webgpu') return tensor.dataSync<D>();
  try {
    return await tensor.data<D>();
  } finally {
    throwFailure();
  }
}

/** Reads a tensor and disposes of it, even if reading fails. Throws errors of the device. */
export async function readBack<D extends 'float32' | 'int32' = 'float32'>(tensor: Tensor): Promise<DataTypeMap[D]> {
  try {
    return await valuesOf<D>(tensor);
  } finally {
    tensor.dispose();
  }
}

/** Frees cached memory of the device. Call it after disposing of all tensors of a step that ran out of memory, before trying again with fewer images. */
export function freeDeviceMemory(): void {
  if (backendInfo().backend === 'webgpu') freeUnusedBuffers();
}
