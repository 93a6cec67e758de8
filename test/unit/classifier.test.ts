/** Training a classifier: it learns, resumes exactly, stops early, and evaluates with one transform; schedules, losses and the range test. */
import fs from 'node:fs';
import type { Tensor2D } from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { fieldsOf } from '../../src-renderer/lib/schema.ts';
import { startBackend, tf } from '../../src-main/compute/backend.ts';
import { classifierOf, classifiers } from '../../src-main/compute/classify/index.ts';
import { accuracyOf } from '../../src-main/compute/classify/evaluate.ts';
import { train, type ClassifierHeader, type TrainArgs, type TrainEvent } from '../../src-main/compute/classify/fit.ts';
import { balancedWeights, Dynamics } from '../../src-main/compute/classify/objective.ts';
import { forgetModels } from '../../src-main/compute/model-store.ts';
import { predict } from '../../src-main/compute/classify/predict.ts';
import { rangeTest, suggest } from '../../src-main/compute/classify/range-test.ts';
import { crossEntropies, focalLosses } from '../../src-main/compute/ops/loss.ts';
import { Cancelled } from '../../src-main/compute/pace.ts';
import { range } from '../../src-main/compute/pixels.ts';
import { fillNormal, random } from '../../src-main/compute/random.ts';
import { readTensors } from '../../src-main/compute/tensor-file.ts';
import { rateOf, scheduleIds } from '../../src-main/compute/train/schedules.ts';
import { newFolder, packed, picture, sizePx } from './compute-pictures.ts';
import { serveCall } from '../fixtures/serve-call.ts';

beforeAll(async () => void (await startBackend()));

/** Discs and crosses; every fourth image is held out. */
function argsFor(folder: string, params: Record<string, unknown> = {}, more: Partial<TrainArgs> = {}): TrainArgs {
  const count = 40;
  const pixels = packed(
    Array.from({ length: count }, (_, i) => picture(i, i % 2 === 1)),
    folder,
  );
  const isHeld = (i: number): boolean => i % 4 > 1 && i % 8 < 4;
  const all = range(0, count);
  return {
    model: 'cnn',
    mode: 'scratch',
    params: { sizePx, width: 4, depth: 2, dense: 8, epochs: 6, minSteps: 4, batch: 8, policy: 'none', ...params },
    seed: 1,
    runFolder: folder,
    pixels,
    labels: all.map((i) => i % 2),
    keys: all.map((i) => i * 7),
    classes: ['disc', 'cross'],
    train: all.filter((i) => !isHeld(i)),
    val: all.filter(isHeld),
    weights: null,
    resume: false,
    ...more,
  };
}

describe('the registry', () => {
  it.each(classifiers)(
    '$id: its own training defaults are training parameters and are applied',
    ({ schema, model: { usual = {} } }) => {
      const shared = classifierOf('cnn')!.schema.parse({}); // an architecture without its own defaults
      const own = schema.parse({});
      for (const [name, value] of Object.entries(usual)) {
        expect(shared).toHaveProperty(name);
        expect(value).not.toBe(shared[name]);
        expect(own[name]).toBe(value);
      }
      expect(
        fieldsOf(z.toJSONSchema(schema, { io: 'input' })).filter(({ title, description }) => !title || !description),
      ).toEqual([]);
    },
  );
});

describe('a classifier', () => {
  it('learns discs and crosses, reports its evaluation, and leaks no tensor', async () => {
    const before = tf.memory().numTensors;
    const folder = newFolder();
    const events: TrainEvent[] = [];
    const result = await serveCall(train, argsFor(folder, { epochs: 12, learningRate: 0.01, minSteps: 12 }), {
      onEvent: (event) => events.push(event),
    });
    expect(tf.memory().numTensors).toBe(before);
    const labels = range(0, 40).map((i) => i % 2);
    expect(accuracyOf({ logits: result.logits, labels, classes: 2 })).toBeGreaterThan(0.95);
    expect(result.history).toHaveLength(12);
    expect(result.history[11].loss).toBeLessThan(result.history[0].loss);
    for (const { accuracy, valAccuracy, valLoss, learningRate } of result.history)
      for (const value of [accuracy, valAccuracy, valLoss, learningRate]) expect(value).toBeGreaterThanOrEqual(0);
    expect(result.history.at(-1)!.learningRate).toBeLessThan(result.history[3].learningRate!);
    const watched = events.filter((event) => event.stage === 'watched');
    expect(watched).toHaveLength(12);
    expect(new Set(watched[0].watched.map(({ position }) => position % 2)).size).toBe(2); // of each class
    expect(result.meanLoss.every((loss) => loss > 0)).toBe(true); // every image was trained on or held out
    const { header } = readTensors<ClassifierHeader>(`${folder}/model.bin`)!;
    expect(header.transform).toMatchObject({ sizePx, cropPx: sizePx, fit: 'stretch' });
    expect(header.transform.mean[0]).toBeGreaterThan(0.1);
    expect(header.transform.deviation.every((d) => d > 0 && d < 0.5)).toBe(true);
  });

  it.each([
    ['plain', {}],
    [
      'with everything that is random or remembered',
      {
        dropout: 0.2,
        average: 0.9,
        mixup: 0.4,
        policy: 'randaugment',
        cropPx: 28,
        optimizer: 'sgd',
        learningRate: 0.05,
        schedule: 'plateau',
        classWeights: 'balanced',
        clip: 1,
        loss: 'focal',
      },
    ],
  ])('resumes from its checkpoint to the same bits, %s', async (_name, params) => {
    const whole = newFolder();
    const uninterrupted = await serveCall(train, argsFor(whole, params));
    const cut = newFolder();
    const stop = new AbortController();
    await expect(
      serveCall(train, argsFor(cut, params), {
        signal: stop.signal,
        onEvent: (event) => void (event.stage === 'train' && event.epoch === 4 && stop.abort()),
      }),
    ).rejects.toThrow(Cancelled);
    const resumed = await serveCall(train, argsFor(cut, params, { resume: true }));
    expect(resumed.resumedFrom).toBeGreaterThanOrEqual(3);
    expect(resumed.resumedFrom).toBeLessThan(6);
    expect(resumed.logits).toEqual(uninterrupted.logits);
    expect(resumed.meanLoss).toEqual(uninterrupted.meanLoss);
    expect(resumed.forgotten).toEqual(uninterrupted.forgotten);
    const told = (history: typeof resumed.history): unknown => history.map(({ seconds, ...epoch }) => epoch);
    expect(told(resumed.history)).toEqual(told(uninterrupted.history));
    expect(Buffer.compare(fs.readFileSync(`${whole}/model.bin`), fs.readFileSync(`${cut}/model.bin`))).toBe(0);
  });

  it('predicts the same as at the end of training, from the file and from bytes', async () => {
    const folder = newFolder();
    const args = argsFor(folder, { cropPx: 24 });
    const { logits } = await serveCall(train, args);
    expect(await serveCall(predict, { runFolder: folder, pixels: args.pixels })).toEqual(logits);
    const edge = (sizePx - 24) / 2;
    const rows = fs.readFileSync(args.pixels.file);
    const middle = Buffer.concat(
      Array.from({ length: 40 * 24 }, (_, line) =>
        rows
          .subarray((Math.floor(line / 24) * sizePx ** 2 + (edge + (line % 24)) * sizePx + edge) * 3)
          .subarray(0, 24 * 3),
      ),
    );
    expect(await serveCall(predict, { runFolder: folder, pixels: { bytes: middle } })).toEqual(logits);
    await forgetModels();
  });

  it('stops early and restores the best weights', async () => {
    const result = await serveCall(
      train,
      argsFor(newFolder(), { epochs: 60, patience: 2, learningRate: 0.05, schedule: 'constant' }),
    );
    expect(result.stopped).toBe('early');
    expect(result.epochsRun).toBe(result.bestEpoch + 2);
    expect(Math.min(...result.history.map(({ valLoss }) => valLoss!))).toBe(
      result.history[result.bestEpoch - 1].valLoss,
    );
  });

  it('reports wrong parameters', async () => {
    for (const [params, sentence] of [
      [{ width: 0 }, /‘Width’ must be at least 4/],
      [{ cropPx: 48 }, /crop is larger/],
      [{ sizePx: 64 }, /32 px/],
      [{ depth: 9 }, /depth|halve/i],
    ] as const) {
      await expect(serveCall(train, argsFor(newFolder(), params))).rejects.toThrow(sentence);
    }
    await expect(serveCall(train, argsFor(newFolder(), {}, { model: 'nonsense' }))).rejects.toThrow(
      'There is no model ‘nonsense’.',
    );
  });
});

describe('the range test', () => {
  it('finds a rate between too small to learn and too large to converge', async () => {
    const before = tf.memory().numTensors;
    let seen = 0;
    const { points, suggested, stopped } = await serveCall(rangeTest, argsFor(newFolder(), { width: 8 }), {
      onEvent: () => void seen++,
    });
    expect(seen).toBe(points.length);
    expect(['diverged', 'end']).toContain(stopped);
    expect(points.at(-1)!.smooth).toBeGreaterThan(Math.min(...points.map(({ smooth }) => smooth)));
    expect(suggested).toBeGreaterThan(1e-4);
    expect(suggested).toBeLessThan(points.at(-1)!.rate);
    expect(points.every(({ rate }, i) => i === 0 || rate > points[i - 1].rate)).toBe(true);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('suggests a tenth of the rate with the lowest loss, and nothing if the loss never decreases', () => {
    const next = random('range');
    const points = (count: number, lossOf: (i: number) => number) =>
      Array.from({ length: count }, (_, i) => ({ rate: 10 ** (i / 15 - 6), loss: lossOf(i), smooth: 0 }));
    expect(suggest(points(120, (i) => 2 + Math.abs(i - 60) / 60))).toBeCloseTo(1e-3, 12); // least at 10^-2
    // Falls at once from a bad start, then is flat, then falls because it learns; all with noise.
    const noisy = suggest(
      points(
        120,
        (i) =>
          2.3 +
          0.4 * Math.exp(-i / 5) -
          0.6 * Math.exp(-(((i - 70) / 15) ** 2)) +
          (i > 95 ? (i - 95) / 5 : 0) +
          0.2 * (next() - 0.5),
      ),
    );
    expect(noisy).toBeGreaterThan(10 ** (60 / 15 - 7));
    expect(noisy).toBeLessThan(10 ** (80 / 15 - 7));
    expect(suggest(points(120, () => 2.3 + 0.2 * (next() - 0.5)))).toBeNull();
    expect(suggest(points(60, (i) => i))).toBeNull();
    expect(suggest([])).toBeNull();
    expect(suggest(points(5, (i) => -i))).toBeNull();
  });
});

describe('schedules', () => {
  const at = (step: number, history: { loss: number }[] = []) => ({
    step,
    steps: 10,
    epochs: 10,
    history: history.map(({ loss }, i) => ({ epoch: i + 1, loss, valLoss: null, seconds: 1 })),
  });
  const params = { every: 3, fall: 0.1 };

  it.each(scheduleIds)('%s starts with a warm-up and never exceeds the maximum', (id) => {
    const rate = rateOf(id, 0.5, 5, params);
    const rates = Array.from({ length: 100 }, (_, step) => rate(at(step)));
    expect(Math.max(...rates)).toBeLessThanOrEqual(0.5);
    expect(Math.max(...rates)).toBeGreaterThan(0.45);
    expect(rates[0]).toBeLessThan(0.11);
    expect(rates.every((value) => value > 0)).toBe(true);
  });

  it('decay by their formulas', () => {
    const [cosine, constant, step, exponential, cycle, plateau] = scheduleIds.map((id) => rateOf(id, 1, 1, params));
    expect(cosine(at(50))).toBeCloseTo(0.5, 10);
    expect(constant(at(99))).toBe(1);
    expect([step(at(29)), step(at(30)), step(at(60))].map((v) => Number(v.toPrecision(6)))).toEqual([1, 0.1, 0.01]);
    expect(exponential(at(95))).toBeCloseTo(0.1, 10);
    expect(cycle(at(0))).toBeCloseTo(1 / 25, 10);
    expect(cycle(at(25))).toBeCloseTo(1, 10);
    expect(cycle(at(99))).toBeLessThan(0.01);
    const losses = [1, 0.9, 0.95, 0.95, 0.95, 0.8, 0.9, 0.9, 0.9].map((loss) => ({ loss }));
    expect(plateau(at(50, losses.slice(0, 4)))).toBe(1);
    expect(plateau(at(50, losses.slice(0, 5)))).toBeCloseTo(0.1, 10);
    expect(plateau(at(90, losses))).toBeCloseTo(0.01, 10);
  });
});

describe('losses', () => {
  const logits = (): Tensor2D => tf.tensor2d(fillNormal(new Float32Array(12), random('logits')), [3, 4]);
  const targets = (): Tensor2D => tf.tensor2d([1, 0, 0, 0, 0.1, 0.7, 0.1, 0.1, 0, 0, 0.5, 0.5], [3, 4]);
  const composed = (x: Tensor2D, t: Tensor2D): ReturnType<typeof crossEntropies> =>
    tf.neg(tf.sum(tf.mul(t, tf.logSoftmax(x)), 1));

  it('cross-entropy and its gradient equal the composed op, also with a weight for each row', () => {
    tf.tidy(() => {
      const [x, t] = [logits(), targets()];
      const weights = tf.tensor1d([1, 3, 0.5]);
      for (const [own, twin] of [
        [crossEntropies(x, t), composed(x, t)],
        [
          tf.grad((x) => tf.sum(tf.mul(crossEntropies(x as Tensor2D, t), weights)))(x),
          tf.grad((x) => tf.sum(tf.mul(composed(x as Tensor2D, t), weights)))(x),
        ],
      ]) {
        expect(tf.max(tf.abs(tf.sub(own, twin))).dataSync()[0]).toBeLessThan(1e-6);
      }
    });
  });

  it('focal loss equals cross-entropy at gamma 0, and a calculation by hand', () => {
    tf.tidy(() => {
      const [x, t] = [logits(), targets()];
      expect(tf.max(tf.abs(tf.sub(focalLosses(x, t, 0), composed(x, t)))).dataSync()[0]).toBeLessThan(1e-6);
      const p = tf.softmax(x).dataSync()[0];
      expect(focalLosses(x, t, 2).dataSync()[0]).toBeCloseTo(-((1 - p) ** 2) * Math.log(p), 5);
    });
  });

  it('balanced weights give each class equal weight', () => {
    const weights = balancedWeights(Int32Array.of(0, 0, 0, 1, 2, 2), range(0, 6), 3);
    expect([...weights]).toEqual([6 / 9, 2, 1].map(Math.fround));
  });
});

it('training dynamics count learned and forgotten images, and ignore images that are mixed mostly from another one', () => {
  const dynamics = new Dynamics(Int32Array.of(0, 1, 0), 2);
  const positions = Int32Array.of(0, 1);
  const look = (right: boolean[], targets = Float32Array.of(1, 0, 0, 1)): void =>
    dynamics.take(
      { positions, targets },
      Float32Array.from(right.flatMap((is, i) => (is === (i === 0) ? [3, 0] : [0, 3]))),
    );
  look([true, false]);
  look([false, true]);
  look([true, true]);
  look([false, true]);
  expect(dynamics.accuracy()).toBe(5 / 8);
  look([true, true], Float32Array.of(0.4, 0.6, 0.2, 0.8));
  expect(dynamics.accuracy()).toBe(1); // of one
  const { meanLoss, forgotten } = dynamics.result();
  expect([...forgotten]).toEqual([2, 0, NaN]);
  const [sure, wrong] = [Math.log(1 + Math.exp(-3)), 3 + Math.log(1 + Math.exp(-3))];
  expect(meanLoss[0]).toBeCloseTo((2 * sure + 2 * wrong) / 4, 5);
  expect(meanLoss[1]).toBeCloseTo((4 * sure + wrong) / 5, 5);
  const other = new Dynamics(Int32Array.of(0, 1, 0), 2);
  other.write(dynamics.read());
  expect(other.result()).toEqual(dynamics.result());
});
