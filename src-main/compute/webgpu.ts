/**
 * WebGPU outside a browser, through Dawn. What goes wrong on the device throws nothing: it comes as an event after the call, and until
 * then the results are zeros. So the first error is kept here, and whoever reads values back hears of it (read-back.ts). A device that
 * is lost stays lost: the process says so and ends, its calls fail with what it said, and the next call finds a new process.
 */

export interface Adapter {
  /** As the driver calls it. */
  device: string;
  /** Drawn by the processor. */
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

/** Of tfjs's backend, what no public call reaches. */
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

/** Puts WebGPU where tfjs looks for it. Throws where there is no adapter. */
export async function openAdapter(): Promise<Adapter> {
  const { create, globals } = (await import('webgpu')) as unknown as {
    create(options: string[]): Gpu;
    globals: object;
  };
  const gpu = create([]);
  Object.assign(globalThis, globals);
  Object.defineProperty(globalThis, 'navigator', { value: { gpu, userAgent: 'node' }, configurable: true });
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' }); // the one that tfjs asks for
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

export function watch(started: GpuBackend): void {
  backend = started;
  started.device.addEventListener('uncapturederror', (event) => {
    event.preventDefault(); // else Dawn prints it, with all that follows from it
    failure ??= new Error((event as Event & { error: Error }).error.message.split('\n')[0]);
  });
  void started.device.lost.then(({ reason, message }) => {
    process.stderr.write(`WebGPU has lost its graphics device (${message || reason}).\n`, () => process.exit(1));
  });
}

/** Throws what went wrong on the device since this was last asked. */
export function throwFailure(): void {
  if (!failure) return;
  const thrown = failure;
  failure = undefined;
  throw thrown;
}

/** Gives back what tfjs keeps to use again. After an error: memory is short, or what is kept is broken. */
export function freeKept(): void {
  const manager = backend?.bufferManager;
  for (const buffers of manager?.freeBuffers.values() ?? []) {
    for (const buffer of buffers.splice(0)) {
      manager!.numFreeBuffers--;
      manager!.numBytesAllocated -= buffer.size;
      buffer.destroy();
    }
  }
}
