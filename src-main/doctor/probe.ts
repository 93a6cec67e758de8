/**
 * Loads one native library, tries it and prints the result as one line of JSON. `doctor` runs it as a short-lived child
 * process, so that a library that crashes or hangs does not take the program down. This is the only place outside
 * `compute/`, `image/` and `native/` that loads native libraries; it uses require(), since a failure to load is a result here.
 */
import { availableParallelism } from 'node:os';
import util from 'node:util';
import { openAdapter } from '../compute/webgpu.ts';
import { chosenBackend } from '../compute/backend-choice.ts';
import { require } from '../setup/repository.mjs';

const probes: Record<string, () => Promise<object>> = { compute, tensorflow, webgpu, sharp, native };

/** The backend that training would use, chosen as in the compute process. */
async function compute() {
  const { startBackend } = await import('../compute/backend.ts');
  return startBackend(chosenBackend().choice);
}

async function tensorflow() {
  // tfjs-node calls a function that was removed in Node 23.
  Object.assign(util, { isNullOrUndefined: (value: unknown) => value === null || value === undefined });
  const tf = require('@tensorflow/tfjs-node-gpu');
  const a = tf.randomUniform([1024, 1024]);
  const product = () => tf.tidy(() => tf.matMul(a, a).slice([0, 0], [1, 1]).dataSync()[0]);
  product();
  const startedAt = performance.now();
  const rounds = 10;
  for (let round = 0; round < rounds; round++) product();
  const seconds = (performance.now() - startedAt) / 1000;
  const { binding, isUsingGpuDevice } = tf.backend();
  return {
    version: binding.TF_Version,
    gpu: Boolean(isUsingGpuDevice),
    threads: availableParallelism(),
    gflops: Math.round((rounds * 2 * 1024 ** 3) / seconds / 1e9),
  };
}

async function webgpu() {
  const { device, software } = await openAdapter();
  return { adapter: device, software };
}

async function sharp() {
  const library = require('sharp');
  const known = Object.values(library.format) as { id: string; input: { file: boolean; fileSuffix?: string[] } }[];
  const formats = known.filter(({ id, input }) => input.file && id !== 'raw').map(({ id }) => id);
  // Encode a real image: a library that loads may still not work.
  await library({ create: { width: 8, height: 8, channels: 3, background: '#888' } })
    .webp()
    .toBuffer();
  return { version: library.versions.sharp, vips: library.versions.vips, formats };
}

/** Loads the native image reader; a failure to load is an error here. */
async function native() {
  const { readerFile } = await import('../native/index.ts');
  return { version: Object.keys(require(readerFile)).join(', ') };
}

const found = await probes[process.argv[2]]();
// exit() is needed: threads of Dawn would keep the process alive.
process.stdout.write(`${JSON.stringify(found)}\n`, () => process.exit(0));
