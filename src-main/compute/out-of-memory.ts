/** Whether an error means that memory ran out: TensorFlow, WebGPU and V8 each say it in their own words. */
export function isOutOfMemory(error: unknown): boolean {
  return /\bOOM\b|out of memory|resource ?exhausted|allocation failed|failed to allocate/i.test(error instanceof Error ? error.message : String(error));
}
