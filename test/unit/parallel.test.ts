/** Places, brushes and sentences of parallel coordinates. */
import { describe, expect, test } from 'vitest';
import { nearestLine, pathOf } from '../../src-renderer/charts/parallel.ts';
import {
  axisOfDomain,
  axisOfValues,
  commonOf,
  goodnessOf,
  litOf,
  passing,
  placeOn,
  placesOf,
  ticksOf,
  type ParallelLine,
} from '../../src-renderer/lib/parallel.ts';

const line = (id: string, values: ParallelLine['values'], score: number | null = null): ParallelLine => ({
  id,
  label: id,
  values,
  score,
});
const rate = axisOfDomain('rate', 'Rate', { type: 'float', low: 1e-4, high: 1, log: true }, []);
const optimizer = axisOfValues('optimizer', 'Optimizer', ['sgd', 'adamw', 'sgd', null]);

describe('axes', () => {
  test('numbers far apart are placed by their logarithm, near ones are not', () => {
    expect(axisOfValues('a', 'A', [1e-4, 0.01, 0.5]).domain).toMatchObject({ type: 'float', log: true });
    expect(axisOfValues('a', 'A', [8, 16, 64]).domain).toEqual({ type: 'int', low: 8, high: 64 });
    expect(axisOfValues('a', 'A', [0, 1000]).domain).toEqual({ type: 'int', low: 0, high: 1000 });
  });
  test('mixed values and objects are categories, sorted as people sort', () => {
    expect(optimizer.domain).toEqual({ type: 'categorical', choices: ['adamw', 'sgd'] });
    expect(axisOfValues('a', 'A', [10, 'auto', 9, { x: 1 }]).domain).toMatchObject({
      choices: ['{"x":1}', 9, 10, 'auto'],
    });
  });
  test('values outside of a changed domain stay on the axis', () => {
    const domain = axisOfDomain('a', 'A', { type: 'int', low: 2, high: 4 }, [1, 9, null]).domain;
    expect(domain).toEqual({ type: 'int', low: 1, high: 9 });
    const choices = axisOfDomain('b', 'B', { type: 'categorical', choices: ['x', 'y'] }, ['z', 'x']).domain;
    expect(choices).toMatchObject({ choices: ['x', 'y', 'z'] });
  });
  test('places; what an axis cannot hold is a gap', () => {
    expect(placeOn(rate, 0.01)).toBeCloseTo(0.5, 12);
    expect([placeOn(rate, 0), placeOn(rate, null), placeOn(rate, 'x'), placeOn(optimizer, 'adam')]).toEqual([
      NaN,
      NaN,
      NaN,
      NaN,
    ]);
    expect(placeOn(optimizer, 'sgd')).toBe(0.75);
    expect(placeOn(axisOfValues('a', 'A', [3, 3]), 3)).toBe(0.5);
  });
  test('ticks are round, in order, and include both ends', () => {
    expect(ticksOf(rate).map(({ text }) => text)).toEqual(['1.00e-4', '0.001', '0.01', '0.1', '1']);
    const whole = ticksOf(axisOfValues('a', 'A', [3, 17])).map(({ text }) => Number(text));
    expect(whole).toEqual(whole.toSorted((a, b) => a - b));
    expect([whole[0], whole.at(-1)]).toEqual([3, 17]);
    expect(whole.slice(1, -1).every((value) => value % 5 === 0)).toBe(true);
  });
});

test('lines that share a category are spread over its band, the best one on top, and stay inside', () => {
  const lines = [line('a', ['sgd'], 0.5), line('b', ['sgd'], 0.9), line('c', ['adamw'], 0.7), line('d', ['sgd'], 0.7)];
  const [a, b, c, d] = placesOf([optimizer], lines);
  expect(c).toBe(0.25);
  expect(a).toBeLessThan(d);
  expect(d).toBeLessThan(b);
  expect([a, b, d].every((place) => place > 0.5 && place < 1)).toBe(true);
});

test('a brush keeps the lines through it; a line with a gap there does not pass', () => {
  const lines = [line('a', [0.001, 'sgd']), line('b', [0.5, 'sgd']), line('c', [null, 'sgd'])];
  expect(passing([rate, optimizer], lines, {})).toEqual([true, true, true]);
  expect(passing([rate, optimizer], lines, { rate: [0, 0.5] })).toEqual([true, false, false]);
  expect(passing([rate, optimizer], lines, { rate: [0, 0.5], optimizer: [0, 0.5] })).toEqual([false, false, false]);
});

test('the best fifth is lit, in both directions; lines without a score never are', () => {
  const lines = [...[5, 1, 4, 2, 3].map((score, i) => line(String(i), [], score)), line('none', [])];
  expect(litOf(lines, 'maximise')).toEqual([true, false, false, false, false, false]);
  expect(litOf(lines, 'minimise')).toEqual([false, true, false, false, false, false]);
  expect(litOf([line('none', [])], 'maximise')).toEqual([false]);
});

test('goodness is 1 for the best, and a diverged run does not use up the scale', () => {
  const lines = [0.1, 0.2, ...Array.from({ length: 17 }, () => 0.3), 1e9].map((score, i) => line(String(i), [], score));
  const { of, ends } = goodnessOf(lines, 'minimise');
  expect(of[0]).toBe(1);
  expect(ends?.[0]).toBeLessThan(1);
  expect(of[1]).toBeCloseTo(0.5, 6);
  expect(of.at(-1)).toBe(0);
});

test('what lines have in common: close numbers and frequent categories only', () => {
  const wide = axisOfValues('width', 'Width', [1, 9]);
  const lines = [line('a', [0.001, 'sgd', 1]), line('b', [0.003, 'sgd', 9]), line('c', [0.002, 'adamw', 2])];
  expect(commonOf([rate, optimizer, wide], lines)).toEqual(['Rate 0.001 – 0.003', 'Optimizer sgd (2 of 3)']);
});

test('no piece of a line crosses a gap, and nothing is found in it', () => {
  const axes = [rate, optimizer, axisOfValues('w', 'W', [1, 9]), rate];
  const lines = [line('a', [0.001, null, 5, 0.001])];
  const picture = { xs: [0, 100, 200, 300], top: 0, foot: 100, places: placesOf(axes, lines) };
  const { path, dots } = pathOf(picture, 0);
  expect(path.match(/M/g)).toHaveLength(2);
  expect(path.match(/L/g)).toHaveLength(1);
  expect(dots.map(([x]) => x)).toEqual([0, 200]);
  expect(nearestLine(picture, { x: 100, y: 60 }, 50, () => true)).toBe(-1);
  expect(nearestLine(picture, { x: 250, y: 60 }, 20, () => true)).toBe(0);
  expect(nearestLine(picture, { x: 250, y: 60 }, 20, () => false)).toBe(-1);
});
