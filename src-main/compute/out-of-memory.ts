/** True if an error means that memory ran out: TensorFlow, WebGPU and V8 have different messages for it. */
export function isOutOfMemory(error: unknown): boolean {
  return pattern.test(error instanceof Error ? error.message : String(error));
}

/** The last three are messages of WebGPU about a buffer that is larger than the device allows. */
const pattern =
  /\bOOM\b|out.?of.?memory|resource ?exhausted|allocation failed|failed to allocate|max(imum)? (buffer|binding) size|maxStorageBufferBindingSize|too large for the implementation/i;
