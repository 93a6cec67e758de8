/**
 * The building blocks of architectures: layer normalisation, GELU, attention, pooling to a grid, stochastic depth, each compared with its gradients to
 * composed tfjs ops or to a plain implementation here; and the initial weights.
 */
import type { Tensor, Tensor1D, Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { startBackend, tf } from '../../src-main/compute/backend.ts';
import { squeezeExcite } from '../../src-main/compute/models/blocks.ts';
import { modelOf } from '../../src-main/compute/models/index.ts';
import { initialisations, startValues, type Initialisation } from '../../src-main/compute/models/initialise.ts';
import { Network } from '../../src-main/compute/models/network.ts';
import { attend } from '../../src-main/compute/ops/attention.ts';
import { adaptiveAveragePool } from '../../src-main/compute/ops/average-pool.ts';
import { columnSums } from '../../src-main/compute/ops/bias.ts';
import { dropPath } from '../../src-main/compute/ops/dropout.ts';
import { gelu } from '../../src-main/compute/ops/gelu.ts';
import { layerNormalise } from '../../src-main/compute/ops/layer-norm.ts';
import { expectNear, expectFiniteDifferences, expectSameGradients, noisy, type Op } from '../fixtures/gradients.ts';

beforeAll(async () => void (await startBackend()));

/** The op and its gradients equal the composed op and finite differences, and the op leaks no tensor outside a tidy either. */
function expectSound(op: Op, composed: Op, inputs: Tensor[]): void {
  expectSameGradients(op, composed, inputs);
  expectFiniteDifferences(op, inputs);
  const before = tf.memory().numTensors;
  op(...inputs).dispose();
  expect(tf.memory().numTensors).toBe(before);
}

describe('layer normalisation', () => {
  it.each([[[1, 4]], [[3, 5, 8]], [[2, 7, 33]], [[2, 3, 2, 6]]])('of [%s] equals the composed op', (shape) => {
    const c = shape.at(-1)!;
    const composed: Op = (x, gamma, beta) => {
      const { mean, variance } = tf.moments(x, -1, true);
      return tf.add(tf.mul(tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, 1e-6))), gamma), beta);
    };
    const inputs = [tf.tidy(() => tf.add(tf.mul(noisy(shape, 1), 3), 2)), noisy([c], 2, 1), noisy([c], 3)];
    expectSound((x, gamma, beta) => layerNormalise(x, gamma as Tensor1D, beta as Tensor1D, 1e-6), composed, inputs);
    tf.dispose(inputs);
  });
});

describe('GELU', () => {
  it('equals the composed op', () => {
    const x = tf.tidy(() => tf.mul(noisy([5, 40], 1), 3));
    expectSound(
      (x) => gelu(x),
      (x) => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.div(x, Math.SQRT2)), 1)),
      [x],
    );
    x.dispose();
  });

  it('has the values of the normal distribution', () => {
    const y = gelu(tf.tensor1d([-10, -1, 0, 1, 2, 10]));
    expectNear(y.dataSync(), [0, -0.15865525, 0, 0.84134475, 1.95449974, 10], 'y', 1e-6);
    y.dispose();
  });
});

describe('attention', () => {
  /** Head by head and image by image, as in the paper. */
  const worked =
    (heads: number): Op =>
    (qkv) => {
      const [n, places, all] = qkv.shape;
      const [width, depth] = [all / 3, all / 3 / heads];
      const part = (image: number, which: number, head: number): Tensor =>
        tf.reshape(tf.slice(qkv, [image, 0, which * width + head * depth], [1, places, depth]), [places, depth]);
      const images = Array.from({ length: n }, (_, image) => {
        const ways = Array.from({ length: heads }, (_, head) => {
          const scores = tf.softmax(
            tf.div(
              tf.matMul(part(image, 0, head) as never, tf.transpose(part(image, 1, head)) as never),
              Math.sqrt(depth),
            ) as never,
          );
          return tf.matMul(scores, part(image, 2, head) as never);
        });
        return tf.concat(ways, 1);
      });
      return tf.stack(images);
    };

  it.each([
    [1, 1, 4, 1],
    [2, 5, 8, 2],
    [3, 17, 12, 3],
  ])('of %i images, %i places, width %i and %i heads is as in the paper', (n, places, width, heads) => {
    const qkv = noisy<Tensor3D>([n, places, 3 * width], 1);
    expectSound((x) => attend(x as Tensor3D, heads), worked(heads), [qkv]);
    qkv.dispose();
  });
});

describe('average pooling to a grid', () => {
  /** Cell by cell. */
  const worked =
    (side: number): Op =>
    (x) => {
      const [n, size, , c] = x.shape;
      const cells = Array.from({ length: side * side }, (_, cell) => {
        const [rows, columns] = [Math.floor(cell / side), cell % side].map((i) => [
          Math.floor((i * size) / side),
          Math.ceil(((i + 1) * size) / side),
        ]);
        return tf.mean(
          tf.slice(x as Tensor4D, [0, rows[0], columns[0], 0], [n, rows[1] - rows[0], columns[1] - columns[0], c]),
          [1, 2],
        );
      });
      return tf.reshape(tf.stack(cells, 1), [n, side, side, c]);
    };

  it.each([
    [6, 3],
    [7, 3],
    [13, 6],
    [2, 7],
    [1, 6],
  ])('of %i places to %i takes the means that PyTorch takes', (size, side) => {
    const x = noisy<Tensor4D>([2, size, size, 3], 1);
    expectSound((x) => adaptiveAveragePool(x as Tensor4D, side), worked(side), [x]);
    x.dispose();
  });

  it('to the same grid is the identity', () => {
    const x = noisy<Tensor4D>([1, 3, 3, 2], 1);
    expect(adaptiveAveragePool(x, 3)).toBe(x);
    x.dispose();
  });
});

it('sums of columns equal the composed op', () => {
  const x = noisy<Tensor>([1000, 7], 1);
  const sums = columnSums(x as never);
  const values = x.dataSync();
  expectNear(
    sums.dataSync(),
    Array.from({ length: 7 }, (_, c) =>
      Array.from({ length: 1000 }, (_, r) => values[r * 7 + c]).reduce((a, b) => a + b),
    ),
    'sums',
  );
  tf.dispose([x, sums]);
});

describe('stochastic depth', () => {
  it('drops the branch of the given fraction of images, and scales the others', () => {
    const x = tf.ones([4000, 1, 2, 3]) as Tensor4D;
    const before = tf.memory().numTensors;
    const y = dropPath(x, 0.25, [1, 2, 'block']);
    const values = y.dataSync();
    let dropped = 0;
    for (let i = 0; i < 4000; i++) {
      const own = new Set(values.slice(i * 6, i * 6 + 6));
      expect(own.size).toBe(1);
      const [value] = own;
      if (value === 0) dropped++;
      else expect(value).toBeCloseTo(4 / 3, 6);
    }
    expect(Math.abs(dropped / 4000 - 0.25)).toBeLessThan(5 * Math.sqrt((0.25 * 0.75) / 4000));
    const [again, other, later] = [
      [1, 2, 'block'],
      [1, 2, 'next'],
      [1, 3, 'block'],
    ].map((seed) => dropPath(x, 0.25, seed));
    expect(again.dataSync()).toEqual(values);
    expect(other.dataSync()).not.toEqual(values);
    expect(later.dataSync()).not.toEqual(values);
    const gradient = tf.tidy(() => tf.grad((x) => tf.sum(dropPath(x, 0.25, [1, 2, 'block'])))(x));
    expect(gradient.dataSync()).toEqual(values);
    tf.dispose([y, again, other, later, gradient]);
    expect(tf.memory().numTensors).toBe(before);
    expect(dropPath(x, 0, [1])).toBe(x);
    x.dispose();
  });

  it('has no effect outside training', () => {
    const network = new Network(
      modelOf('resnet')!.build({ width: 4, stochasticDepth: 0.9 }, { sizePx: 16, classes: 3 }),
      [16, 16, 3],
      1,
    );
    const x = noisy<Tensor4D>([2, 16, 16, 3], 1);
    const [one, two] = [network.infer(x), network.infer(x)];
    expect(one.dataSync()).toEqual(two.dataSync());
    const passes = [1, 2].map((step) =>
      tf.tidy(() => {
        const { y, discardStatistics } = network.train(x, [step]);
        discardStatistics();
        return y.dataSync();
      }),
    );
    expect(passes[0]).not.toEqual(passes[1]);
    tf.dispose([x, one, two]);
    network.dispose();
  });
});

it('squeeze-and-excitation scales each channel by a weight computed from all channels', () => {
  const network = new Network({ forward: (x, scope) => squeezeExcite(x, 'se', scope, 2) }, [4, 5, 6], 1);
  expect(network.pieces.map(({ name, shape }) => [name, shape])).toEqual([
    ['se/squeeze/kernel', [6, 3]],
    ['se/squeeze/bias', [3]],
    ['se/excite/kernel', [3, 6]],
    ['se/excite/bias', [6]],
  ]);
  const x = noisy<Tensor4D>([2, 4, 5, 6], 1, 1);
  const y = network.infer(x);
  const [w1, w2] = [network.weights.dataSync().slice(0, 18), network.weights.dataSync().slice(21, 39)];
  const [from, to] = [x.dataSync(), y.dataSync()];
  for (let image = 0; image < 2; image++) {
    const at = (place: number, c: number): number => (image * 20 + place) * 6 + c;
    const means = Array.from(
      { length: 6 },
      (_, c) => Array.from({ length: 20 }, (_, p) => from[at(p, c)]).reduce((a, b) => a + b) / 20,
    );
    const inner = [0, 1, 2].map((j) =>
      Math.max(
        0,
        means.reduce((sum, m, c) => sum + m * w1[c * 3 + j], 0),
      ),
    );
    for (let c = 0; c < 6; c++) {
      const scale = 1 / (1 + Math.exp(-inner.reduce((sum, v, j) => sum + v * w2[j * 6 + c], 0)));
      for (let p = 0; p < 20; p++) expect(to[at(p, c)]).toBeCloseTo(from[at(p, c)] * scale, 5);
    }
  }
  tf.dispose([x, y]);
  network.dispose();
});

describe('initial weights', () => {
  const kernel = { name: 'a/kernel', shape: [3, 3, 32, 64], start: { fanIn: 288, fanOut: 576, gain: 2, axis: 3 } };
  const deviation = (values: Float32Array): number =>
    Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length);

  it.each<[Initialisation, number]>([
    ['default', Math.sqrt(2 / 288)],
    ['he-normal', Math.sqrt(2 / 288)],
    ['he-uniform', Math.sqrt(2 / 288)],
    ['glorot-normal', Math.sqrt(2 / 864)],
    ['glorot-uniform', Math.sqrt(2 / 864)],
    ['lecun-normal', Math.sqrt(1 / 288)],
  ])('%s: with the deviation of its paper', (choice, expected) => {
    const values = startValues(kernel, 1, choice);
    expect(deviation(values) / expected).toBeGreaterThan(0.98);
    expect(deviation(values) / expected).toBeLessThan(1.02);
    const most = values.reduce((a, v) => Math.max(a, Math.abs(v)), 0);
    if (choice.endsWith('uniform')) expect(most / expected).toBeLessThanOrEqual(Math.sqrt(3) + 1e-6);
    else expect(most / expected).toBeGreaterThan(3);
    expect(startValues(kernel, 1, choice)).toEqual(values);
    expect(startValues(kernel, 2, choice)).not.toEqual(values);
  });

  it.each([
    ['more inputs than outputs', [3, 3, 4, 6], 3],
    ['more outputs than inputs', [2, 2, 3, 30], 3],
    ['depthwise', [3, 3, 20, 1], 2],
    ['transposed', [4, 4, 5, 7], 2],
    ['dense', [40, 9], 1],
  ])('orthogonal: %s', (_what, shape, axis) => {
    const values = startValues({ name: 'k', shape, start: { fanIn: 1, fanOut: 1, gain: 2, axis } }, 1, 'orthogonal');
    const outputs = shape[axis];
    const after = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
    const rows: number[][] = Array.from({ length: outputs }, () => []);
    values.forEach((value, i) => rows[Math.floor(i / after) % outputs].push(value));
    // The smaller of outputs and inputs gives orthogonal vectors of length √2.
    const few = outputs <= rows[0].length ? rows : rows[0].map((_, i) => rows.map((row) => row[i]));
    few.forEach((a, i) =>
      few.forEach((b, j) => expect(a.reduce((sum, v, k) => sum + v * b[k], 0)).toBeCloseTo(i === j ? 2 : 0, 4)),
    );
  });

  it.each(initialisations)('%s: standard norms and biases, kernels by the scheme', (initialisation) => {
    const build = (choice: Initialisation): Network =>
      new Network(
        modelOf('cnn')!.build({ width: 8, depth: 2, dense: 16 }, { sizePx: 16, classes: 3 }),
        [16, 16, 3],
        1,
        { initialisation: choice },
      );
    const tensors = tf.memory().numTensors;
    const [network, usual] = [build(initialisation), build('default')];
    const [values, before] = [network, usual].map((n) => n.weights.dataSync());
    let at = 0;
    for (const { name, shape } of network.pieces) {
      const size = shape.reduce((a, b) => a * b);
      const same = values.subarray(at, at + size).every((value, i) => value === before[at + i]);
      // The default is He before a ReLU, LeCun elsewhere.
      if (!name.endsWith('/kernel') || initialisation === 'default') expect(same, name).toBe(true);
      else if (!['he-normal', 'lecun-normal'].includes(initialisation)) expect(same, name).toBe(false);
      at += size;
    }
    network.dispose();
    usual.dispose();
    expect(tf.memory().numTensors).toBe(tensors);
  });
});
