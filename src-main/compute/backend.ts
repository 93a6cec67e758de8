/**
 * Chooses what computes the tensors, once per process: native TensorFlow, else WebGPU through Dawn, else tfjs's plain JavaScript.
 * Nothing is loaded by importing this file: `tf` is set by `await startBackend()`, so whoever only reads the scorers' records
 * (titles, schemas) never loads a native library. Use `tf` inside functions, never at the top of a module.
 */
import os from 'node:os';
import util from 'node:util';

export type BackendName = 'tensorflow' | 'webgpu' | 'plain';
export type BackendChoice = 'auto' | BackendName;

export interface BackendInfo {
  backend: BackendName;
  version: string;
  device: string;
  threads: number;
  warning?: string;
}

type Tf = typeof import('@tensorflow/tfjs');

export let tf: Tf;
let started: Promise<BackendInfo> | undefined;
let info: BackendInfo | undefined;

/** The first call decides; later calls get the same answer whatever they ask for. */
export function startBackend(choice: BackendChoice = 'auto'): Promise<BackendInfo> {
  started ??= start((process.env.WINNOW_BACKEND as BackendChoice | undefined) || choice);
  return started;
}

export function backendInfo(): BackendInfo {
  if (!info) throw new Error('No backend yet: await startBackend() first.');
  return info;
}

const starters: Record<BackendName, () => Promise<BackendInfo>> = { tensorflow: startTensorFlow, webgpu: startWebGpu, plain: startPlain };

async function start(choice: BackendChoice): Promise<BackendInfo> {
  if (choice !== 'auto' && !(choice in starters)) throw new Error(`Unknown backend '${choice}': use auto, tensorflow, webgpu or plain.`);
  const reasons: string[] = [];
  for (const name of choice === 'auto' ? (['tensorflow', 'webgpu', 'plain'] as const) : [choice]) {
    try {
      info = await starters[name]();
      if (choice === 'auto' && reasons.length) info.warning = [info.warning, ...reasons].filter(Boolean).join(' ');
      return info;
    } catch (error) {
      reasons.push(`${name}: ${(error instanceof Error ? error.message : String(error)).split('\n')[0].trim()}`);
    }
  }
  throw new Error(`No backend could be started. ${reasons.join(' ')}`);
}

async function startTensorFlow(): Promise<BackendInfo> {
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  // Node 23 dropped what tfjs-node still calls.
  (util as { isNullOrUndefined?: (value: unknown) => boolean }).isNullOrUndefined ??= (value) => value === null || value === undefined;
  const library = (await import('@tensorflow/tfjs-node-gpu')) as unknown as { default: Tf };
  tf = library.default;
  const versions: Record<string, string> = tf.version;
  await tf.ready();
  const { isUsingGpuDevice } = tf.backend() as unknown as { isUsingGpuDevice: boolean };
  return {
    backend: 'tensorflow',
    version: `TensorFlow (tfjs-node ${versions['tfjs-node'] ?? versions['tfjs-core']})`,
    device: isUsingGpuDevice ? 'GPU' : processor(),
    threads: Number(process.env.TF_NUM_INTRAOP_THREADS) || os.availableParallelism(),
  };
}

async function startWebGpu(): Promise<BackendInfo> {
  const { create, globals } = (await import('webgpu')) as unknown as { create(options: string[]): unknown; globals: object };
  Object.assign(globalThis, globals);
  Object.defineProperty(globalThis, 'navigator', { value: { gpu: create([]), userAgent: 'node' }, configurable: true });
  // tfjs-core alone registers no gradients, so the whole of tfjs it is.
  const library = await import('@tensorflow/tfjs');
  await import('@tensorflow/tfjs-backend-webgpu');
  if (!(await library.setBackend('webgpu'))) throw new Error('no WebGPU adapter');
  await library.ready();
  tf = library;
  const { adapterInfo } = tf.backend() as unknown as { adapterInfo?: { vendor?: string; architecture?: string; deviceName?: string } };
  const device = [adapterInfo?.vendor, adapterInfo?.architecture, adapterInfo?.deviceName].filter(Boolean).join(' ') || 'GPU';
  const software = /swiftshader|llvmpipe|lavapipe/i.test(device);
  return {
    backend: 'webgpu',
    version: `WebGPU (tfjs ${tf.version['tfjs-core']})`,
    device,
    threads: 1,
    ...(software && { warning: 'WebGPU runs in software here, which is slow.' }),
  };
}

async function startPlain(): Promise<BackendInfo> {
  tf = await import('@tensorflow/tfjs');
  await tf.setBackend('cpu');
  await tf.ready();
  return {
    backend: 'plain',
    version: `tfjs ${tf.version['tfjs-core']}`,
    device: processor(),
    threads: 1,
    warning: 'Running without native TensorFlow or WebGPU: training is 50 to 200 times slower.',
  };
}

const processor = (): string => os.cpus()[0]?.model.trim() || os.arch();
