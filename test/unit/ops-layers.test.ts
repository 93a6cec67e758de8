/**
 * The ops between the convolutions: normalisation, pooling, bias, residual sums, dropout, losses, Adam's step. Each is compared with
 * composed tfjs ops or with double precision, including all gradients.
 */
import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { startBackend, tf } from '../../src-main/compute/backend.ts';
import { hasKernel } from '../../src-main/compute/kernels/index.ts';
import type { Activation } from '../../src-main/compute/ops/activation.ts';
import { addActivate } from '../../src-main/compute/ops/add.ts';
import { addBias } from '../../src-main/compute/ops/bias.ts';
import { dropout } from '../../src-main/compute/ops/dropout.ts';
import { meanSquaredError, softmaxCrossEntropy } from '../../src-main/compute/ops/loss.ts';
import { normalise, type NormaliseOptions } from '../../src-main/compute/ops/norm.ts';
import { maxPool } from '../../src-main/compute/ops/pool.ts';
import { adamStep } from '../../src-main/compute/ops/update.ts';
import { fillNormal, nativeSeed, random } from '../../src-main/compute/random.ts';
import { bits, outputAndGradients, expectNear, expectSameGradients, noisy, type Op } from '../fixtures/gradients.ts';

beforeAll(async () => void (await startBackend()));

type Shape4D = [number, number, number, number];
const activated = (x: Tensor, activation: Activation): Tensor => (activation === 'none' ? x : tf[activation](x));

describe('normalise', () => {
  const cases: [shape: Shape4D, options: Omit<NormaliseOptions, 'epsilon'>, gamma: [middle: number, spread: number]][] =
    [
      [[1, 1, 1, 1], {}, [1, 0]],
      [[1, 5, 7, 1], { pool: 2 }, [1, 0.3]],
      [[2, 2, 2, 3], { pool: 2, activation: 'relu' }, [1, 0.3]],
      [[2, 9, 6, 17], { pool: 2, activation: 'relu' }, [0, 1]],
      [[3, 8, 8, 16], { pool: 2, activation: 'relu6' }, [2, 1]],
      [[4, 7, 5, 33], { activation: 'relu' }, [1, 0.3]],
      [[4, 7, 5, 33], { activation: 'relu6' }, [0, 3]],
      [[2, 13, 12, 64], { pool: 2 }, [-1, 0.3]],
      [[32, 1, 1, 100], { activation: 'relu' }, [1, 0.3]],
      [[2, 3, 3, 300], {}, [1, 0.3]],
      [[5, 64, 31, 40], { pool: 2, activation: 'relu' }, [1, 0.3]],
      [[5, 33, 64, 48], { activation: 'relu' }, [1, 0.3]],
      // Gammas near zero: x cannot be recovered from y.
      [[3, 9, 10, 20], { pool: 2, activation: 'relu' }, [0, 0.02]],
      [[3, 9, 10, 20], { activation: 'relu6' }, [0, 0.02]],
    ];

  /** The op without its statistics. */
  const alone =
    (options: NormaliseOptions) =>
    (...[x, gamma, beta]: Tensor[]): Tensor => {
      const { y, mean, variance } = normalise(x as Tensor4D, gamma as Tensor1D, beta as Tensor1D, options);
      tf.dispose([mean, variance]);
      return y;
    };
  const composed =
    ({ epsilon, pool, activation = 'none' }: NormaliseOptions) =>
    (...[x, gamma, beta]: Tensor[]): Tensor => {
      const { mean, variance } = tf.moments(x, [0, 1, 2]);
      const y = tf.batchNorm(x, mean as Tensor1D, variance as Tensor1D, beta as Tensor1D, gamma as Tensor1D, epsilon);
      return activated(pool === 2 ? tf.maxPool(y as Tensor4D, 2, 2, 'valid') : y, activation);
    };

  it.each(cases)('[%s] with %o equals the composed op, gamma about %s', (shape, options, [middle, spread]) => {
    const gamma = tf.tidy(() => tf.add(tf.mul(noisy([shape[3]], 2), spread), middle));
    const all = { epsilon: 1e-3, ...options };
    expectSameGradients(alone(all), composed(all), [
      tf.tidy(() => tf.add(tf.mul(noisy(shape, 1), 2), 0.7)),
      gamma,
      noisy([shape[3]], 3),
    ]);
  });

  it('has the gradients of finite differences', () => {
    const inputs = [noisy([2, 3, 5, 2], 1), noisy([2], 2, 1), noisy([2], 3)];
    const op = alone({ epsilon: 1e-3, pool: 2, activation: 'relu6' });
    const [y, ...gradients] = outputAndGradients(op, inputs);
    const weights = noisy(y.shape, 9).dataSync();
    const step = 2e-3;
    inputs.forEach((input, n) => {
      const gradient = gradients[n].dataSync();
      for (let i = 0; i < input.size; i++) {
        const [above, below] = [step, -step].map((by) => {
          const values = Float32Array.from(input.dataSync());
          values[i] += by;
          return tf
            .tidy(() => op(...inputs.with(n, tf.tensor(values, input.shape))))
            .dataSync<'float32'>()
            .reduce((sum, v, k) => sum + v * weights[k], 0);
        });
        expect(Math.abs((above - below) / (2 * step) - gradient[i])).toBeLessThan(2e-3);
      }
    });
  });

  it.each([
    ['far from zero', (v: number) => v + 1000, 2e-6],
    ['that are small', (v: number) => v * 1e-4, 2e-6],
    ['behind a first one that is far off', (v: number, i: number) => (i < 3 ? 300 : v), 1e-3],
  ] as const)('computes mean and variance of values %s', (_, change, tolerance) => {
    if (!hasKernel('WinnowNorm')) return; // TensorFlow's own kernels are not tested
    const [places, c] = [3 * 50 * 60, 3];
    const values = fillNormal(new Float32Array(places * c), random('values')).map(change);
    const { y, mean, variance } = normalise(
      tf.tensor4d(values, [3, 50, 60, c]),
      tf.ones([c]) as Tensor1D,
      tf.zeros([c]) as Tensor1D,
      { epsilon: 1e-12 },
    );
    for (let k = 0; k < c; k++) {
      const own = values.filter((_, i) => i % c === k);
      const middle = own.reduce((a, b) => a + b, 0) / places;
      const spread = own.reduce((a, b) => a + (b - middle) ** 2, 0) / (places - 1); // unbiased
      expect(Math.abs(mean.dataSync()[k] - middle)).toBeLessThan(tolerance * (Math.abs(middle) + Math.sqrt(spread)));
      expect(Math.abs(variance.dataSync()[k] / spread - 1)).toBeLessThan(tolerance);
    }
    tf.dispose([y, mean, variance]);
  });

  it('gives beta for one value per channel', () => {
    const { y } = normalise(noisy([1, 1, 1, 5], 1), noisy([5], 2), noisy([5], 3), { epsilon: 1e-3 });
    expectNear(y, noisy<Tensor4D>([1, 1, 1, 5], 3), 'y');
  });

  it('keeps only its statistics, for the caller', () => {
    const inputs = [noisy<Tensor4D>([2, 4, 4, 3], 1), noisy<Tensor1D>([3], 2), noisy<Tensor1D>([3], 3)] as const;
    const before = tf.memory().numTensors;
    const kept: Tensor[] = [];
    const gradient = tf.tidy(() =>
      tf.grad((x) => {
        const { y, mean, variance } = normalise(x as Tensor4D, inputs[1], inputs[2], {
          epsilon: 1e-3,
          pool: 2,
          activation: 'relu',
        });
        kept.push(mean, variance);
        return tf.sum(y);
      })(inputs[0]),
    );
    expect(tf.memory().numTensors).toBe(before + 3);
    tf.dispose([...kept, gradient]);
  });
});

describe('maxPool', () => {
  type Padding = 'valid' | 'same' | number;

  /** Window by window; the first maximum in reading order gets the gradient. */
  function worked(
    x: Tensor4D,
    size: number,
    stride: number,
    padding: Padding,
    dy: (i: number) => number,
  ): { y: number[]; dx: Float32Array } {
    const [n, h, w, c] = x.shape;
    const along = (length: number): [out: number, before: number] => {
      if (padding !== 'same')
        return [
          Math.floor((length + 2 * (padding === 'valid' ? 0 : padding) - size) / stride) + 1,
          padding === 'valid' ? 0 : padding,
        ];
      const out = Math.ceil(length / stride);
      return [out, Math.floor(Math.max(0, (out - 1) * stride + size - length) / 2)];
    };
    const [[outH, top], [outW, left]] = [along(h), along(w)];
    const values = x.dataSync();
    const y: number[] = [];
    const dx = new Float32Array(values.length);
    for (let at = 0; at < n * outH * outW * c; at++) {
      const [k, q, r, image] = [
        at % c,
        Math.floor(at / c) % outW,
        Math.floor(at / c / outW) % outH,
        Math.floor(at / c / outW / outH),
      ];
      let best = -1;
      for (let i = 0; i < size * size; i++) {
        const [iy, ix] = [r * stride - top + Math.floor(i / size), q * stride - left + (i % size)];
        const place = ((image * h + iy) * w + ix) * c + k;
        if (iy >= 0 && ix >= 0 && iy < h && ix < w && (best < 0 || values[place] > values[best])) best = place;
      }
      y.push(values[best]);
      dx[best] += dy(at);
    }
    return { y, dx };
  }

  const cases: [shape: Shape4D, size: number, stride: number, padding: Padding][] = [
    [[1, 1, 1, 1], 2, 2, 'same'],
    [[1, 5, 7, 1], 2, 2, 'valid'],
    [[2, 5, 7, 3], 2, 2, 'same'],
    [[2, 8, 9, 17], 3, 2, 1],
    [[3, 7, 6, 16], 3, 2, 'same'],
    [[1, 9, 9, 40], 3, 1, 1],
    [[2, 11, 10, 5], 2, 3, 'valid'],
    [[2, 6, 6, 8], 5, 1, 2],
    [[4, 32, 30, 24], 3, 2, 1],
  ];

  it.each(cases)(
    '[%s] by windows of %i, stride %i, padding %s: values, gradients, ties',
    (shape, size, stride, padding) => {
      // Few different values: nearly every window has a tie.
      for (const x of [noisy<Tensor4D>(shape, 1), tf.tidy(() => tf.round(noisy<Tensor4D>(shape, 1)))]) {
        const before = tf.memory().numTensors;
        const [y, dx] = outputAndGradients((x) => maxPool(x as Tensor4D, size, stride, padding), [x]);
        const weights = tf.tidy(() => noisy(y.shape, 9).dataSync());
        const expected = worked(x, size, stride, padding, (i) => weights[i]);
        expectNear(y, expected.y, 'y', 1e-7);
        expectNear(dx, expected.dx, 'dx', 1e-6);
        tf.dispose([y, dx]);
        expect(tf.memory().numTensors).toBe(before);
      }
    },
  );

  it('propagates NaN', () => {
    if (!hasKernel('WinnowMaxPool')) return; // TensorFlow's own kernel treats NaN as the smallest value
    const y = maxPool(tf.tensor4d([1, NaN, 2, 3, 5, 4, 7, 6], [1, 2, 4, 1]), 2, 2, 'valid');
    expect([...y.dataSync()]).toEqual([NaN, 7]);
  });
});

const activations: Activation[] = ['none', 'relu', 'relu6', 'sigmoid'];

describe.each(activations)('with the activation %s', (activation) => {
  it.each([[[1, 1]], [[7, 3]], [[33, 17]], [[5, 4, 3, 64]], [[2, 60, 61, 3]], [[3, 50, 40, 32]], [[32, 1500]]])(
    'addBias to [%s] equals the composed op',
    (shape) => {
      const bias = noisy([shape.at(-1)!], 2);
      expectSameGradients(
        (x, bias) => addBias(tf.mul(x, 4), bias as Tensor1D, activation),
        (x, bias) => activated(tf.add(tf.mul(x, 4), bias), activation),
        [noisy(shape, 1), bias],
      );
    },
  );

  it.each([[[1, 1, 1, 1]], [[2, 5, 7, 3]], [[3, 40, 41, 17]]] as [Shape4D][])(
    'addActivate of [%s] equals the composed op',
    (shape) => {
      expectSameGradients(
        (a, b) => addActivate(a as Tensor4D, b as Tensor4D, activation),
        (a, b) => activated(tf.add(a, b), activation),
        [noisy(shape, 1), noisy(shape, 2)],
      );
    },
  );

  it('a tensor can be added to itself', () => {
    expectSameGradients(
      (a) => addActivate(a as Tensor4D, a as Tensor4D, activation),
      (a) => activated(tf.add(a, a), activation),
      [noisy([2, 5, 7, 3], 1)],
    );
  });
});

describe('dropout', () => {
  it.each([
    [1, 0.5],
    [17, 0.5],
    [100003, 0.1],
    [100003, 0.75],
  ])('of %i values at %d: drops as many, enlarges the others', (size, rate) => {
    const before = tf.memory().numTensors;
    const x = noisy<Tensor1D>([size], 1, 5);
    const y = dropout(x, rate, ['seed', 3]);
    const [from, to] = [x.dataSync<'float32'>(), y.dataSync<'float32'>()];
    const dropped = to.reduce((n, v) => n + (v === 0 ? 1 : 0), 0);
    if (size > 1000) expect(Math.abs(dropped / size - rate)).toBeLessThan(5 * Math.sqrt((rate * (1 - rate)) / size));
    expectNear(
      to,
      from.map((v, i) => (to[i] === 0 ? 0 : v / (1 - rate))),
      'y',
      1e-6,
    );
    tf.dispose([x, y]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('is a function of its seed, and its gradient has the same mask', () => {
    const ones = tf.ones([20011]);
    const [y, again, other] = [3, 3, 4].map((seed) => dropout(ones, 0.5, ['seed', seed]));
    expect(bits(again).equals(bits(y))).toBe(true);
    const same = y.dataSync<'float32'>().reduce((n, v, i) => n + (v === other.dataSync()[i] ? 1 : 0), 0) / ones.size;
    expect(Math.abs(same - 0.5)).toBeLessThan(5 * Math.sqrt(0.25 / ones.size));
    const gradient = tf.tidy(() => tf.grad((x) => tf.sum(dropout(x, 0.5, ['seed', 3])))(ones));
    expect(bits(gradient).equals(bits(y))).toBe(true);
  });

  it('drops by the documented hash, independently of the threads', () => {
    if (!hasKernel('WinnowDropout')) return;
    const mix = (h: number): number => {
      h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
      h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
      return (h ^ (h >>> 16)) >>> 0;
    };
    const [a, b] = nativeSeed('seed', 5);
    const key = mix((a + 0x9e3779b9) | 0);
    const other = mix(b ^ key);
    const y = dropout(tf.ones([200003]), 0.25, ['seed', 5]).dataSync();
    const wrong = y.findIndex((v, i) => v > 0 !== mix((Math.imul(i, 0x9e3779b9) + key) ^ other) >= 2 ** 30);
    expect(wrong).toBe(-1);
  });

  it('is the identity at rate 0', () => {
    const x = noisy<Tensor1D>([3], 1);
    expect(dropout(x, 0, [1])).toBe(x);
  });
});

describe('meanSquaredError', () => {
  it.each([[[1]], [[2, 5, 7, 3]], [[3, 70, 71, 3]]])('of [%s] equals the composed op', (shape) => {
    expectSameGradients(
      (x, y) => meanSquaredError(x, tf.mul(y, 2)),
      (x, y) => tf.mean(tf.square(tf.sub(x, tf.mul(y, 2)))),
      [noisy(shape, 1), noisy(shape, 2)],
    );
  });

  it('sums many values without loss of precision', () => {
    const [x, y] = [noisy([1_000_003], 1, 3), noisy([1_000_003], 2)];
    const [a, b] = [x.dataSync<'float32'>(), y.dataSync<'float32'>()];
    const mean = a.reduce((sum, v, i) => sum + (v - b[i]) ** 2, 0) / a.length;
    expect(Math.abs(meanSquaredError(x, y).dataSync()[0] / mean - 1)).toBeLessThan(
      hasKernel('WinnowSquaredError') ? 1e-7 : 1e-5,
    );
  });

  it('does not compute an unused gradient', ({ skip }) => {
    if (!hasKernel('WinnowSquaredError')) skip();
    const [x, y] = [noisy([5], 1), noisy([5], 2)];
    const called = vi.spyOn(
      tf.backend() as unknown as { executeSingleOutput: (op: string) => Tensor },
      'executeSingleOutput',
    );
    tf.tidy(() => tf.grad((y) => meanSquaredError(x, y))(y));
    const names = called.mock.calls.map(([op]) => op).filter((op) => op.startsWith('WinnowSquaredError'));
    called.mockRestore();
    expect(names).toEqual(['WinnowSquaredError', 'WinnowSquaredErrorGrad']);
  });

  it('needs two tensors of the same shape', () =>
    expect(() => meanSquaredError(tf.zeros([2, 3]), tf.zeros([3]))).toThrow(/shape/i));
});

describe('softmaxCrossEntropy', () => {
  const targets = (rows: number, classes: number): Tensor2D =>
    tf.tidy(() => tf.softmax(noisy<Tensor2D>([rows, classes], 7)));

  it.each([
    [1, 1],
    [1, 7],
    [33, 10],
    [5, 1000],
  ])('of %i rows and %i classes equals the composed op', (rows, classes) => {
    const t = targets(rows, classes);
    const composed: Op = (logits) => tf.neg(tf.mean(tf.sum(tf.mul(t, tf.logSoftmax(logits as Tensor2D)), 1)));
    expectSameGradients((logits) => softmaxCrossEntropy(logits as Tensor2D, t), composed, [noisy([rows, classes], 1)]);
  });

  it('is stable for logits that are far apart', () => {
    const [loss, gradient] = outputAndGradients(
      (logits) => softmaxCrossEntropy(logits as Tensor2D, tf.tensor2d([[0, 1, 0]])),
      [tf.tensor2d([[300, -300, 0]])],
    );
    expect(loss.dataSync()[0]).toBeCloseTo(600, 3);
    expectNear(
      gradient,
      [1, -1, 0].map((v) => v * noisy([], 9).dataSync()[0]),
      'gradient',
    );
  });
});

describe('adamStep', () => {
  it('equals the step of Kingma and Ba, with decay where requested', ({ skip }) => {
    if (!hasKernel('WinnowAdam')) skip();
    const size = 100003;
    const values = [1, 2, 3, 4].map((seed) =>
      noisy([size], seed)
        .dataSync()
        .map((v) => (seed === 3 ? v * v : v)),
    );
    const numbers = { beta1: 0.9, beta2: 0.99, rate: 0.01, correction: 0.7, epsilon: 1e-3, l2: 0.1, decay: 0.05 };
    const spans = [
      [0, 5],
      [17, 50001],
      [70003, size],
    ] as const;
    const before = tf.memory().numTensors;
    const step = (): Tensor[] =>
      tf.tidy(() =>
        adamStep(
          tf.tensor1d(values[0]),
          tf.tensor1d(values[1]),
          tf.tensor1d(values[2]),
          tf.tensor1d(values[3]),
          numbers,
          spans,
        )!,
      );
    const [own, again] = [step(), step()];
    const expected = [0, 1, 2].map(() => new Float64Array(size));
    for (let i = 0; i < size; i++) {
      const [w, m, v, g] = values.map((a) => a[i]);
      const decays = spans.some(([from, to]) => i >= from && i < to) ? 1 : 0;
      const d = g + decays * numbers.l2 * w;
      expected[1][i] = 0.9 * m + 0.1 * d;
      expected[2][i] = 0.99 * v + 0.01 * d * d;
      expected[0][i] =
        w * (1 - decays * numbers.decay) -
        (numbers.rate * expected[1][i]) / (Math.sqrt(expected[2][i]) / numbers.correction + numbers.epsilon);
    }
    own.forEach((tensor, i) => {
      expectNear(tensor, expected[i], ['weights', 'mean', 'square'][i], 1e-6);
      expect(bits(again[i]).equals(bits(tensor))).toBe(true);
    });
    const none = tf.tidy(() => adamStep(tf.ones([3]), tf.zeros([3]), tf.zeros([3]), tf.zeros([3]), numbers, [])!);
    expect([...none[0].dataSync()]).toEqual([1, 1, 1]);
    tf.dispose([own, again, none]);
    expect(tf.memory().numTensors).toBe(before);
  });
});
