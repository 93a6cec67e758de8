/**
 * The reference autoencoder trains as in PyTorch: with the same initial weights, images and order it has the same losses (fixtures/training.json, written by
 * training.py), with our kernels and with TensorFlow's. Memory does not grow during a training.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { startBackend, tf } from '../../src-main/compute/backend.ts';
import { reference, referenceImages, trainReference } from '../fixtures/reference.ts';

const known = JSON.parse(fs.readFileSync(new URL('../fixtures/training.json', import.meta.url), 'utf8')) as {
  losses: number[];
  mean: number[];
  variance: number[];
};

/** Rounding differs from the first step on, and the difference grows: the bound after 50 steps. */
const tolerance = 1e-3;

function expectSame(losses: number[], steps: number): void {
  const worst = Math.max(...losses.map((loss, i) => Math.abs(loss / known.losses[i] - 1)));
  expect(losses).toHaveLength(steps);
  expect(losses.at(-1)!).toBeLessThan(losses[0] * 0.5);
  expect(Math.abs(losses[0] / known.losses[0] - 1)).toBeLessThan(1e-5);
  expect(worst).toBeLessThan(tolerance);
}

/** Evaluates an expression in a separate process, with other kernels or with explicit garbage collection. */
function inChildProcess(expression: string, env: Record<string, string> = {}): unknown {
  const from = (file: string): string => JSON.stringify(new URL(file, import.meta.url).href);
  const script = `
    const { startBackend } = await import(${from('../../src-main/compute/backend.ts')});
    const { reference, referenceImages, trainReference } = await import(${from('../fixtures/reference.ts')});
    await startBackend();
    const { tf } = await import(${from('../../src-main/compute/backend.ts')});
    process.stdout.write(JSON.stringify(${expression}));`;
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--expose-gc', '--input-type=module-typescript', '--disable-warning=ExperimentalWarning', '-e', script],
    { encoding: 'utf8', env: { ...process.env, ...env, NODE_OPTIONS: '' }, timeout: 170_000 },
  );
  expect(stdout, stderr.slice(-500)).toMatch(/^\[/);
  return JSON.parse(stdout);
}

beforeAll(async () => void (await startBackend()));

describe('training', () => {
  it('has the same losses as PyTorch over 50 steps', async () => {
    const { losses, state } = await trainReference(50);
    expectSame(losses, 50);
    const { statistics } = await state.network.read();
    // PyTorch's moving statistics have the same momentum: 0.9 of the old value.
    known.mean.forEach((mean, i) => expect(Math.abs(statistics[i] - mean)).toBeLessThan(5e-3));
    known.variance.forEach((variance, i) => expect(Math.abs(statistics[32 + i] / variance - 1)).toBeLessThan(5e-3));
    state.network.dispose();
    state.dispose();
  });

  it('has them also with TensorFlow’s own kernels', () =>
    expectSame(inChildProcess(`(await trainReference(25)).losses`, { WINNOW_KERNELS: 'off' }) as number[], 25));

  it('is bit-identical when repeated', async () => {
    const runs = [];
    for (let i = 0; i < 2; i++) {
      const { losses, state } = await trainReference(6);
      runs.push(losses);
      state.network.dispose();
      state.dispose();
    }
    expect(runs[1]).toEqual(runs[0]);
  });

  it('leaks no tensor and no memory over 5,000 steps', () => {
    const [before, after] = inChildProcess(`await (async () => {
      const { state, step } = reference({ sizePx: 16, width: 4, depth: 2 });
      const images = referenceImages(16, 16);
      const now = () => (gc(), { tensors: tf.memory().numTensors, residentMiB: process.memoryUsage().rss / 2 ** 20 });
      const seen = [];
      for (let i = 1; i <= 5000; i++) {
        await step(images);
        if (i === 2500 || i === 5000) seen.push(now()); // TensorFlow's internal memory is allocated by then
      }
      return seen;
    })()`) as { tensors: number; residentMiB: number }[];
    expect(after.tensors).toBe(before.tensors);
    expect(after.residentMiB - before.residentMiB).toBeLessThan(32); // a leak of one 48 KiB batch per step would be 141 MiB
  });

  it('a frozen network gives the same outputs as its unfrozen layers', async () => {
    const { state, step } = reference({ sizePx: 32, width: 8, depth: 2 });
    const images = referenceImages(8, 32);
    for (let i = 0; i < 20; i++) await step(images);
    const { weights, statistics } = await state.network.read();
    const x = tf.tensor4d(
      Float32Array.from(images, (v) => v / 255),
      [8, 32, 32, 3],
    );
    const folded = state.network.infer(x);
    // By hand, layer by layer, from the values in a checkpoint.
    const apart = tf.tidy(() => {
      let [w, s] = [0, 0];
      const weight = (shape: number[]): ReturnType<typeof tf.tensor> =>
        tf.tensor(weights.slice(w, (w += shape.reduce((a, b) => a * b))), shape);
      const statistic = (size: number): ReturnType<typeof tf.tensor1d> => tf.tensor1d(statistics.slice(s, (s += size)));
      let h = x;
      for (const [inputs, filters] of [
        [3, 8],
        [8, 16],
      ]) {
        h = tf.conv2d(h, weight([3, 3, inputs, filters]) as never, 1, 'same');
        const [gamma, beta, mean, variance] = [
          weight([filters]),
          weight([filters]),
          statistic(filters),
          statistic(filters),
        ];
        h = tf.relu(
          tf.maxPool(
            tf.add(tf.mul(tf.div(tf.sub(h, mean), tf.sqrt(tf.add(variance, 1e-3))), gamma), beta) as typeof x,
            2,
            2,
            'valid',
          ),
        );
      }
      for (const [inputs, filters, size] of [
        [16, 8, 16],
        [8, 3, 32],
      ]) {
        h = tf.conv2dTranspose(h, weight([4, 4, filters, inputs]) as never, [8, size, size, filters], 2, 'same');
        h = tf.add(h, weight([filters]));
        h = filters === 3 ? tf.sigmoid(h) : tf.relu(h);
      }
      return h;
    });
    expect(tf.max(tf.abs(tf.sub(folded, apart))).dataSync()[0]).toBeLessThan(1e-5);
    // Another step unfreezes it: inference then uses the new weights.
    await step(images);
    const later = state.network.infer(x);
    expect(tf.max(tf.abs(tf.sub(folded, later))).dataSync()[0]).toBeGreaterThan(1e-6);
    tf.dispose([x, folded, apart, later]);
    state.network.dispose();
    state.dispose();
  });
});
