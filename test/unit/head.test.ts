/** The fit of a head: coordinates in the span of the rows change nothing but the time, and both ways to compute the loss agree. */
import { beforeAll, describe, expect, it } from 'vitest';
import { startBackend } from '../../src-main/compute/backend.ts';
import { fitHead, headLogits } from '../../src-main/compute/classify/head.ts';
import { inJavaScript, inTensors } from '../../src-main/compute/classify/head-loss.ts';
import { heldOut } from '../../src-main/compute/classify/out-of-fold.ts';
import { spanOf } from '../../src-main/compute/classify/span.ts';
import { fillNormal, random } from '../../src-main/compute/random.ts';
import { minimise } from '../../src-main/compute/train/lbfgs.ts';

beforeAll(async () => void (await startBackend()));
const yieldToEventLoop = async (): Promise<void> => undefined;
const maxDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((most, v, i) => Math.max(most, Math.abs(v - b[i])), 0);

const [rows, size, classes] = [40, 130, 3];
const labels = Int32Array.from({ length: rows }, (_, i) => i % classes);
const x = Float32Array.from(
  fillNormal(new Float64Array(rows * size), random('rows', 1)),
  (v, at) => v + (at % size === labels[Math.floor(at / size)] ? 1.5 : 0),
);
x.copyWithin(5 * size, 2 * size, 3 * size); // two equal rows
x.fill(0, 7 * size, 8 * size);

describe('the span of few rows', () => {
  it('keeps all lengths and angles, without the rows that depend on others', async () => {
    const { values, width } = await spanOf(x, size, yieldToEventLoop);
    expect(width).toBe(rows - 2);
    const product = (from: Float32Array, n: number, i: number, j: number): number => {
      let sum = 0;
      for (let d = 0; d < n; d++) sum += from[i * n + d] * from[j * n + d];
      return sum;
    };
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < rows; j++)
        expect(Math.abs(product(values, width, i, j) - product(x, size, i, j))).toBeLessThan(1e-3);
  });

  it('gives the weights that a fit in all coordinates gives', async () => {
    const penalty = 0.1;
    const of = { x, size, labels, classes, weights: null };
    const whole = inJavaScript(of);
    const { x: expected } = await minimise((w) => whole.at(w, penalty), new Float64Array((size + 1) * classes), {
      tolerance: 1e-7,
    });
    const { values, width, original } = await spanOf(x, size, yieldToEventLoop);
    const part = inJavaScript({ ...of, x: values, size: width });
    const { x: found } = await minimise((w) => part.at(w, penalty), new Float64Array((width + 1) * classes), {
      tolerance: 1e-7,
    });
    expect(maxDifference(original(found, classes), expected)).toBeLessThan(2e-4);
    expect(maxDifference(await part.logits(found), await whole.logits(expected))).toBeLessThan(1e-3);
  });

  it('is not used for more rows than half the numbers of a row', async () => {
    const { values, width, original } = await spanOf(x, size / 10, yieldToEventLoop);
    expect(values).toBe(x);
    expect(width).toBe(size / 10);
    const weights = Float64Array.of(1, 2, 3);
    expect(original(weights, 1)).toBe(weights);
  });

  it('is used by a head, whose refit to validation images predicts them as a fit to all does', async () => {
    const all = Int32Array.from(labels.keys());
    const examples = { codes: x, size, labels, classes, weights: Float32Array.of(1, 2, 1) };
    const [train, val] = [all.filter((i) => i % 5 !== 0), all.filter((i) => i % 5 === 0)];
    const { head, valLogits } = await fitHead(examples, train, val, { penalty: 0.3 }, yieldToEventLoop);
    const logits = await headLogits(head, x, size);
    const right = (of: Float32Array, positions: Int32Array, at: (i: number) => number): number =>
      positions.filter((p, i) => [0, 1, 2].every((c) => of[at(i) * classes + labels[p]] >= of[at(i) * classes + c]))
        .length;
    expect(valLogits).toHaveLength(val.length * classes);
    expect(right(logits, all, (i) => all[i])).toBe(rows);
    expect(right(valLogits, val, (i) => i)).toBeLessThan(val.length);
  });
});

it.each([null, Float32Array.from({ length: rows }, (_, i) => 0.5 + (i % 4))])(
  'the loss, its gradient and the logits are the same in JavaScript and in tensors',
  async (weights) => {
    const of = { x, size, labels, classes, weights };
    const w = fillNormal(new Float64Array((size + 1) * classes), random('weights', 2), 0.1);
    const [one, other] = [inJavaScript(of), inTensors(of)];
    const [a, b] = [await one.at(w, 0.2), await other.at(w, 0.2)];
    other.dispose();
    expect(Math.abs(a.value - b.value)).toBeLessThan(1e-5);
    expect(maxDifference(a.gradient, b.gradient)).toBeLessThan(1e-5);
    const step = 1e-5;
    for (const at of [0, 17, size * classes + 1]) {
      const moved = w.slice();
      moved[at] += step;
      expect((await one.at(moved, 0.2)).value - a.value).toBeCloseTo(step * a.gradient[at], 8);
    }
  },
);

it('images that choose the penalty are held out with all their near copies', () => {
  const learned = Int32Array.from({ length: 90 }, (_, i) => i).filter((i) => i % 10 !== 3);
  const units = Int32Array.from({ length: 90 }, (_, i) => (i < 60 ? Math.floor(i / 6) : i));
  for (let seed = 0; seed < 20; seed++) {
    const held = heldOut(learned, units, seed);
    expect(held.size).toBeGreaterThan(10);
    expect(held.size).toBeLessThanOrEqual(0.2 * learned.length + 1);
    const heldUnits = new Set([...held].map((i) => units[i]));
    for (const i of learned) expect([i, held.has(i)]).toEqual([i, heldUnits.has(units[i])]);
  }
  expect(heldOut(learned, new Int32Array(90), 1).size).toBe(0); // all are copies of one image
});
