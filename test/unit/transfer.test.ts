/**
 * Transfer learning: the bundled weights give the same outputs as in PyTorch (fixtures/pretrained.json), the head equals scikit-learn's logistic regression, and label
 * errors equal cleanlab's (fixtures/label-errors.py). Normalisations and learning rates follow the settings.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBackend, tf } from '../../src-main/compute/backend.ts';
import { fitHead, headLogits } from '../../src-main/compute/classify/head.ts';
import { probabilitiesOf } from '../../src-main/compute/classify/evaluate.ts';
import { findLabelErrors } from '../../src-main/compute/classify/label-errors.ts';
import { outOfFold } from '../../src-main/compute/classify/out-of-fold.ts';
import { distance, features } from '../../src-main/compute/embed/features.ts';
import { pairs } from '../../src-main/compute/embed/pairs.ts';
import { scoreAll } from '../../src-main/compute/anomaly/fit.ts';
import { openImages } from '../../src-main/compute/anomaly/images.ts';
import { nearestImages } from '../../src-main/compute/anomaly/nearest.ts';
import { loadForeign } from '../../src-main/compute/models/foreign.ts';
import { modelOf } from '../../src-main/compute/models/index.ts';
import { Network } from '../../src-main/compute/models/network.ts';
import { checkedFile, pretrained, usual } from '../../src-main/compute/models/pretrained.ts';
import { fillNormal, random } from '../../src-main/compute/random.ts';
import { minimise } from '../../src-main/compute/train/lbfgs.ts';
import { byLayer, rateFactorsOf } from '../../src-main/compute/train/optimizers/by-layer.ts';
import { startOptimizer } from '../../src-main/compute/train/optimizers/index.ts';
import { serveCall } from '../fixtures/serve-call.ts';

beforeAll(async () => void (await startBackend()));
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'winnow-transfer-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

const fixture = <T>(name: string): T =>
  JSON.parse(fs.readFileSync(new URL(`../fixtures/${name}.json`, import.meta.url), 'utf8')) as T;
const yieldToEventLoop = async (): Promise<void> => undefined;
const maxDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((most, v, i) => Math.max(most, Math.abs(v - b[i])), 0);

/** The colour bands that assets/weights/efficientnet-lite0.py generates: [3, 224, 224, 3] bytes. */
function pictures(): Uint8Array {
  const side = 224;
  const out = new Uint8Array(3 * side * side * 3);
  let at = 0;
  for (let i = 0; i < 3; i++)
    for (let y = 0; y < side; y++)
      for (let x = 0; x < side; x++)
        for (let c = 0; c < 3; c++)
          out[at++] = Math.round(127.5 + 127.4 * Math.sin((x * (i + 1) + y * (3 - i)) / (7 + 5 * c) + c));
  return out;
}

describe('pretrained weights', () => {
  const known = fixture<{ features: number[][]; logits: number[][] }>('pretrained');

  it.each(pretrained)('$id: embeddings equal PyTorch’s up to float16 rounding', async ({ id, size, last }) => {
    const { codes, size: reported } = await serveCall(features, { model: id, bytes: pictures() });
    expect(reported).toBe(size);
    known.features.forEach((expected, i) => {
      const own = codes.subarray(i * size, i * size + last);
      expect(expected).toHaveLength(last);
      expect(maxDifference(own, expected)).toBeLessThan(0.01 * Math.max(...expected)); // 0.0035 of the largest
      const cosine = expected.reduce((sum, v, d) => sum + v * own[d], 0) / Math.hypot(...expected) / Math.hypot(...own);
      expect(cosine).toBeGreaterThan(0.99999);
    });
  });

  it('give the same ImageNet classes as in PyTorch', async () => {
    const record = modelOf(usual.model)!;
    const network = new Network(record.build({}, { sizePx: 224, classes: 1000 }), [224, 224, 3], 0);
    await loadForeign(network, record, {}, checkedFile(usual));
    const x = tf.tensor4d(
      Float32Array.from(pictures(), (v) => (v - 127) / 128),
      [3, 224, 224, 3],
    ) as Tensor4D;
    const logits = network.infer(x).arraySync() as number[][];
    known.logits.forEach((expected, i) => {
      expect(maxDifference(logits[i], expected)).toBeLessThan(0.01 * Math.max(...expected));
      expect(logits[i].indexOf(Math.max(...logits[i]))).toBe(expected.indexOf(Math.max(...expected)));
    });
    network.dispose();
    x.dispose();
  });

  it('that are damaged or missing give an error message', () => {
    const file = path.join(folder, 'weights.safetensors');
    const bytes = fs.readFileSync(usual.file);
    bytes[bytes.length >> 1] ^= 1;
    fs.writeFileSync(file, bytes);
    expect(() => checkedFile({ ...usual, file })).toThrow(/damaged/);
    expect(() => checkedFile({ ...usual, file: `${file}.gone` })).toThrow(/cannot be read/);
    expect(checkedFile(usual)).toBe(usual.file);
  });

  it('give noise a larger distance to ImageNet than photos', async () => {
    const noise = Uint8Array.from(fillNormal(new Float64Array(4 * 224 * 224 * 3), random('noise', 1)), (v) =>
      Math.max(0, Math.min(255, 128 + 70 * v)),
    );
    const [near, far] = [
      await serveCall(distance, { model: usual.id, bytes: pictures() }),
      await serveCall(distance, { model: usual.id, bytes: noise }),
    ];
    expect(near).toBeGreaterThan(0);
    expect(far).toBeGreaterThan(0.5);
    expect(far).toBeGreaterThan(near);
  });
});

describe('the head', () => {
  it('equals scikit-learn’s logistic regression', async () => {
    const { x, y, penalty, probabilities } = fixture<{
      x: number[][];
      y: number[];
      penalty: number;
      probabilities: number[][];
    }>('logistic');
    const examples = {
      codes: Float32Array.from(x.flat()),
      size: x[0].length,
      labels: Int32Array.from(y),
      classes: 3,
      weights: null,
    };
    const before = tf.memory().numTensors;
    const { head } = await fitHead(
      examples,
      Int32Array.from(y.keys()),
      new Int32Array(0),
      { penalty },
      yieldToEventLoop,
    );
    const own = probabilitiesOf(await headLogits(head, examples.codes, examples.size), 3);
    expect(maxDifference(own, probabilities.flat())).toBeLessThan(2e-3);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('chooses the penalty on held-out images, and predicts them before training on them', async () => {
    const [n, size] = [240, 40];
    const noise = fillNormal(new Float64Array(n * size), random('codes', 1));
    const labels = Int32Array.from({ length: n }, (_, i) => i % 2);
    // Three features determine the class, the others are noise.
    const codes = Float32Array.from(
      noise,
      (v, at) => v + (at % size < 3 ? (labels[Math.floor(at / size)] ? 0.6 : -0.6) : 0),
    );
    const all = Int32Array.from(labels.keys());
    const [train, val] = [all.filter((i) => i % 4 !== 3), all.filter((i) => i % 4 === 3)];
    const { tried, penalty, valLogits, head } = await fitHead(
      { codes, size, labels, classes: 2, weights: null },
      train,
      val,
      {},
      yieldToEventLoop,
    );
    const least = tried.reduce((a, b) => (b.valLoss! < a.valLoss! ? b : a));
    expect(penalty).toBe(least.penalty);
    expect(tried.length).toBeGreaterThan(3);
    expect(tried[0].penalty).toBeGreaterThan(tried.at(-1)!.penalty);
    const after = await headLogits(head, codes, size);
    const lossOf = (logits: Float32Array, i: number): number =>
      logits[i * 2 + labels[val[i]]] - logits[i * 2 + 1 - labels[val[i]]];
    const mean = (value: (i: number) => number): number =>
      Array.from(val, (_, i) => value(i)).reduce((a, b) => a + b) / val.length;
    expect(mean((i) => lossOf(valLogits, i))).toBeLessThan(
      mean((i) => after[val[i] * 2 + labels[val[i]]] - after[val[i] * 2 + 1 - labels[val[i]]]),
    ); // it predicts them better after training on them
    const firm = await fitHead(
      { codes, size, labels, classes: 2, weights: null },
      train,
      val,
      { oneStandardError: true },
      yieldToEventLoop,
    );
    expect(firm.penalty).toBeGreaterThanOrEqual(penalty);
  });

  it('applies class weights', async () => {
    const n = 200;
    const noise = fillNormal(new Float64Array(n), random('one', 2));
    const labels = Int32Array.from({ length: n }, (_, i) => Number(i % 10 === 0)); // one in ten
    const codes = Float32Array.from(noise, (v, i) => v + labels[i]);
    const right = async (weights: Float32Array | null): Promise<number> => {
      const { head } = await fitHead(
        { codes, size: 1, labels, classes: 2, weights },
        Int32Array.from(labels.keys()),
        new Int32Array(0),
        { penalty: 0.01 },
        yieldToEventLoop,
      );
      const logits = await headLogits(head, codes, 1);
      return labels.reduce((sum, label, i) => sum + Number(label === 1 && logits[i * 2 + 1] > logits[i * 2]), 0);
    };
    expect(await right(Float32Array.of(1, 9))).toBeGreaterThan(2 * (await right(null)));
  });

  it('L-BFGS finds the minimum of an ill-conditioned function', async () => {
    const curve = [1, 100, 10_000];
    const { x, value, iterations } = await minimise(
      async (x) => ({
        value: curve.reduce((sum, c, i) => sum + (c / 2) * (x[i] - i) ** 2, 0),
        gradient: Float64Array.from(curve, (c, i) => c * (x[i] - i)),
      }),
      Float64Array.of(5, 5, 5),
      { tolerance: 1e-8 },
    );
    expect(value).toBeLessThan(1e-6);
    expect(maxDifference(x, [0, 1, 2])).toBeLessThan(1e-3);
    expect(iterations).toBeLessThan(60);
  });
});

describe('label errors', () => {
  it('equal cleanlab’s', () => {
    const known = fixture<{
      given: number[];
      true: number[];
      probabilities: number[][];
      joint: number[][];
      flagged: number[];
      quality: number[];
    }>('label-errors');
    const { joint, quality, flagged, suggested } = findLabelErrors(
      Float32Array.from(known.probabilities.flat()),
      Int32Array.from(known.given),
      4,
    );
    expect(maxDifference(quality, known.quality)).toBeLessThan(1e-6);
    known.joint.forEach((row, i) => expect(maxDifference(joint[i], row)).toBeLessThanOrEqual(1)); // cleanlab rounds to whole images
    const own = [...flagged.keys()].filter((i) => flagged[i]);
    const both = own.filter((i) => known.flagged.includes(i)).length;
    expect(both).toBeGreaterThanOrEqual(known.flagged.length - 2);
    expect(own.length).toBeLessThanOrEqual(known.flagged.length + 2);
    const wrong = own.filter((i) => known.given[i] !== known.true[i]);
    expect(wrong.length / own.length).toBeGreaterThan(0.8);
    for (const i of wrong) expect(suggested[i]).toBe(known.true[i]);
  });

  it('ignore unlabelled images, and do not need a confident image', () => {
    const { quality, flagged } = findLabelErrors(Float32Array.of(0.9, 0.1, 0.4, 0.6), Int32Array.of(-1, 0), 2);
    expect(quality[0]).toBeNaN();
    expect([...flagged]).toEqual([0, 0]);
  });

  it('are found out of fold: planted ones come first, and unlabelled images get predictions too', async () => {
    const [n, size, last] = [180, 24, 16];
    const noise = fillNormal(new Float64Array(n * size), random('planted', 4));
    const true_ = Int32Array.from({ length: n }, (_, i) => i % 3);
    const codes = Float32Array.from(
      noise,
      (v, at) =>
        v + (at % size === true_[Math.floor(at / size)] || at % size === 16 + true_[Math.floor(at / size)] ? 3 : 0),
    );
    const planted = [7, 50, 91, 130];
    const labels = true_.map((label, i) => (i === 170 ? -1 : planted.includes(i) ? (label + 1) % 3 : label));
    const file = path.join(folder, 'codes.f32');
    fs.writeFileSync(file, new Uint8Array(codes.buffer));
    const partition = (shift: number): Int32Array =>
      Int32Array.from(labels, (label, i) => (label < 0 ? -1 : (Math.floor(i / 3) + shift * (i % 7)) % 5));
    const args = {
      embeddings: { file, type: 'float32' as const, shape: [size], rows: Int32Array.from(labels.keys()) },
      last,
      labels,
      classes: 3,
      partitions: [partition(0), partition(1)],
      units: Int32Array.from(labels.keys()),
      judged: Uint8Array.from(labels, (label) => Number(label >= 0)),
      seed: 1,
    };
    const progress: number[] = [];
    const probabilities = await serveCall(outOfFold, args, { onEvent: ({ done }) => progress.push(done) });
    expect(progress.at(-1)).toBe(20); // two feature sets, two partitions, five folds
    const { quality, flagged, suggested } = findLabelErrors(probabilities, labels, 3);
    const worst = [...quality.keys()]
      .filter((i) => !Number.isNaN(quality[i]))
      .sort((a, b) => quality[a] - quality[b])
      .slice(0, planted.length);
    expect(worst.sort((a, b) => a - b)).toEqual(planted);
    for (const i of planted) expect([flagged[i], suggested[i]]).toEqual([1, true_[i]]);
    expect(suggested[170]).toBe(true_[170]);
    expect(await serveCall(outOfFold, args)).toEqual(probabilities); // reproducible
  });
});

describe('embeddings', () => {
  it('score an image by its nearest neighbours, never by itself', async () => {
    const size = 8;
    const noise = fillNormal(new Float64Array(30 * size), random('nearest', 1));
    const codes = Float32Array.from(noise, (v, at) => v + (Math.floor(at / size) === 29 ? 9 : 0));
    const file = path.join(folder, 'nearest.f32');
    fs.writeFileSync(file, new Uint8Array(codes.buffer));
    const rows = Int32Array.from({ length: 30 }, (_, i) => i);
    const images = openImages(nearestImages, {}, { file, type: 'float32', shape: [size], rows });
    const context = { seed: 1, images: images.reader, train: rows, areNormal: true, checkpointFile: '', resume: false };
    const { model } = await nearestImages.ready({}).fit({ ...context, onEvent: () => undefined, yieldToEventLoop });
    const { scores } = await scoreAll(model, images, yieldToEventLoop, () => undefined);
    const { scores: asNew } = await model.score(codes, new Int32Array(30).fill(-1));
    model.dispose();
    expect(scores.indexOf(Math.max(...scores))).toBe(29);
    expect(Math.min(...scores)).toBeGreaterThan(0);
    for (let i = 0; i < 30; i++) expect(asNew[i]).toBeLessThan(scores[i]); // each row finds itself in the set
  });

  it('give pairs of mutual nearest neighbours', async () => {
    const [n, size] = [12, 6];
    const codes = Float32Array.from(fillNormal(new Float64Array(n * size), random('pairs', 3)));
    codes.set(
      codes.subarray(0, size).map((v) => v * 1.5 + 0.01),
      7 * size,
    ); // image 7 is a brighter image 0
    const file = path.join(folder, 'pairs.f32');
    fs.writeFileSync(file, new Uint8Array(codes.buffer));
    const found = await serveCall(pairs, {
      embeddings: { file, type: 'float32', shape: [size], rows: Int32Array.from({ length: n }, (_, i) => i) },
      width: size,
      k: 2,
      least: 0.99,
    });
    expect([...found]).toEqual([0, 7]);
  });
});

describe('fine-tuning', () => {
  const small = (norms: 'batch' | 'frozen') => {
    const record = modelOf('cnn')!;
    return new Network(
      record.build({ width: 4, depth: 2, dense: 8, pooling: 'global', dropout: 0 }, { sizePx: 16, classes: 3 }),
      [16, 16, 3],
      1,
      { norms },
    );
  };

  it('with frozen normalisations uses the moving statistics and does not change them; every weight gets a gradient', async () => {
    const network = small('frozen');
    const { weights, statistics } = await network.read();
    network.write({ weights, statistics: statistics.map((v, i) => v + 0.05 * ((i % 5) + 1)) });
    const x = tf.randomUniform([4, 16, 16, 3], 0, 1, 'float32', 1) as Tensor4D;
    const inferred = network.infer(x).dataSync();
    const { grads } = tf.variableGrads(() => {
      const { y, updateStatistics } = network.train(x, [1]);
      expect(maxDifference(y.dataSync(), inferred)).toBeLessThan(1e-5);
      updateStatistics();
      return tf.sum(tf.square(y as Tensor2D)) as never;
    }, [network.weights]);
    const gradient = Object.values(grads)[0].dataSync();
    let at = 0;
    for (const { name, shape } of network.pieces) {
      const to = at + shape.reduce((a, b) => a * b, 1);
      expect(
        gradient.subarray(at, to).some((v) => v !== 0),
        name,
      ).toBe(true);
      at = to;
    }
    expect(
      maxDifference(
        (await network.read()).statistics,
        statistics.map((v, i) => v + 0.05 * ((i % 5) + 1)),
      ),
    ).toBe(0);
    network.dispose();
  });

  it('gives earlier stages smaller learning rates', async () => {
    const network = small('batch');
    const rateFactors = rateFactorsOf(network.pieces, 0.5);
    const { weights: before } = await network.read();
    const optimizer = byLayer(
      startOptimizer('sgd', { momentum: 0, weightDecay: 0 }, network.parameters, network.kernels),
      rateFactors,
    );
    optimizer.apply(network.weights, tf.ones([network.parameters]), 0.1);
    const { weights: after } = await network.read();
    expect(
      maxDifference(
        after,
        before.map((v, i) => v - 0.1 * rateFactors[i]),
      ),
    ).toBeLessThan(1e-6);
    expect(new Set(rateFactors).size).toBe(new Set(network.pieces.map(({ name }) => name.split('/')[0])).size);
    expect(rateFactors.at(-1)).toBe(1);
    expect(rateFactors[0]).toBeLessThan(0.5);
    optimizer.dispose();
    network.dispose();
  });
});
