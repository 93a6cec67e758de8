/** Every optimizer, step by step, compared with PyTorch (fixtures/optimizers.json, written by optimizers.py). */
import fs from 'node:fs';
import type { Variable } from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { startBackend, tf } from '../../src-main/compute/backend.ts';
import type { Spans } from '../../src-main/compute/ops/update.ts';
import { Average } from '../../src-main/compute/train/average.ts';
import { clipByNorm, clipByValue } from '../../src-main/compute/train/clip.ts';
import { optimizers, startOptimizer } from '../../src-main/compute/train/optimizers/index.ts';

interface Known {
  rate: number;
  spans: Spans;
  start: number[];
  gradients: number[][];
  cases: { id: string; params: Record<string, unknown>; weights: number[][] }[];
  clipped: { most: number; weights: number[][] };
}

const known = JSON.parse(fs.readFileSync(new URL('../fixtures/optimizers.json', import.meta.url), 'utf8')) as Known;
const { rate, spans, start, gradients } = known;
const size = start.length;

beforeAll(async () => void (await startBackend()));

const weightsFrom = (values: number[]): Variable => tf.tidy(() => tf.variable(tf.tensor1d(values)));

function expectNear(actual: ArrayLike<number>, expected: number[], what: string): void {
  const worst = Math.max(...expected.map((e, i) => Math.abs(actual[i] - e) / Math.max(1, Math.abs(e))));
  expect(worst, what).toBeLessThan(2e-6);
}

describe('optimizers', () => {
  it('are all compared with PyTorch', () =>
    expect(new Set(known.cases.map(({ id }) => id))).toEqual(new Set(optimizers.map(({ id }) => id))));

  for (const { id, params, weights: expected } of known.cases) {
    it(`${id} ${JSON.stringify(params)}`, async () => {
      const before = tf.memory().numTensors;
      const weights = weightsFrom(start);
      const optimizer = startOptimizer(id, params, size, spans);
      let middle: { weights: Float32Array; saved: Awaited<ReturnType<typeof optimizer.read>> } | undefined;
      for (const [i, values] of gradients.entries()) {
        tf.tidy(() => optimizer.apply(weights, tf.tensor1d(values), rate));
        expectNear(weights.dataSync(), expected[i], `step ${i + 1}`);
        if (i === 5)
          middle = { weights: weights.dataSync<'float32'>().slice(), saved: structuredClone(await optimizer.read()) };
      }
      // Resumed from a checkpoint, the steps are bit-identical.
      const last = weights.dataSync<'float32'>().slice();
      const other = startOptimizer(id, params, size, spans);
      other.write(middle!.saved);
      tf.tidy(() => weights.assign(tf.tensor1d(middle!.weights)));
      for (const values of gradients.slice(6)) tf.tidy(() => other.apply(weights, tf.tensor1d(values), rate));
      expect(weights.dataSync<'float32'>()).toEqual(last);
      optimizer.dispose();
      other.dispose();
      weights.dispose();
      expect(tf.memory().numTensors).toBe(before);
    });
  }

  it('have a fused step that equals the composed one, with decay everywhere and nowhere', () => {
    for (const decayed of [[[0, size]], []] as unknown as Spans[]) {
      const results = [start, start].map((values, i) => {
        const weights = weightsFrom(values);
        // AdamW by hand, in double precision.
        if (i)
          return gradients
            .slice(0, 3)
            .reduce(
              (state, g, t) =>
                state.map(([w, m, v], k) => {
                  const [mean, square] = [0.9 * m + 0.1 * g[k], 0.999 * v + 0.001 * g[k] ** 2];
                  return [
                    w * (decayed.length ? 1 - rate * 0.1 : 1) -
                      (rate * mean) / (1 - 0.9 ** (t + 1)) / (Math.sqrt(square / (1 - 0.999 ** (t + 1))) + 1e-8),
                    mean,
                    square,
                  ];
                }),
              values.map((w) => [w, 0, 0]),
            )
            .map(([w]) => w);
        const optimizer = startOptimizer('adamw', { weightDecay: 0.1 }, size, decayed);
        for (const g of gradients.slice(0, 3)) tf.tidy(() => optimizer.apply(weights, tf.tensor1d(g), rate));
        return [...weights.dataSync()];
      });
      expectNear(results[0], results[1], String(decayed));
    }
  });

  it('refuse parameters that are not in the schema', () => {
    for (const { id } of optimizers) expect(() => startOptimizer(id, { weightDecay: -1 }, size, [])).toThrow();
    expect(() => startOptimizer('sgd', { momentum: 0, nesterov: true }, size, [])).toThrow('Nesterov needs a momentum');
    expect(() => startOptimizer('lion', {}, size, [])).toThrow(/There is no optimizer 'lion'/);
  });
});

describe('clipping', () => {
  it('by norm, as PyTorch does', () => {
    const weights = weightsFrom(start);
    const optimizer = startOptimizer('sgd', { momentum: 0 }, size, []);
    for (const [i, values] of gradients.entries()) {
      tf.tidy(() => optimizer.apply(weights, clipByNorm(tf.tensor1d(values), known.clipped.most).gradient, rate));
      expectNear(weights.dataSync(), known.clipped.weights[i], `step ${i + 1}`);
    }
  });
  it('by value', () =>
    expect([...tf.tidy(() => clipByValue(tf.tensor1d([-3, 0.5, 2]), 1)).dataSync()]).toEqual([-1, 0.5, 1]));
});

describe('the average of the weights', () => {
  it('moves by its decay, is swapped in and out, resumes from a checkpoint', async () => {
    const weights = weightsFrom([0, 10]);
    const average = new Average(weights, 0.9, false);
    tf.tidy(() => weights.assign(tf.tensor1d([1, 0])));
    average.take(weights);
    expectNear((await average.read()).mean, [0.1, 9], 'mean');
    average.swap(weights);
    expectNear(weights.dataSync(), [0.1, 9], 'swapped in');
    average.swap(weights);
    expectNear(weights.dataSync(), [1, 0], 'swapped out');
    const other = new Average(weights, 0.9, false);
    other.write(await average.read());
    average.take(weights);
    other.take(weights);
    expect((await other.read()).mean).toEqual((await average.read()).mean);
    const early = new Average(weights, 0.999);
    tf.tidy(() => weights.assign(tf.tensor1d([2, 0])));
    early.take(weights); // the decay of the first step is (1 + 1) / (10 + 1)
    expectNear((await early.read()).mean, [1 * (2 / 11) + 2 * (9 / 11), 0], 'warm-up');
  });
});
