/** Whether an error means that memory ran out: TensorFlow, WebGPU and V8 each say it in their own words. */
export function isOutOfMemory(error: unknown): boolean {
  return words.test(error instanceof Error ? error.message : String(error));
}

/** The last three are WebGPU's, of one buffer that is more than the device takes. */
const words =
  /\bOOM\b|out.?of.?memory|resource ?exhausted|allocation failed|failed to allocate|max(imum)? (buffer|binding) size|maxStorageBufferBindingSize|too large for the implementation/i;
