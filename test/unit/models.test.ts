/**
 * Every architecture of the registry, with small parameters: it overfits 16 images, its gradient equals finite differences, it is saved, loaded and frozen
 * for inference, and leaks nothing. Its numbers of parameters and operations equal those of torchvision and timm.
 */
import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defaultsOf, fieldsOf } from '../../src-renderer/lib/schema.ts';
import { startBackend, tf } from '../../src-main/compute/backend.ts';
import type { Initialisation } from '../../src-main/compute/models/initialise.ts';
import { modelOf, models } from '../../src-main/compute/models/index.ts';
import type { Classifier } from '../../src-main/compute/models/model.ts';
import { Network } from '../../src-main/compute/models/network.ts';
import { summarise } from '../../src-main/compute/models/summary.ts';
import { softmaxCrossEntropy } from '../../src-main/compute/ops/loss.ts';
import { random } from '../../src-main/compute/random.ts';
import { startOptimizer } from '../../src-main/compute/train/optimizers/index.ts';

beforeAll(async () => void (await startBackend()));

const classes = 4;
const count = 16;

/** Noise with another brightness and stripe for each class. */
function images(sizePx: number): Tensor4D {
  const next = random('images');
  const values = Float32Array.from({ length: count * sizePx * sizePx * 3 }, (_, i) => {
    const [channel, x, image] = [i % 3, Math.floor(i / 3) % sizePx, Math.floor(i / 3 / sizePx / sizePx)];
    const kind = image % classes;
    return 0.6 * next() + (channel === kind % 3 ? 0.2 : 0) + (Math.floor((4 * x) / sizePx) === kind ? 0.2 : 0);
  });
  return tf.tensor4d(values, [count, sizePx, sizePx, 3]);
}
const targets = (): Tensor2D =>
  tf.tidy(
    () =>
      tf
        .oneHot(
          tf.tensor1d(
            Array.from({ length: count }, (_, i) => i % classes),
            'int32',
          ),
          classes,
        )
        .toFloat() as Tensor2D,
  );

/** [id, parameters, image side, steps to learn by, learning rate] */
const cases: [id: string, params: Record<string, unknown>, sizePx: number, steps: number, rate: number][] = [
  ['mlp', { width: 32 }, 16, 30, 3e-3],
  ['mlp', { width: 32, depth: 1, batchNorm: false }, 16, 60, 1e-3],
  ['cnn', { width: 8, depth: 2, dense: 16 }, 16, 40, 3e-3],
  ['cnn', { width: 8, depth: 3, dense: 16, pooling: 'flatten', batchNorm: false, attention: 'se' }, 16, 60, 3e-3],
  ['alexnet', { width: 8, dense: 32, dropout: 0.1 }, 64, 80, 1e-3],
  ['vgg', { width: 8, dense: 32, dropout: 0.1 }, 32, 40, 1e-3],
  ['vgg', { width: 8, dense: 32, dropout: 0.1, batchNorm: false }, 32, 80, 1e-3],
  ['resnet', { width: 8 }, 16, 30, 3e-3],
  ['resnet', { width: 8, layers: 50, stem: 'large', stochasticDepth: 0.1, dropout: 0.1 }, 64, 50, 3e-3],
  ['resnet', { width: 8, batchNorm: false }, 16, 60, 3e-4],
  ['se-resnet', { width: 16 }, 16, 30, 3e-3],
  ['efficientnet-lite0', { padding: 'pytorch', stochasticDepth: 0.1 }, 32, 40, 3e-3],
  ['vit', { patch: 4, width: 32, depth: 2, heads: 2 }, 16, 60, 3e-3],
  ['vit', { patch: 8, width: 32, depth: 2, heads: 4, pooling: 'mean', dropout: 0.1 }, 16, 60, 3e-3],
];

it('every architecture is among the cases', () =>
  expect([...new Set(cases.map(([id]) => id))].sort()).toEqual(models.map(({ id }) => id).sort()));

const build = (
  id: string,
  params: Record<string, unknown>,
  sizePx: number,
  initialisation: Initialisation = 'default',
): Network<Classifier> =>
  new Network(modelOf(id)!.build(params, { sizePx, classes }), [sizePx, sizePx, 3], 1, { initialisation });

/** The loss on all images and its gradient to the weights; updates the moving statistics. */
function pass(
  network: Network<Classifier>,
  x: Tensor4D,
  y: Tensor2D,
  seed: (number | string)[],
): { loss: number; gradient: Tensor } {
  let updateStatistics = (): void => undefined;
  const { value, grads } = tf.variableGrads(() => {
    const pass = network.train(x, seed);
    updateStatistics = pass.updateStatistics;
    return softmaxCrossEntropy(pass.y, y);
  }, [network.weights]);
  updateStatistics();
  const [loss] = value.dataSync();
  value.dispose();
  return { loss, gradient: grads[network.weights.name] };
}

/** The loss alone, without its gradient. */
function lossOf(network: Network<Classifier>, x: Tensor4D, y: Tensor2D, seed: (number | string)[]): number {
  const loss = tf.tidy(() => {
    const { y: logits, discardStatistics } = network.train(x, seed);
    discardStatistics();
    return softmaxCrossEntropy(logits, y);
  });
  const [value] = loss.dataSync();
  loss.dispose();
  return value;
}

describe.each(cases)('%s %o', (id, params, sizePx, steps, rate) => {
  it('overfits 16 images, is saved and loaded, freezes, and leaks nothing', async () => {
    const [x, y] = [images(sizePx), targets()];
    const network = build(id, params, sizePx);
    const optimizer = startOptimizer('adam', {}, network.parameters, []);
    let tensors = 0;
    for (let step = 0; step < steps; step++) {
      if (step === 2) tensors = tf.memory().numTensors;
      const { gradient } = pass(network, x, y, [1, step]);
      optimizer.apply(network.weights, gradient as Tensor1D, rate);
      gradient.dispose();
    }
    expect(tf.memory().numTensors).toBe(tensors);
    const logits = network.infer(x);
    expect([...tf.tidy(() => tf.argMax(logits, 1)).dataSync()]).toEqual(
      Array.from({ length: count }, (_, i) => i % classes),
    );

    const other = build(id, params, sizePx);
    other.write(await network.read());
    const again = other.infer(x);
    expect(Buffer.from(again.dataSync().slice().buffer).equals(Buffer.from(logits.dataSync().slice().buffer))).toBe(
      true,
    );

    // Unfrozen: separate normalisations with the moving statistics.
    const thawed = unfrozen(network, x);
    const [p, q] = [logits.dataSync(), thawed.dataSync()];
    const largest = Math.max(1, ...p.map(Math.abs));
    p.forEach((value, i) => expect(Math.abs(value - q[i]) / largest).toBeLessThan(1e-4));

    const features = network.infer(x, network.architecture.features);
    expect(features.shape).toEqual([count, network.pieces.find(({ name }) => name === 'head/kernel')!.shape[0]]);
    tf.dispose([x, y, logits, again, thawed, features]);
    optimizer.dispose();
    network.dispose();
    other.dispose();
  });

  it('has the gradient of finite differences, weight by weight', async () => {
    const [x, y] = [images(sizePx), targets()];
    // Dense layers with the published small initial weights: even a tiny step would change the sign at many of their ReLUs.
    const start = ['alexnet', 'vgg'].includes(id) ? 'he-normal' : 'default';
    const network = build(
      id,
      { ...params, ...('dropout' in modelOf(id)!.schema.shape && { dropout: 0 }) },
      sizePx,
      start,
    );
    const { gradient } = pass(network, x, y, [1]);
    const slopes = gradient.dataSync<'float32'>();
    const { weights, statistics } = await network.read();
    let at = 0;
    const wrong: string[] = [];
    const steepest = Math.sqrt(slopes.reduce((sum, g) => sum + g * g, 0));
    const every = Math.ceil(network.pieces.length / 40);
    for (const [i, { name, shape }] of network.pieces.entries()) {
      const size = shape.reduce((a, b) => a * b);
      const own = slopes.subarray(at, at + size);
      const steep = Math.sqrt(own.reduce((sum, g) => sum + g * g, 0));
      // A step along the gradient, so small that few ReLUs change sign. Weights with little effect on the loss are lost in rounding.
      if (i % every === 0 && steep > 0.01 * steepest) {
        const length = Math.min(0.002, 0.0005 / steep);
        const [above, below] = [length, -length].map((by) => {
          const moved = weights.slice();
          own.forEach((g, i) => (moved[at + i] += (by * g) / steep));
          network.write({ weights: moved, statistics });
          return lossOf(network, x, y, [1]);
        });
        const found = (above - below) / (2 * length);
        if (Math.abs(found / steep - 1) > 0.05) wrong.push(`${name}: ${found}, but the gradient is ${steep}`);
      }
      at += size;
    }
    expect(wrong).toEqual([]);
    tf.dispose([x, y, gradient]);
    network.dispose();
  });
});

/** Inference with separate normalisations: a frozen scope without folding. */
function unfrozen(network: Network<Classifier>, x: Tensor4D): Tensor2D {
  return network.infer(x, (x, { folded: _, ...scope }) => network.architecture.forward(x, scope));
}

describe.each(models.map((model) => [model.id, model] as const))('the record of %s', (_id, { schema, build }) => {
  const json = z.toJSONSchema(schema, { io: 'input' }) as Record<string, unknown>;

  it('describes every parameter, and accepts its defaults', () => {
    for (const field of fieldsOf(json)) {
      expect(field.title, field.name).not.toBe(field.name);
      expect(field.description, field.name).toMatch(/\.$/);
      expect(field.default, field.name).toBeDefined();
      expect(schema.shape[field.name].meta(), field.name).toMatchObject({ group: 'Model' });
    }
    expect(schema.parse(defaultsOf(json))).toEqual(schema.parse({}));
  });

  it('has no parameter with the name of a training parameter', () => {
    const taken = [
      'epochs',
      'batch',
      'learningRate',
      'weightDecay',
      'loss',
      'seed',
      'patience',
      'optimizer',
      'schedule',
      'sizePx',
      'cropPx',
      'policy',
      'magnitude',
      'numOps',
      'initialisation',
    ];
    expect(Object.keys(schema.shape).filter((name) => taken.includes(name))).toEqual([]);
  });

  it('builds with its defaults for 64 px in a few milliseconds, without allocating weights', () => {
    const before = tf.memory().numTensors;
    const { layers, parameters } = summarise(build({}, { sizePx: 64, classes: 7 }), 64);
    expect(layers.at(-1)).toMatchObject({ name: 'head', kind: 'dense', output: [7] });
    expect(parameters).toBeGreaterThan(10_000);
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('a summary', () => {
  /** At 224 px and 1000 classes; torchvision's weights' meta (num_params, _ops), timm's for EfficientNet-Lite0 and SE-ResNet-50. */
  it.each<[id: string, params: Record<string, unknown>, parameters: number, gigaMacs: number]>([
    ['alexnet', { dense: 4096 }, 61_100_840, 0.714],
    ['vgg', { dense: 4096, layers: 11, batchNorm: false }, 132_863_336, 7.609],
    ['vgg', { dense: 4096, layers: 16, batchNorm: false }, 138_357_544, 15.47],
    ['vgg', { dense: 4096, layers: 19, batchNorm: false }, 143_667_240, 19.632],
    ['resnet', { width: 64 }, 11_689_512, 1.814],
    ['resnet', { width: 64, layers: 34 }, 21_797_672, 3.664],
    ['resnet', { width: 64, layers: 50 }, 25_557_032, 4.089],
    ['se-resnet', { width: 64, layers: 50 }, 28_088_024, 4.092],
    ['efficientnet-lite0', {}, 4_652_008, 0.385],
    ['vit', { patch: 16, width: 768, depth: 12, heads: 12 }, 86_567_656, 17.564],
  ])('of %s %o has the published parameters and multiplications', async (id, params, parameters, gigaMacs) => {
    const model = modelOf(id)!.build(params, { sizePx: 224, classes: 1000 });
    // From shapes alone: no op runs.
    let summary = { parameters: 0, macs: 0 };
    const { newTensors, kernels } = await tf.profile(() => void (summary = summarise(model, 224)) as never);
    expect(newTensors).toBe(0);
    expect(kernels.map(({ name }) => name).filter((name) => /Conv|MatMul/.test(name))).toEqual([]);
    expect(summary.parameters).toBe(parameters);
    expect(summary.macs / 1e9).toBeCloseTo(gigaMacs, 3);
  });

  it('lists the layers that the network has', () => {
    const model = modelOf('cnn')!.build({ width: 8, depth: 2, dense: 16, attention: 'se' }, { sizePx: 16, classes });
    const { layers, activationBytes } = summarise(model, 16);
    expect(layers.slice(0, 3)).toMatchObject([
      { name: 'block0', kind: 'convolution', output: [16, 16, 8], macs: 16 * 16 * 8 * 27, parameters: 27 * 8 },
      { name: 'block0/norm', kind: 'batch normalisation', output: [16, 16, 8], macs: 0, parameters: 16 },
      { name: 'block0/pool', kind: 'max pooling', output: [8, 8, 8], macs: 0, parameters: 0 },
    ]);
    expect(activationBytes).toBe(4 * layers.reduce((sum, { output }) => sum + output.reduce((a, b) => a * b), 0));
    const network = new Network(model, [16, 16, 3], 1);
    expect(layers.reduce((sum, { parameters }) => sum + parameters, 0)).toBe(network.parameters);
    // Each layer lists its real output shape.
    const x = images(16);
    const shapes: [said: number[], given: number[]][] = [];
    const heard: Classifier['forward'] = (x, scope) =>
      model.forward(x, {
        ...scope,
        layer: (layer, run) => {
          const y = run();
          shapes.push([layer.output, y.shape.slice(1)]);
          return y;
        },
      });
    network.infer(x, heard).dispose();
    x.dispose();
    network.dispose();
    for (const [said, given] of shapes) expect(given).toEqual(said);
    expect(shapes.length).toBeGreaterThan(8);
  });
});

it.each<[id: string, params: Record<string, unknown>, sizePx: number, told: RegExp]>([
  ['cnn', { depth: 6 }, 32, /halved 6 times: choose a depth of at most 5/],
  ['alexnet', {}, 32, /at least 63 px/],
  ['vgg', {}, 16, /at least 32 px/],
  ['vit', { patch: 7 }, 64, /choose a patch that divides 64/],
  ['vit', { heads: 5 }, 64, /multiple of 5/],
])('%s %o refuses what cannot be at %i px, and says what can', (id, params, sizePx, told) =>
  expect(() => modelOf(id)!.build(params, { sizePx, classes })).toThrow(told),
);

it('a trained network with global pooling accepts images of another size', () => {
  const network = new Network(
    modelOf('cnn')!.build({ width: 8, depth: 2, dense: 16 }, { sizePx: 16, classes }),
    [16, 16, 3],
    1,
  );
  const x = images(40);
  const logits = network.infer(x);
  expect(logits.shape).toEqual([count, classes]);
  tf.dispose([x, logits]);
  network.dispose();
});
