/** Functions to minimise, as in search-peer.py: each has the minimum 0. */
import type { Assignment, Space } from '../../src-main/contract/search.ts';

export interface TestFunction {
  space: Space;
  /** Standard deviation of what is added to the value that the search sees. */
  noise: number;
  value(point: Assignment): number;
}

const box = (dims: number, low: number, high: number): Space =>
  Object.fromEntries(Array.from({ length: dims }, (_, i) => [`x${i}`, { type: 'float', low, high }]));
const numbers = (point: Assignment): number[] => Object.values(point) as number[];
const sum = (values: number[]): number => values.reduce((a, b) => a + b, 0);

const hartmann = (x: number[], a: number[][], p: number[][]): number =>
  -sum([1, 1.2, 3, 3.2].map((c, i) => c * Math.exp(-sum(x.map((v, j) => a[i][j] * (v - p[i][j]) ** 2)))));
const a3 = [
  [3, 10, 30],
  [0.1, 10, 35],
  [3, 10, 30],
  [0.1, 10, 35],
];
const p3 = [
  [0.3689, 0.117, 0.2673],
  [0.4699, 0.4387, 0.747],
  [0.1091, 0.8732, 0.5547],
  [0.0381, 0.5743, 0.8828],
];
const a6 = [
  [10, 3, 17, 3.5, 1.7, 8],
  [0.05, 10, 17, 0.1, 8, 14],
  [3, 3.5, 1.7, 10, 17, 8],
  [17, 8, 0.05, 10, 0.1, 14],
];
const p6 = [
  [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
  [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
  [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.665],
  [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
];

const rosenbrock = (point: Assignment): number => {
  const x = numbers(point);
  return sum(x.slice(1).map((b, i) => 100 * (b - x[i] ** 2) ** 2 + (1 - x[i]) ** 2));
};

/** A choice with a learning rate of its own, and parameters of its own. */
function mixed(point: Assignment): number {
  const layers = point.layers as number;
  const u = Math.log10(point.learningRate as number);
  const [off, rest] =
    point.optimizer === 'sgd'
      ? [u + 1 + 0.15 * (layers - 5), 3 * ((point.momentum as number) - 0.85) ** 2]
      : point.optimizer === 'adam'
        ? [u + 3, 0.05 + 2 * ((point.beta as number) - 0.9) ** 2 + 0.1 * (Math.log10(point.decay as number) + 4) ** 2]
        : [u + 2.5, 0.15 + ((point.rho as number) - 0.6) ** 2];
  return 0.5 * off ** 2 + 0.1 * (1 - Math.cos(4 * off)) + rest + 0.04 * (layers - 5) ** 2;
}

/** Like the error of a small network: flat far away, steep at a large rate, rates and widths that depend on each other. */
function network(point: Assignment): number {
  const [layers, dropout] = [point.layers as number, point.dropout as number];
  const off = Math.log10(point.learningRate as number) + 2.5 + 0.2 * (layers - 4);
  const bad =
    (off > 0 ? 1.5 : 0.35) * off * off +
    0.05 * (layers - 4) ** 2 +
    0.08 * (Math.log2(point.width as number) - 6) ** 2 +
    0.8 * (dropout - 0.3) ** 2 +
    0.02 * (Math.log10(point.decay as number) + 4) ** 2;
  return 0.85 * (1 - Math.exp(-bad / 1.5));
}

export const functions: Record<string, TestFunction> = {
  branin: {
    space: { x: { type: 'float', low: -5, high: 10 }, y: { type: 'float', low: 0, high: 15 } },
    noise: 0,
    value(point) {
      const [x, y] = numbers(point);
      const bend = y - (5.1 / (4 * Math.PI ** 2)) * x * x + (5 / Math.PI) * x - 6;
      return bend ** 2 + 10 * (1 - 1 / (8 * Math.PI)) * Math.cos(x) + 10 - 0.39788735772973816;
    },
  },
  hartmann6: { space: box(6, 0, 1), noise: 0, value: (point) => hartmann(numbers(point), a6, p6) + 3.3223680114155152 },
  mixed: {
    space: {
      learningRate: { type: 'float', low: 1e-5, high: 1, log: true },
      layers: { type: 'int', low: 1, high: 8 },
      optimizer: { type: 'categorical', choices: ['sgd', 'adam', 'rmsprop'] },
      momentum: { type: 'float', low: 0, high: 1, when: { optimizer: ['sgd'] } },
      beta: { type: 'float', low: 0, high: 1, when: { optimizer: ['adam'] } },
      decay: { type: 'float', low: 1e-6, high: 0.1, log: true, when: { optimizer: ['adam'] } },
      rho: { type: 'float', low: 0, high: 1, when: { optimizer: ['rmsprop'] } },
    },
    noise: 0,
    value: mixed,
  },
  hartmann3: { space: box(3, 0, 1), noise: 0, value: (point) => hartmann(numbers(point), a3, p3) + 3.8627797869493365 },
  ackley4: {
    space: box(4, -5, 10),
    noise: 0,
    value(point) {
      const x = numbers(point);
      const far = Math.exp(-0.2 * Math.sqrt(sum(x.map((v) => v * v)) / 4));
      return 20 + Math.E - 20 * far - Math.exp(sum(x.map((v) => Math.cos(2 * Math.PI * v))) / 4);
    },
  },
  rosenbrock4: { space: box(4, -2, 3), noise: 0, value: rosenbrock },
  rosenbrock8: { space: box(8, -2, 3), noise: 0, value: rosenbrock },
  'quadratic4+noise': {
    space: box(4, 0, 1),
    noise: 0.1,
    value: (point) => sum(numbers(point).map((v, i) => (i + 1) * (v - 0.3 - 0.1 * i) ** 2)),
  },
  'network+noise': {
    space: {
      learningRate: { type: 'float', low: 1e-5, high: 1, log: true },
      layers: { type: 'int', low: 1, high: 8 },
      width: { type: 'int', low: 8, high: 256, log: true },
      dropout: { type: 'float', low: 0, high: 0.8 },
      decay: { type: 'float', low: 1e-6, high: 0.1, log: true },
    },
    noise: 0.01,
    value: network,
  },
};
