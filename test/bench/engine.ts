/**
 * The training engine compared with PyTorch, interleaved in one run, since the machine may be shared: the ratio counts. The first run installs PyTorch
 * into a virtual environment for this benchmark (dist/bench/venv); WINNOW_BENCH_PYTHON names another Python. Prints a table of ratios with their spread
 * and writes dist/bench/engine.json; the results of the previous run are shown beside it.
 *
 *   npm run bench -- engine [--rounds 7] [--only autoencoder]
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { parseArgs } from 'node:util';
import type { Tensor, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { sharedData } from '../fixtures/images.ts';
import { startBackend, tf } from '../../src-main/compute/backend.ts';
import { convAutoencoder } from '../../src-main/compute/models/conv-autoencoder.ts';
import { efficientNetLite0 } from '../../src-main/compute/models/efficientnet-lite.ts';
import type { Classifier } from '../../src-main/compute/models/model.ts';
import { Network, type Architecture } from '../../src-main/compute/models/network.ts';
import { resnet } from '../../src-main/compute/models/resnet.ts';
import { softmaxCrossEntropy } from '../../src-main/compute/ops/loss.ts';
import { native, ownAttributes } from '../../src-main/compute/ops/native.ts';
import { startOptimizer } from '../../src-main/compute/train/optimizers/index.ts';
import { reference, referenceImages, trainThrough } from '../fixtures/reference.ts';

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '7' }, only: { type: 'string', default: '' } },
});
const rounds = Number(options.rounds);
const folder = path.join('dist', 'bench');
fs.mkdirSync(folder, { recursive: true });

function python(): string {
  if (process.env.WINNOW_BENCH_PYTHON) return process.env.WINNOW_BENCH_PYTHON;
  const venv = path.join(folder, 'venv');
  const found = path.join(venv, 'bin', 'python');
  if (!fs.existsSync(path.join(venv, 'ready'))) {
    console.log('Installing PyTorch for the comparison (once) …');
    execFileSync('python3', ['-m', 'venv', venv], { stdio: 'inherit' });
    execFileSync(found, ['-m', 'pip', 'install', '--quiet', 'torch', 'torchvision', 'timm', 'numpy'], {
      stdio: 'inherit',
    });
    fs.writeFileSync(path.join(venv, 'ready'), '');
  }
  return found;
}

const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('OPENBLAS_')));
const peer = spawn(python(), [path.join(import.meta.dirname, 'engine-peer.py')], {
  stdio: ['pipe', 'pipe', 'ignore'],
  env: environment,
});
const answers = readline.createInterface({ input: peer.stdout })[Symbol.asyncIterator]();
const peerName = (await answers.next()).value as string;
async function theirs(work: string, images: number, rest = ''): Promise<number> {
  peer.stdin.write(`${work} ${images} ${rest}\n`);
  return Number((await answers.next()).value);
}

const backend = await startBackend();

async function rateOf(images: number, batch: number, step: () => unknown): Promise<number> {
  const steps = Math.max(1, Math.floor(images / batch));
  const began = performance.now();
  for (let i = 0; i < steps; i++) await step();
  return (steps * batch * 1000) / (performance.now() - began);
}

function trainAutoencoder(dropout: number): () => Promise<number> {
  const { step } = reference({ dropout });
  const images = referenceImages(32);
  return () => step(images);
}

function infer(architecture: Architecture, sizePx: number, batch: number): () => void {
  const network = new Network(architecture, [sizePx, sizePx, 3], 1);
  const x = tf.randomUniform([batch, sizePx, sizePx, 3]) as Tensor4D;
  return () => {
    const y = network.infer(x);
    y.dataSync();
    y.dispose();
  };
}

const resnet18 = (): Classifier => resnet.build({ width: 64 }, { sizePx: 64, classes: 10 });

function trainResnet(): () => void {
  const [network, batch] = [new Network(resnet18(), [64, 64, 3], 1), 32];
  const optimizer = startOptimizer('adam', {}, network.parameters, []);
  const x = tf.randomUniform([batch, 64, 64, 3]) as Tensor4D;
  const targets = tf
    .oneHot(
      tf.tensor1d(
        Array.from({ length: batch }, (_, i) => i % 10),
        'int32',
      ),
      10,
    )
    .toFloat() as Tensor2D;
  return () =>
    tf.tidy(() => {
      let updateStatistics = (): void => undefined;
      const { value, grads } = tf.variableGrads(() => {
        const pass = network.train(x, [1]);
        updateStatistics = pass.updateStatistics;
        return softmaxCrossEntropy(pass.y as Tensor2D, targets);
      }, [network.weights]);
      updateStatistics();
      optimizer.apply(network.weights, grads[network.weights.name], 1e-3);
      value.dataSync();
    });
}

/** name → images per turn, batch size, our step */
const works: Record<string, [number, number, () => () => unknown]> = {
  'autoencoder-train': [256, 32, () => trainAutoencoder(0)],
  'autoencoder-dropout-train': [256, 32, () => trainAutoencoder(0.1)],
  'autoencoder-infer': [512, 32, () => infer(convAutoencoder({ width: 32, depth: 3, dropout: 0 }), 64, 32)],
  'resnet18-train': [32, 32, trainResnet],
  'resnet18-infer': [64, 32, () => infer(resnet18(), 64, 32)],
  'efficientnet-lite0-infer': [16, 8, () => infer(efficientNetLite0.build({}, { sizePx: 224, classes: 1000 }), 224, 8)],
};

interface Spread {
  median: number;
  least: number;
  most: number;
}
const spread = (values: number[]): Spread => {
  const sorted = values.toSorted((a, b) => a - b);
  return { median: sorted[sorted.length >> 1], least: sorted[0], most: sorted.at(-1)! };
};

const file = path.join(folder, 'engine.json');
const earlier = fs.existsSync(file)
  ? (JSON.parse(fs.readFileSync(file, 'utf8')) as { table: Record<string, { ratio: Spread }> }).table
  : {};
const table: Record<string, { ours: Spread; theirs: Spread; ratio: Spread }> = {};
const rest = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 100));

for (const [work, [images, batch, make]] of Object.entries(works)) {
  if (!work.includes(options.only)) continue;
  const step = make();
  await step();
  await step();
  await theirs(work, batch);
  const rates: { ours: number; theirs: number }[] = [];
  for (let round = 0; round < rounds; round++) {
    const turn = { ours: 0, theirs: 0 };
    for (const who of round % 2 ? (['ours', 'theirs'] as const) : (['theirs', 'ours'] as const)) {
      await rest(); // until the threads of the other side sleep
      turn[who] = who === 'ours' ? await rateOf(images, batch, step) : await theirs(work, images);
    }
    rates.push(turn);
  }
  table[work] = {
    ours: spread(rates.map((r) => r.ours)),
    theirs: spread(rates.map((r) => r.theirs)),
    ratio: spread(rates.map((r) => r.ours / r.theirs)),
  };
  console.log(
    `${work}: ${table[work].ratio.median.toFixed(2)} × (${table[work].ours.median.toFixed(0)} and ${table[work].theirs.median.toFixed(0)} images/s)`,
  );
}

const shared = path.join(sharedData, 'clothing-10');
if ('decode'.includes(options.only) && fs.existsSync(shared)) {
  const { packFiles } = await import('./engine-decode.ts');
  const rates: { ours: number; theirs: number }[] = [];
  for (let round = 0; round < Math.min(3, rounds); round++)
    rates.push({ ours: await packFiles(shared, 600), theirs: await theirs('decode', 600, shared) });
  table.decode = {
    ours: spread(rates.map((r) => r.ours)),
    theirs: spread(rates.map((r) => r.theirs)),
    ratio: spread(rates.map((r) => r.ours / r.theirs)),
  };
}

/** Times the convolution kernels of a step one by one, and the complete step through the loop with its feed. */
async function ownStep(): Promise<Record<string, number>> {
  const batch = 32;
  const random = (...shape: [number, number, number, number]): Tensor4D => tf.randomNormal(shape);
  const own = native()!;
  const none = tf.zeros([0]);
  const time = (op: string, whole: Record<string, number>, inputs: Tensor[]): number =>
    spread(
      Array.from({ length: 15 }, () => {
        const began = performance.now();
        own.executeSingleOutput(op, ownAttributes(own, whole), inputs).dispose();
        return performance.now() - began;
      }),
    ).median;
  let convolutions = 0;
  // Sides of the larger and the smaller image, their channels, and the kernel size. A transposed convolution goes from the smaller to the larger.
  for (const [large, small, wide, deep, size] of [
    [64, 64, 3, 32, 3],
    [32, 32, 32, 64, 3],
    [16, 16, 64, 128, 3],
    [16, 8, 64, 128, 4],
    [32, 16, 32, 64, 4],
    [64, 32, 3, 32, 4],
  ]) {
    const [x, w, y] = [
      random(batch, large, large, wide),
      random(size, size, wide, deep),
      random(batch, small, small, deep),
    ];
    const geometry = { stride: large / small, padTop: 1, padLeft: 1 };
    convolutions += time('WinnowConv', { ...geometry, height: small, width: small, activation: 0 }, [x, w, none]);
    convolutions += time('WinnowConvFilter', { ...geometry, kh: size, kw: size }, [x, y]);
    if (size === 4 || wide > 3)
      convolutions += time('WinnowConvInput', { ...geometry, height: large, width: large, activation: 0 }, [
        y,
        w,
        none,
      ]);
    tf.dispose([x, w, y]);
  }

  const { stepMs, waiting } = await trainThrough(1024, 3);
  return {
    'step, ms': stepMs,
    'its convolutions alone, ms': convolutions,
    'step to convolutions': stepMs / convolutions,
    'fraction of time waiting for data': waiting,
  };
}
const own = 'step'.includes(options.only) ? await ownStep() : {};

console.log(`${backend.version} and ${peerName}; ${backend.device}, ${backend.threads} threads, ${rounds} rounds`);
const cell = ({ median, least, most }: Spread, digits: number): string =>
  `${median.toFixed(digits)} (${least.toFixed(digits)}–${most.toFixed(digits)})`;
console.table(
  Object.fromEntries(
    Object.entries(table).map(([work, row]) => [
      work,
      {
        'ours, images/s': cell(row.ours, 0),
        'PyTorch, images/s': cell(row.theirs, 0),
        ratio: cell(row.ratio, 2),
        'ratio before': earlier[work] ? earlier[work].ratio.median.toFixed(2) : '–',
      },
    ]),
  ),
);
console.table(Object.fromEntries(Object.entries(own).map(([name, value]) => [name, Number(value.toFixed(4))])));
fs.writeFileSync(
  file,
  JSON.stringify({ backend, peer: peerName, rounds, table: { ...earlier, ...table }, own }, null, 2),
);
peer.stdin.end();
await once(peer, 'close');
