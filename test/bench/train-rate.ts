/**
 * Training rate of the reference autoencoder (64 px, batch 32: three encoder blocks of 32, 64 and 128 channels, mirrored decoder)
 * through our loop and through stock tfjs-layers, interleaved in one run, since the machine may be shared: the ratio
 * counts. Prints a table and writes dist/bench/train-rate.json.
 *
 *   node test/bench/train-rate.ts [--rounds 7] [--steps 8]
 */
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { SymbolicTensor, Tensor4D } from '@tensorflow/tfjs';
import { startBackend, tf } from '../../src-main/compute/backend.ts';
import { convAutoencoder } from '../../src-main/compute/models/conv-autoencoder.ts';
import { Network } from '../../src-main/compute/models/network.ts';
import { Pixels, range } from '../../src-main/compute/pixels.ts';
import { random } from '../../src-main/compute/random.ts';
import { runTraining } from '../../src-main/compute/train/loop.ts';
import { reconstruct } from '../../src-main/compute/train/reconstruction.ts';
import { TrainState } from '../../src-main/compute/train/state.ts';

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '7' }, steps: { type: 'string', default: '8' } },
});
const [rounds, steps, batch, sizePx] = [Number(options.rounds), Number(options.steps), 32, 64];
const folder = path.join('dist', 'bench');
const backend = await startBackend();

fs.mkdirSync(folder, { recursive: true });
const file = path.join(folder, 'noise.rgb');
const next = random('train-rate');
const count = batch * steps;
fs.writeFileSync(
  file,
  Uint8Array.from({ length: count * sizePx * sizePx * 3 }, () => next() * 256),
);
const pixels = new Pixels({ file, type: 'uint8', shape: [sizePx, sizePx, 3], rows: range(0, count) });

/** Images per second over one epoch of our loop, including everything except the checkpoint. */
const network = new Network(convAutoencoder({ width: 32, depth: 3, dropout: 0 }), [sizePx, sizePx, 3], 1);
const state = new TrainState(network);
async function ours(): Promise<number> {
  const began = performance.now();
  const training = {
    pixels,
    train: range(0, count),
    objective: reconstruct(),
    epochs: state.epoch + 1,
    batch,
    minSteps: 1,
    rate: () => 0.001,
    make: { shiftPx: 0, flip: false },
    seed: 1,
  };
  await runTraining(state, training, [], async () => undefined);
  return (count / (performance.now() - began)) * 1000;
}

const stockModel = ((): import('@tensorflow/tfjs').LayersModel => {
  const input = tf.input({ shape: [sizePx, sizePx, 3] });
  let h: SymbolicTensor = input;
  const through = (layer: { apply(x: SymbolicTensor): unknown }): void => void (h = layer.apply(h) as SymbolicTensor);
  for (const filters of [32, 64, 128]) {
    through(tf.layers.conv2d({ filters, kernelSize: 3, padding: 'same' }));
    through(tf.layers.batchNormalization());
    through(tf.layers.maxPooling2d({ poolSize: 2 }));
    through(tf.layers.reLU());
  }
  for (const filters of [64, 32, 3])
    through(
      tf.layers.conv2dTranspose({
        filters,
        kernelSize: 4,
        strides: 2,
        padding: 'same',
        activation: filters === 3 ? 'sigmoid' : 'relu',
      }),
    );
  const model = tf.model({ inputs: input, outputs: h });
  model.compile({ optimizer: tf.train.adam(1e-3), loss: 'meanSquaredError' });
  return model;
})();
const stockPixels = tf.randomUniform([batch, sizePx, sizePx, 3]) as Tensor4D;
async function stock(): Promise<number> {
  const began = performance.now();
  for (let step = 0; step < steps; step++) await stockModel.trainOnBatch(stockPixels, stockPixels);
  return (count / (performance.now() - began)) * 1000;
}

await ours();
await stock();
const rates: { ours: number; stock: number; ratio: number }[] = [];
for (let round = 0; round < rounds; round++) {
  const [a, b] = round % 2 ? [await ours(), await stock()] : [await stock(), await ours()].toReversed();
  rates.push({ ours: a, stock: b, ratio: a / b });
}
const summary = (name: 'ours' | 'stock' | 'ratio'): { median: number; least: number; most: number } => {
  const sorted = rates.map((r) => r[name]).toSorted((a, b) => a - b);
  return { median: sorted[sorted.length >> 1], least: sorted[0], most: sorted.at(-1)! };
};
const result = {
  'ours, images/s': summary('ours'),
  'stock tfjs-layers, images/s': summary('stock'),
  ratio: summary('ratio'),
};
console.log(`${backend.version}, ${backend.device}, ${backend.threads} threads, ${rounds} rounds of ${steps} steps`);
console.table(
  Object.fromEntries(
    Object.entries(result).map(([name, row]) => [
      name,
      Object.fromEntries(Object.entries(row).map(([k, v]) => [k, Number(v.toFixed(2))])),
    ]),
  ),
);
fs.writeFileSync(
  path.join(folder, 'train-rate.json'),
  JSON.stringify({ backend, rounds, steps, batch, sizePx, rates, ...result }, null, 2),
);
pixels.close();
