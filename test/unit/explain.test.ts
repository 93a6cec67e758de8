/** Properties of explanations that hold for every network and every method, tested in loops over the registries. */
import type { Tensor, Tensor4D } from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scorers } from '../../src-main/compute/anomaly/index.ts';
import { startBackend, tf } from '../../src-main/compute/backend.ts';
import { BadParameters } from '../../src-main/compute/bad-parameters.ts';
import { explain } from '../../src-main/compute/inside/explain.ts';
import { inputGradient, layerGradient } from '../../src-main/compute/inside/gradients.ts';
import { methods } from '../../src-main/compute/inside/methods/index.ts';
import { withQuestion, type ExplainArgs, type Question } from '../../src-main/compute/inside/question.ts';
import { layersOf, withSubject } from '../../src-main/compute/inside/subject.ts';
import { forgetModels } from '../../src-main/compute/model-store.ts';
import { models } from '../../src-main/compute/models/index.ts';
import type { Around } from '../../src-main/compute/models/network.ts';
import { random } from '../../src-main/compute/random.ts';
import type { Target } from '../../src-main/contract/inside.ts';
import { classifierRun, imageOf, rankingRun, type InsideRun } from '../fixtures/inside-runs.ts';
import { serveCall } from '../fixtures/serve-call.ts';

beforeAll(async () => void (await startBackend()));
afterAll(() => forgetModels());

/** Small ones of each architecture. */
const small: Record<string, { params: Record<string, unknown>; side: number }> = {
  cnn: { params: { width: 8, depth: 2, dense: 16, attention: 'se' }, side: 32 },
  resnet: { params: { width: 8 }, side: 32 },
  'se-resnet': { params: { width: 8 }, side: 32 },
  'efficientnet-lite0': { params: {}, side: 64 },
  vit: { params: { width: 24, depth: 2 }, side: 32 },
  vgg: { params: { width: 8, dense: 16 }, side: 64 },
  alexnet: { params: { width: 8, dense: 16 }, side: 96 },
  mlp: { params: { width: 16 }, side: 32 },
};

/** Parameters that make slow methods fast. */
const fast: Record<string, Record<string, unknown>> = {
  smoothgrad: { samples: 2 },
  'integrated-gradients': { steps: 8 },
  occlusion: { window: 0.5, overlap: 1 },
};

const argumentsFor = (
  { ref, image }: InsideRun,
  method: string,
  target: Target = { of: 'auto' },
  more: Partial<ExplainArgs> = {},
): ExplainArgs => ({
  subject: ref,
  image,
  method,
  layer: null,
  target,
  label: null,
  params: fast[method] ?? {},
  seed: 1,
  ...more,
});

const ask = <Result>(run: InsideRun, target: Target, work: (question: Question) => Promise<Result>): Promise<Result> =>
  withQuestion(argumentsFor(run, 'saliency', target), new AbortController().signal, work);

/** `map`: or the reason why there is none. */
async function mapOrReason(args: ExplainArgs): Promise<string> {
  try {
    const { map, header } = await serveCall(explain, args);
    const what = `${args.method} ${JSON.stringify(args.target)}`;
    expect(map.length, what).toBe(header.rows * header.columns);
    expect(map.every(Number.isFinite), what).toBe(true);
    expect(Number.isFinite(header.value), what).toBe(true);
    // A blank map says why.
    if (map.every((v) => v === 0)) expect(header.note, what).toMatch(/\w/);
    return header.note ?? 'map';
  } catch (error) {
    expect(error).toBeInstanceOf(BadParameters);
    expect((error as Error).message).toMatch(/^[A-Z].*\.$/s);
    return (error as Error).message;
  }
}

/** The slope along a direction in which a random half of the gradient counts less, and the same by central differences. */
function slopes(gradient: Tensor, valueAt: (change: Tensor) => Tensor, step: number, seed: number): [number, number] {
  return tf.tidy(() => {
    const next = random('half', seed);
    const half = tf.mul(
      gradient,
      tf.tensor(
        Array.from({ length: gradient.size }, () => (next() < 0.5 ? 1 : 0.2)),
        gradient.shape,
      ),
    );
    const direction = tf.div(half, tf.norm(half));
    const [above, below] = [step, -step].map((by) => valueAt(tf.mul(direction, by)).dataSync()[0]);
    return [tf.sum(tf.mul(gradient, direction)).dataSync()[0], (above - below) / (2 * step)];
  });
}

/** Near a kink or where rounding counts, one step can be wrong: the best of four decides. */
function expectSlope(gradient: Tensor, valueAt: (change: Tensor) => Tensor, what: string): void {
  const errors = [3e-2, 1e-2, 3e-3, 1e-3].map((step, i) => {
    const [expected, actual] = slopes(gradient, valueAt, step, i);
    return Math.abs(actual - expected) / Math.max(1e-6, expected);
  });
  expect(Math.min(...errors), what).toBeLessThan(0.02);
}

describe.each(models.map(({ id }) => [id, small[id]] as const))('%s', (id, { params, side }) => {
  let run: InsideRun;
  beforeAll(async () => void (run = await classifierRun(id, params, side)));

  it('has the gradients of finite differences, of the image and of every layer', () =>
    ask(run, { of: 'difference', name: 'one', minus: 'two' }, async ({ x, objective, layers }) => {
      const before = tf.memory().numTensors;
      tf.tidy(() => {
        const { gradient, values } = inputGradient(objective, x);
        expect(values.dataSync()[0]).toBeCloseTo(objective(x).dataSync()[0], 4);
        expectSlope(gradient, (change) => objective(tf.add(x, change) as Tensor4D), 'input');
      });
      let compared = 0;
      const some = layers.filter((_, i) => layers.length < 30 || i % 3 === 0);
      for (const layer of some)
        tf.tidy(() => {
          const { gradient, activation } = layerGradient(objective, x, layer);
          expect(activation.shape.slice(1)).toEqual(layer.output);
          if (tf.max(tf.abs(gradient)).dataSync()[0] === 0) return;
          compared++;
          const moved =
            (change: Tensor): Around =>
            (own, run) =>
              (own.name === layer.name ? tf.add(run(), change) : run()) as ReturnType<typeof run>;
          // A maximum of equal values has a kink: behind ReLU these are the zeros.
          const active = tf.mul(gradient, tf.cast(tf.notEqual(activation, 0), 'float32'));
          expectSlope(active, (change) => objective(x, moved(change)), layer.name);
        });
      expect(compared).toBeGreaterThan(some.length * 0.7);
      expect(tf.memory().numTensors).toBe(before);
    }));

  it('has integrated gradients that add up to the difference of the outputs within 1 %', async () => {
    const difference = await ask(run, { of: 'auto' }, async ({ x, objective }) =>
      tf.tidy(() => tf.sub(objective(x), objective(tf.zerosLike(x))).dataSync()[0]),
    );
    const { map, header } = await serveCall(
      explain,
      argumentsFor(run, 'integrated-gradients', undefined, { params: {} }),
    );
    const sum = map.reduce((a, b) => a + b, 0);
    expect(Math.abs(sum - difference) / Math.abs(difference)).toBeLessThan(0.01);
    expect(header.gap).toBeCloseTo(Math.abs(sum - difference) / Math.abs(difference), 3);
  });

  it('gives a finite map or a reason, with every method and target, without leaks', async () => {
    const targets: Target[] = [
      { of: 'auto' },
      { of: 'class', name: 'three' },
      { of: 'difference', name: 'one', minus: 'three' },
      { of: 'loss' },
      { of: 'error' },
      { of: 'score' },
    ];
    await mapOrReason(argumentsFor(run, 'saliency'));
    const before = tf.memory().numTensors;
    for (const { id: method, reason } of methods) {
      const without = await withSubject(run.ref, async (subject) => reason(subject, layersOf(subject, [side, side])));
      for (const target of targets) {
        const found = await mapOrReason(argumentsFor(run, method, target, { label: 'two' }));
        const hasTarget = target.of !== 'error' && target.of !== 'score';
        if (without) expect(found).toContain(without);
        else if (!hasTarget) expect(found).toContain(`no target ‘${target.of}’`);
        else expect(found, method).toMatch(/^(map$|The map is empty)/);
      }
    }
    expect(tf.memory().numTensors).toBe(before);
    expect(await mapOrReason(argumentsFor(run, 'saliency', { of: 'class', name: 'nine' }))).toContain(
      'one, two, three',
    );
    expect(await mapOrReason(argumentsFor(run, 'saliency', { of: 'loss' }))).toContain('has no class');
  });
});

describe.each(scorers.map((scorer) => [scorer.id, scorer] as const))('the ranking %s', (id, scorer) => {
  it('gives a finite map or a reason, with every method and target, without leaks', async () => {
    const run = await rankingRun(scorer);
    await mapOrReason(argumentsFor(run, 'occlusion'));
    const before = tf.memory().numTensors;
    const found: Record<string, string> = {};
    for (const { id: method } of methods)
      for (const of of ['auto', ...(method === 'saliency' ? (['error', 'loss'] as const) : []), 'score'] as const)
        found[`${method} ${of}`] = await mapOrReason(argumentsFor(run, method, { of }));
    expect(tf.memory().numTensors).toBe(before);
    expect(found['occlusion auto'], 'occlusion needs no gradient').toMatch(/^(map$|No window)/);
    expect(found['occlusion score']).toMatch(/^(map$|No window)/);
    for (const method of ['saliency', 'smoothgrad', 'integrated-gradients'])
      expect(found[`${method} score`], method).toBe('map');
    // A ranking with layers has a map of one of them; without a choice, of one that the score reads.
    if (id !== 'pca' && id !== 'mlp-ae') expect(found['grad-cam auto']).toMatch(/^(map$|The map is empty)/);
    expect(found['saliency loss']).toContain('no target ‘loss’');
    expect(found['saliency error']).toMatch(
      id.endsWith('-ae') && scorer.inputs === 'pixels' ? /^map$/ : /no target ‘error’/,
    );
  });
});

describe('the bundled weights', () => {
  it('give a finite map or a reason, with every method', async () => {
    const run: InsideRun = { ref: { kind: 'weights', id: 'efficientnet-lite0' }, image: imageOf(224) };
    for (const { id: method } of methods) {
      const found = await mapOrReason(argumentsFor(run, method));
      expect(found).toMatch(
        method === 'attention-rollout' ? /no attention/ : method === 'channel-weights' ? /no squeeze/ : /^map$/,
      );
    }
  });
});
