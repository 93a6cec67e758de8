/**
 * WebGPU outside a browser, through Dawn. An error on the device does not throw: it arrives as an event later, and until then results are zeros. So the first
 * error is kept here, and thrown when values are read (`read-back.ts`). A lost device cannot be recovered: the process reports it and ends, its calls fail with
 * this message, and the next call starts a new process.
 */

export interface Adapter {
  /** The name that the driver reports. */
  device: string;
  /** True if a software driver on the CPU emulates the device. */
  software: boolean;
}

interface AdapterInfo {
  vendor: string;
  architecture: string;
  device: string;
  description: string;
  isFallbackAdapter?: boolean;
}

interface Gpu {
  requestAdapter(options: { powerPreference: 'high-performance' }): Promise<{ info: AdapterInfo } | null>;
}

interface Device extends EventTarget {
  lost: Promise<{ reason: string; message: string }>;
}

/** Parts of tfjs's backend that have no public interface. */
export interface GpuBackend {
  device: Device;
  bufferManager: {
    freeBuffers: Map<string, { size: number; destroy(): void }[]>;
    numFreeBuffers: number;
    numBytesAllocated: number;
  };
}

let backend: GpuBackend | undefined;
let failure: Error | undefined;

/** Makes WebGPU available to tfjs, as `navigator.gpu`. Throws if there is no adapter. */
export async function openAdapter(): Promise<Adapter> {
  const { create, globals } = (await import('webgpu')) as unknown as {
    create(options: string[]): Gpu;
    globals: object;
  };
  const gpu = create([]);
  Object.assign(globalThis, globals);
  Object.defineProperty(globalThis, 'navigator', { value: { gpu, userAgent: 'node' }, configurable: true });
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' }); // the adapter that tfjs will request
  if (!adapter)
    throw new Error(
      `no graphics adapter was found${process.platform === 'linux' ? ' (it needs libvulkan1 and a Vulkan driver)' : ''}`,
    );
  const { vendor, architecture, device, description, isFallbackAdapter } = adapter.info;
  return {
    device: description || [vendor, architecture, device].filter(Boolean).join(' ') || 'GPU',
    software:
      isFallbackAdapter === true ||
      /swiftshader|llvmpipe|lavapipe|softpipe/i.test(`${architecture} ${device} ${description}`),
  };
}

/** Records errors of the device, and ends the process when the device is lost. */
export function watchDevice(started: GpuBackend): void {
  backend = started;
  started.device.addEventListener('uncapturederror', (event) => {
    event.preventDefault(); // otherwise Dawn prints it and all errors that follow from it
    failure ??= new Error((event as Event & { error: Error }).error.message.split('\n')[0]);
  });
  void started.device.lost.then(({ reason, message }) => {
    process.stderr.write(`WebGPU has lost its graphics device (${message || reason}).\n`, () => process.exit(1));
  });
}

/** Throws the first error of the device since the last call. */
export function throwFailure(): void {
  if (!failure) return;
  const thrown = failure;
  failure = undefined;
  throw thrown;
}

/** Frees the buffers that tfjs keeps for reuse: after an error, memory is short or the buffers are invalid. */
export function freeUnusedBuffers(): void {
  const manager = backend?.bufferManager;
  for (const buffers of manager?.freeBuffers.values() ?? []) {
    for (const buffer of buffers.splice(0)) {
      manager!.numFreeBuffers--;
      manager!.numBytesAllocated -= buffer.size;
      buffer.destroy();
    }
  }
}
