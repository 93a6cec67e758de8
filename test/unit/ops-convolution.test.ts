/**
 * Convolutions with bias and activation and all their gradients, compared with composed tfjs ops, with sums in double precision and with
 * finite differences. Sums of some hundred products in another order differ by 1e-6 of the largest.
 */
import type { Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { startBackend, tf } from '../../src-main/compute/backend.ts';
import { hasKernel } from '../../src-main/compute/kernels/index.ts';
import { convolve, deconvolve, depthwise, type ConvolutionOptions } from '../../src-main/compute/ops/convolution.ts';
import { expectNear, expectFiniteDifferences, expectSameGradients, noisy } from '../fixtures/gradients.ts';

beforeAll(async () => void (await startBackend()));

type Shape4D = [number, number, number, number];
type Op = typeof convolve;
interface Case {
  image: Shape4D; // [B, H, W, in]
  size: number | [number, number];
  filters?: number;
  options: ConvolutionOptions;
}

/** The same op, composed of tfjs ops. */
function composedOf(plain: (x: Tensor4D, kernel: Tensor4D, stride: number, padding: 'same' | 'valid') => Tensor4D): Op {
  return (x, kernel, { stride = 1, padding = 'same', bias, activation = 'none' } = {}) => {
    const padded =
      typeof padding === 'number'
        ? tf.pad(x, [
            [0, 0],
            [padding, padding],
            [padding, padding],
            [0, 0],
          ])
        : x;
    const y = plain(padded, kernel, stride, padding === 'same' ? 'same' : 'valid');
    const sum: Tensor4D = bias ? tf.add(y, bias) : y;
    return activation === 'none' ? sum : tf[activation](sum);
  };
}

const ops = {
  convolve: {
    own: convolve,
    plain: composedOf((x, k, s, p) => tf.conv2d(x, k, s, p)),
    kernel: (h: number, w: number, inputs: number, filters: number): Shape4D => [h, w, inputs, filters],
  },
  deconvolve: {
    own: deconvolve as Op,
    plain: composedOf((x, k, s) =>
      tf.conv2dTranspose(x, k, [x.shape[0], x.shape[1] * s, x.shape[2] * s, k.shape[2]], s, 'same'),
    ),
    kernel: (h: number, w: number, inputs: number, filters: number): Shape4D => [h, w, filters, inputs],
  },
  depthwise: {
    own: depthwise,
    plain: composedOf((x, k, s, p) => tf.depthwiseConv2d(x, k, s, p)),
    kernel: (h: number, w: number, inputs: number): Shape4D => [h, w, inputs, 1],
  },
};

/** The op as a function of image, kernel and bias. */
const ofThree =
  (op: Op, options: ConvolutionOptions) =>
  (...[x, kernel, bias]: Tensor[]): Tensor =>
    op(x as Tensor4D, kernel as Tensor4D, { ...options, bias: bias as Tensor1D });

function operands(name: keyof typeof ops, { image, size, filters = image[3] }: Case): [Tensor4D, Tensor4D, Tensor1D] {
  const [h, w] = typeof size === 'number' ? [size, size] : size;
  const bias = noisy([filters], 3) as Tensor1D;
  return [noisy(image, 1) as Tensor4D, noisy(ops[name].kernel(h, w, image[3], filters), 2) as Tensor4D, bias];
}

const describeCase = ({ image, size, filters, options }: Case): string =>
  `[${image}] by ${size}${filters ? ` to ${filters}` : ''}, ${JSON.stringify(options)}`;

const cases: Record<keyof typeof ops, Case[]> = {
  convolve: [
    { image: [1, 1, 1, 1], size: 1, filters: 1, options: {} },
    { image: [1, 5, 7, 1], size: 3, filters: 1, options: { activation: 'relu' } },
    { image: [2, 9, 6, 3], size: 3, filters: 17, options: { activation: 'sigmoid' } },
    { image: [1, 13, 11, 5], size: 5, filters: 33, options: { stride: 2, activation: 'relu6' } },
    { image: [2, 16, 16, 3], size: 4, filters: 20, options: { stride: 2 } },
    { image: [3, 7, 9, 2], size: 4, filters: 8, options: { activation: 'relu' } },
    { image: [2, 7, 7, 24], size: 1, filters: 40, options: { stride: 2, padding: 0 } },
    { image: [9, 1, 1, 300], size: 1, filters: 100, options: { activation: 'relu6' } },
    { image: [2, 8, 9, 6], size: 3, filters: 5, options: { stride: 2, padding: 1 } },
    { image: [2, 15, 14, 3], size: 7, filters: 16, options: { stride: 2, padding: 3, activation: 'relu' } },
    { image: [1, 6, 6, 4], size: 3, filters: 6, options: { padding: 0 } },
    { image: [1, 6, 5, 4], size: 3, filters: 6, options: { padding: 2 } },
    { image: [2, 11, 12, 3], size: [1, 5], filters: 7, options: { stride: 3 } },
    // Small images, many of them: the stages of a residual network.
    { image: [33, 2, 2, 64], size: 3, filters: 72, options: { padding: 1 } },
    { image: [17, 4, 4, 20], size: 3, filters: 70, options: { padding: 1, stride: 2 } },
    { image: [32, 4, 4, 16], size: 3, filters: 32, options: {} },
    { image: [32, 4, 4, 8], size: 1, filters: 40, options: { stride: 2, padding: 0 } },
    { image: [9, 3, 1, 8], size: 5, filters: 16, options: { stride: 2 } },
    { image: [12, 8, 8, 8], size: 3, filters: 24, options: { padding: 0 } },
    { image: [8, 16, 16, 32], size: 3, filters: 64, options: { activation: 'relu' } },
    { image: [2, 40, 36, 32], size: 3, filters: 48, options: {} },
    // Large enough for Winograd's algorithm, with odd sides.
    { image: [5, 13, 11, 20], size: 3, filters: 37, options: { activation: 'relu' } },
    { image: [5, 12, 13, 17], size: 3, filters: 24, options: { padding: 0 } },
    { image: [4, 12, 13, 24], size: 3, filters: 16, options: { padding: 2 } },
    { image: [6, 14, 15, 18], size: 2, filters: 33, options: { activation: 'relu6' } },
  ],
  deconvolve: [
    { image: [1, 1, 1, 1], size: 4, filters: 1, options: { stride: 2 } },
    { image: [1, 5, 7, 3], size: 4, filters: 3, options: { stride: 2, activation: 'sigmoid' } },
    { image: [2, 8, 8, 32], size: 4, filters: 24, options: { stride: 2, activation: 'relu' } },
    { image: [10, 4, 4, 16], size: 4, filters: 3, options: { stride: 2, activation: 'relu6' } },
    { image: [16, 8, 8, 16], size: 4, filters: 40, options: { stride: 2 } },
    { image: [2, 6, 5, 4], size: 3, filters: 7, options: { activation: 'relu' } },
    { image: [1, 6, 5, 20], size: 5, filters: 18, options: { stride: 3 } },
    { image: [3, 4, 6, 8], size: 3, filters: 9, options: { stride: 2 } },
    { image: [2, 3, 3, 5], size: 2, filters: 2, options: { stride: 3 } },
    { image: [2, 3, 3, 5], size: 1, filters: 30, options: { stride: 2 } },
    { image: [7, 9, 11, 24], size: 4, filters: 19, options: { stride: 2, activation: 'relu' } },
    { image: [7, 9, 11, 24], size: 4, filters: 3, options: { stride: 2, activation: 'sigmoid' } },
  ],
  depthwise: [
    { image: [1, 1, 1, 1], size: 3, options: {} },
    { image: [2, 13, 9, 7], size: 3, options: { stride: 2, activation: 'relu6' } },
    { image: [1, 9, 14, 16], size: 5, options: { activation: 'relu' } },
    { image: [2, 7, 7, 144], size: 5, options: { stride: 2, activation: 'sigmoid' } },
    { image: [3, 4, 4, 75], size: 5, options: {} },
    { image: [2, 10, 17, 40], size: 3, options: { padding: 1, stride: 2 } },
    { image: [1, 8, 8, 20], size: 3, options: { padding: 0, activation: 'relu6' } },
    { image: [1, 12, 21, 96], size: [3, 4], options: { padding: 2 } },
    { image: [1, 2, 30, 33], size: 7, options: { padding: 3 } },
  ],
};

describe.each(Object.keys(cases) as (keyof typeof ops)[])('%s', (name) => {
  it.each(cases[name].map((c) => [describeCase(c), c] as const))(
    'equals the composed op, with its gradients: %s',
    (_, c) => {
      const [x, kernel, bias] = operands(name, c);
      expectSameGradients(ofThree(ops[name].own, c.options), ofThree(ops[name].plain, c.options), [x, kernel, bias]);
    },
  );

  it('works without a bias, and leaks no tensors outside a tidy', () => {
    const c = cases[name][1];
    const [x, kernel] = operands(name, c);
    const before = tf.memory().numTensors;
    const own = ops[name].own(x, kernel, c.options);
    const plain = tf.tidy(() => ops[name].plain(x, kernel, c.options));
    expectNear(own, plain, 'y');
    const gradients = [ops[name].own, ops[name].plain].map((op) =>
      tf.tidy(() => tf.grads((x, kernel) => tf.sum(op(x as Tensor4D, kernel as Tensor4D, c.options)))([x, kernel])),
    );
    for (const i of [0, 1]) expectNear(gradients[0][i], gradients[1][i], `gradient to input ${i}`);
    plain.dispose();
    own.dispose();
    tf.dispose(gradients);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('has the gradients of finite differences', () => {
    const c: Case = { image: [2, 4, 3, 2], size: 3, options: { stride: 2, activation: 'sigmoid' } };
    const inputs = operands(name, c);
    expectFiniteDifferences(ofThree(ops[name].own, c.options), inputs, { step: 5e-3, places: 1000, within: 1e-3 }); // the error by curvature grows with the square of the step, that by rounding with its inverse: about 1e-4 in total
  });
});

describe('compared with double precision', () => {
  const [n, h, w, c, f, k] = [9, 5, 6, 16, 19, 3];

  it.each([1, 2])('convolve at stride %i', (stride) => {
    const [x, kernel, bias] = operands('convolve', { image: [n, h, w, c], size: k, filters: f, options: {} });
    const y = convolve(x, kernel, { stride, padding: 1, bias });
    const [image, weights, biases, values] = [x, kernel, bias, y].map((t) => t.dataSync());
    const [, height, width] = y.shape;
    for (let at = 0; at < y.size; at++) {
      const [filter, gx, gy, i] = [
        at % f,
        Math.floor(at / f) % width,
        Math.floor(at / f / width) % height,
        Math.floor(at / f / width / height),
      ];
      let sum = biases[filter];
      for (let r = 0; r < k; r++)
        for (let t = 0; t < k; t++) {
          const [iy, ix] = [gy * stride + r - 1, gx * stride + t - 1];
          if (iy < 0 || ix < 0 || iy >= h || ix >= w) continue;
          for (let ch = 0; ch < c; ch++)
            sum += image[((i * h + iy) * w + ix) * c + ch] * weights[((r * k + t) * c + ch) * f + filter];
        }
      expect(Math.abs(values[at] - sum)).toBeLessThan(5e-5); // sums of 144 products of about 1
    }
  });

  it('depthwise', () => {
    const [x, kernel] = operands('depthwise', { image: [n, h, w, c], size: k, options: {} });
    const [image, weights, values] = [x, kernel, depthwise(x, kernel)].map((t) => t.dataSync());
    for (let at = 0; at < values.length; at++) {
      const [ch, gx, gy, i] = [at % c, Math.floor(at / c) % w, Math.floor(at / c / w) % h, Math.floor(at / c / w / h)];
      let sum = 0;
      for (let r = 0; r < k; r++)
        for (let t = 0; t < k; t++) {
          const [iy, ix] = [gy + r - 1, gx + t - 1];
          if (iy >= 0 && ix >= 0 && iy < h && ix < w)
            sum += image[((i * h + iy) * w + ix) * c + ch] * weights[(r * k + t) * c + ch];
        }
      expect(Math.abs(values[at] - sum)).toBeLessThan(1e-5);
    }
  });
});

describe('unused gradients', () => {
  it("do not include the image's gradient", ({ skip }) => {
    if (!hasKernel('WinnowConv')) skip();
    const [x, kernel, bias] = operands('convolve', cases.convolve[2]);
    const called = vi.spyOn(
      tf.backend() as unknown as { executeSingleOutput: (op: string) => Tensor },
      'executeSingleOutput',
    );
    tf.tidy(() =>
      tf.grads((kernel, bias) =>
        tf.sum(convolve(x, kernel as Tensor4D, { bias: bias as Tensor1D, activation: 'relu' })),
      )([kernel, bias]),
    );
    const names = called.mock.calls.map(([op]) => op).filter((op) => op.startsWith('WinnowConv'));
    called.mockRestore();
    expect(names).toEqual(['WinnowConv', 'WinnowConvFilter']);
  });
});
