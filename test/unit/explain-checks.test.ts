/** Explanations depend on what the network has learned and on the target; slow ones can be cancelled; channel weights are those of a direct computation. */
import type { Tensor } from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scorerOf } from '../../src-main/compute/anomaly/index.ts';
import { startBackend, tf } from '../../src-main/compute/backend.ts';
import { explain, faithfulness, sanity } from '../../src-main/compute/inside/explain.ts';
import { featureMaps } from '../../src-main/compute/inside/feature-maps.ts';
import { filters } from '../../src-main/compute/inside/filters.ts';
import type { ExplainArgs } from '../../src-main/compute/inside/question.ts';
import { withSubject } from '../../src-main/compute/inside/subject.ts';
import { forgetModels } from '../../src-main/compute/model-store.ts';
import { Cancelled } from '../../src-main/compute/pace.ts';
import type { Target } from '../../src-main/contract/inside.ts';
import { classifierRun, imageOf, rankingRun, type InsideRun } from '../fixtures/inside-runs.ts';
import { serveCall } from '../fixtures/serve-call.ts';

const bundled: InsideRun = { ref: { kind: 'weights', id: 'efficientnet-lite0' }, image: imageOf(96) };
let resnet: InsideRun;

beforeAll(async () => {
  await startBackend();
  resnet = await classifierRun('se-resnet', { width: 8 }, 32);
});
afterAll(() => forgetModels());

const argumentsFor = (
  { ref, image }: InsideRun,
  method: string,
  { target = { of: 'auto' } as Target, ...more }: Partial<ExplainArgs> = {},
): ExplainArgs => ({
  subject: ref,
  image,
  method,
  layer: null,
  target,
  label: null,
  params: {},
  seed: 1,
  ...more,
});

describe('the sanity check', () => {
  it.each(['grad-cam', 'saliency'])('finds that %s depends on the weights of a trained network', async (method) => {
    const tensors = tf.memory().numTensors;
    const events: number[] = [];
    const { header, maps } = await serveCall(
      sanity,
      argumentsFor(bundled, method, { layer: method === 'saliency' ? null : 'stage4/block2/add' }),
      {
        onEvent: ({ done }) => events.push(done),
      },
    );
    console.log(method, header.layers.join(' '), header.correlations.map((v) => v.toFixed(2)).join(' '));
    expect(header.layers.slice(0, 2)).toEqual([null, 'head']);
    expect(header.layers.at(-1)).toBe('stem');
    expect(maps.length).toBe(header.layers.length * header.rows * header.columns);
    expect(maps.every(Number.isFinite)).toBe(true);
    expect(header.correlations[0]).toBeCloseTo(1, 6);
    expect(header.correlations[1], 'with a random head').toBeLessThan(0.4);
    expect(Math.abs(header.correlations.at(-1)!), 'with random weights').toBeLessThan(0.3);
    expect(header.verdict).toContain('it depends on what the network has learned');
    expect(events).toEqual([1, 2, 3, 4, 5, 6]);
    expect(tf.memory().numTensors - tensors).toBeLessThan(400); // the weights of the network, frozen at the first use
  });
});

describe('the target', () => {
  it('of a difference is the difference of both classes, and the loss of a class falls where it rises', async () => {
    const maps = async (target: Target, method = 'integrated-gradients'): Promise<Float32Array> =>
      (await serveCall(explain, argumentsFor(resnet, method, { target, label: 'one', params: { steps: 60 } }))).map;
    const valueOf = async (target: Target): Promise<number> =>
      (await serveCall(explain, argumentsFor(resnet, 'saliency', { target, label: 'one' }))).header.value;
    const [one, two, both] = [
      await valueOf({ of: 'class', name: 'one' }),
      await valueOf({ of: 'class', name: 'two' }),
      await valueOf({ of: 'difference', name: 'one', minus: 'two' }),
    ];
    expect(both).toBeCloseTo(one - two, 4);
    const three = await valueOf({ of: 'class', name: 'three' });
    expect(await valueOf({ of: 'loss' })).toBeCloseTo(
      Math.log(Math.exp(one) + Math.exp(two) + Math.exp(three)) - one,
      4,
    );
    const sum = (values: Float32Array): number => values.reduce((a, b) => a + b, 0);
    const [a, b, c] = [
      sum(await maps({ of: 'class', name: 'one' })),
      sum(await maps({ of: 'class', name: 'two' })),
      sum(await maps({ of: 'difference', name: 'one', minus: 'two' })),
    ];
    expect(Math.abs(c - (a - b))).toBeLessThan(0.03 * (Math.abs(a) + Math.abs(b)));
    const grad = await maps({ of: 'class', name: 'one' }, 'grad-cam');
    expect(await maps({ of: 'class', name: 'two' }, 'grad-cam')).not.toEqual(grad);
  });
});

it('channel weights are those of squeeze-and-excitation, computed from its weights', async () => {
  const layer = 'stage1/block0/se';
  const { map, header } = await serveCall(explain, argumentsFor(resnet, 'channel-weights', { layer }));
  await withSubject(resnet.ref, async (subject) => {
    const { arrays } = await subject.network.tensors();
    const x = subject.input([resnet.image]);
    let before: { values: Float32Array; channels: number } | undefined;
    tf.tidy(() => {
      subject.run(x, (own, run) => {
        const output: Tensor = run();
        if (own.name === 'stage1/block0/second')
          before = { values: Float32Array.from(output.dataSync()), channels: output.shape[3]! };
        return output as ReturnType<typeof run>;
      });
    });
    x.dispose();
    const { values, channels } = before!;
    const places = values.length / channels;
    const means = Array.from({ length: channels }, (_, c) => {
      let sum = 0;
      for (let p = 0; p < places; p++) sum += values[p * channels + c];
      return sum / places;
    });
    const dense = (input: number[], name: string): number[] =>
      Array.from(arrays[`${name}/bias`], (bias, unit, units = arrays[`${name}/bias`].length) =>
        input.reduce((sum, value, i) => sum + value * arrays[`${name}/kernel`][i * units + unit], bias),
      );
    const hidden = dense(means, `${layer}/squeeze`).map((v) => Math.max(0, v));
    const factors = dense(hidden, `${layer}/excite`).map((v) => 1 / (1 + Math.exp(-v)));
    const mean = factors.reduce((a, b) => a + b, 0) / channels;
    const largest = map.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    expect(largest).toBeGreaterThan(0);
    expect([header.rows * header.columns, header.layer]).toEqual([places, layer]);
    for (let p = 0; p < places; p++) {
      const expected = factors.reduce((sum, f, c) => sum + values[p * channels + c] * (f - mean), 0) / channels;
      expect(Math.abs(map[p] - expected) / largest).toBeLessThan(1e-4);
    }
  });
});

describe('a slow method', () => {
  it.each([
    ['smoothgrad', { samples: 500 }],
    ['integrated-gradients', { steps: 1000 }],
    ['occlusion', { window: 0.1, overlap: 4 }],
  ])('%s reports progress, and can be cancelled', async (method, params) => {
    await serveCall(explain, argumentsFor(resnet, 'saliency'));
    const tensors = tf.memory().numTensors;
    const controller = new AbortController();
    const events: { done: number; total: number }[] = [];
    const call = serveCall(explain, argumentsFor(resnet, method, { params }), {
      signal: controller.signal,
      onEvent(event) {
        events.push(event);
        if (events.length === 2) controller.abort();
      },
    });
    await expect(call).rejects.toThrow(Cancelled);
    expect(events.length).toBe(2);
    expect(events[1].done).toBeGreaterThan(events[0].done);
    expect(events[1].total).toBeGreaterThan(2 * events[1].done);
    expect(tf.memory().numTensors).toBe(tensors);
  });

  it.each([
    ['sanity', sanity],
    ['faithfulness', faithfulness],
  ] as const)('the check %s can be cancelled', async (_name, check) => {
    const tensors = tf.memory().numTensors;
    const controller = new AbortController();
    await expect(
      serveCall<ExplainArgs, unknown, { done: number }>(check, argumentsFor(resnet, 'grad-cam'), {
        signal: controller.signal,
        onEvent: () => controller.abort(),
      }),
    ).rejects.toThrow(Cancelled);
    expect(tf.memory().numTensors).toBe(tensors);
  });
});

describe('what cannot be answered says so', () => {
  it('channel weights of a layer that is no squeeze-and-excitation', async () => {
    const { header } = await serveCall(explain, argumentsFor(resnet, 'channel-weights'));
    expect(header.layer).toBe('stage3/block1/se');
    const other = serveCall(explain, argumentsFor(resnet, 'channel-weights', { layer: 'stage1/block0/second' }));
    await expect(other).rejects.toThrow(/^Channel weights does not read layers such as ‘stage1\/block0\/second’/);
  });

  it.each([sanity, faithfulness])('a test of an empty map', async (check) => {
    // A network without weights has no gradients.
    const empty = await classifierRun('cnn', { width: 8, depth: 2, dense: 16 }, 32, (weights) => weights.fill(0));
    const { header, map } = await serveCall(explain, argumentsFor(empty, 'grad-cam'));
    expect([header.note, map.every((value) => value === 0)]).toEqual([expect.stringMatching(/empty/), true]);
    const test = serveCall<ExplainArgs, unknown, unknown>(check, argumentsFor(empty, 'grad-cam'));
    await expect(test).rejects.toThrow(/^There is nothing to test. The map is empty/);
  });

  it('the sanity check of an anomaly score, which keeps its own network', async () => {
    const ranking = await rankingRun(scorerOf('conv-ae')!);
    const check = serveCall(sanity, argumentsFor(ranking, 'saliency', { target: { of: 'score' } }));
    await expect(check).rejects.toThrow(/Explain the reconstruction error/);
  });

  it('a network with damaged weights', async () => {
    const broken = await classifierRun('cnn', { width: 8, depth: 2, dense: 16 }, 32, (weights) => weights.fill(NaN));
    await expect(serveCall(explain, argumentsFor(broken, 'saliency'))).rejects.toThrow(/not a number/);
    const { ref: subject, image } = broken;
    await expect(serveCall(featureMaps, { subject, image, layer: 'head' })).rejects.toThrow(/not numbers/);
    await expect(serveCall(filters, { subject, layer: 'block0', epoch: null })).rejects.toThrow(/not numbers/);
  });
});
