/**
 * Loads one native library, tries it and prints what it found as one line of JSON. `doctor` runs it as a short-lived
 * child, because a library that crashes or hangs must cost an answer and not the program. It uses require(), in this
 * one place outside `compute/` and `image/`: a library that cannot be loaded is a finding here.
 */
import { availableParallelism } from 'node:os';
import util from 'node:util';
import { openAdapter } from '../compute/webgpu.ts';
import { chosenBackend } from '../compute/backend-choice.ts';
import { require } from '../setup/repository.mjs';

const probes: Record<string, () => Promise<object>> = { compute, tensorflow, webgpu, sharp };

/** What training would run on: the very choice that the compute process makes. */
async function compute() {
  const { startBackend } = await import('../compute/backend.ts');
  return startBackend(chosenBackend().choice);
}

async function tensorflow() {
  // tfjs-node calls a function that Node 23 dropped.
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
  // A real picture through the real decoder and encoder, not only the module's own word.
  await library({ create: { width: 8, height: 8, channels: 3, background: '#888' } })
    .webp()
    .toBuffer();
  return { version: library.versions.sharp, vips: library.versions.vips, formats };
}

const found = await probes[process.argv[2]]();
// exit() and not a natural end: Dawn keeps threads that would hold the process.
process.stdout.write(`${JSON.stringify(found)}\n`, () => process.exit(0));
