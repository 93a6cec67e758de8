/**
 * Chooses the tfjs backend, once per compute process: native TensorFlow, else WebGPU through Dawn, else plain JavaScript; or the one that the user chose
 * (`backend-choice.ts`). Importing this module loads no library: `tf` is set by `await startBackend()`, so that the engine can import records (titles, schemas) that
 * use `tf` only inside functions. Never use `tf` at the top level of a module.
 */
import os from 'node:os';
import util from 'node:util';
import type { Backend, BackendChoice } from '../contract/machine.ts';
import { defineCall } from './call.ts';
import { loadKernels } from './kernels/index.ts';
import { registerFilterGradient } from './ops/filter-gradient.ts';
import { openAdapter, watchDevice, type GpuBackend } from './webgpu.ts';

type BackendName = Backend['backend'];

type Tf = typeof import('@tensorflow/tfjs');

export let tf: Tf;
let started: Promise<Backend> | undefined;
let info: Backend | undefined;

/** Starts the backend. The first call decides; later calls get the same backend whatever their choice. Throws if no backend can be used. */
export function startBackend(choice: BackendChoice = 'auto'): Promise<Backend> {
  started ??= start((process.env.WINNOW_BACKEND as BackendChoice | undefined) || choice);
  return started;
}

/** The description of the running backend. Throws before `startBackend` has finished. */
export function backendInfo(): Backend {
  if (!info) throw new Error('No backend yet: await startBackend() first.');
  return info;
}

/** The call that returns the description of the running backend. */
export const backend = defineCall<undefined, Backend>({ run: () => backendInfo() });

const starters: Record<BackendName, () => Promise<Backend>> = {
  tensorflow: startTensorFlow,
  webgpu: startWebGpu,
  plain: startPlain,
};

async function start(choice: BackendChoice): Promise<Backend> {
  if (choice !== 'auto' && !(choice in starters))
    throw new Error(`Unknown backend '${choice}': use auto, tensorflow, webgpu or plain.`);
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
  throw new Error(
    choice === 'auto'
      ? `No backend could be started. ${reasons.join('. ')}.`
      : `The backend '${choice}' was chosen and cannot be used: ${reasons[0].slice(choice.length + 2)}.`,
  );
}

async function startTensorFlow(): Promise<Backend> {
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  // tfjs-node calls a function that Node 23 removed.
  (util as { isNullOrUndefined?: (value: unknown) => boolean }).isNullOrUndefined ??= (value) =>
    value === null || value === undefined;
  const library = (await import('@tensorflow/tfjs-node-gpu')) as unknown as { default: Tf };
  tf = library.default;
  const versions: Record<string, string> = tf.version;
  await tf.ready();
  const { isUsingGpuDevice } = tf.backend() as unknown as { isUsingGpuDevice: boolean };
  const warning = isUsingGpuDevice ? undefined : loadKernels();
  return {
    backend: 'tensorflow',
    version: `TensorFlow (tfjs-node ${versions['tfjs-node'] ?? versions['tfjs-core']})`,
    device: isUsingGpuDevice ? 'GPU' : processor(),
    threads: Number(process.env.TF_NUM_INTRAOP_THREADS) || os.availableParallelism(),
    ...(warning && { warning }),
  };
}

async function startWebGpu(): Promise<Backend> {
  const { device, software } = await openAdapter();
  // tfjs-core alone registers no gradients, so all of tfjs is loaded.
  const library = await import('@tensorflow/tfjs');
  await import('@tensorflow/tfjs-backend-webgpu');
  // Always use the tiled program (3). The program that splits long sums, which tfjs chooses for small results, is wrong for a transposed matrix, and its order of
  // additions depends on the scheduling.
  library.env().set('WEBGPU_MATMUL_PROGRAM_TYPE', 3);
  if (!(await library.setBackend('webgpu'))) throw new Error(`the adapter ${device} gives no device that tfjs can use`);
  tf = library;
  registerFilterGradient(library, 'webgpu');
  watchDevice(tf.backend() as unknown as GpuBackend);
  return {
    backend: 'webgpu',
    version: `WebGPU (tfjs ${tf.version['tfjs-core']})`,
    device,
    threads: 1,
    ...(software && {
      warning:
        'WebGPU runs on the processor here, by a software driver: training is many times slower than on native TensorFlow or a graphics card.',
    }),
  };
}

async function startPlain(): Promise<Backend> {
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
