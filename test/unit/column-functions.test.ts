/** Functions of columns compare rankings in expressions, orders and captions alike. */
import { describe, expect, test } from 'vitest';
import { columnFunctions, parseCall } from '../../src-main/contract/column-functions.ts';
import { renameColumns } from '../../src-main/contract/expression.ts';
import { predicateOf, readerOf, type ReadSource } from '../../src-main/contract/read.ts';
import type { Column, Sample } from '../../src-main/contract/types.ts';

const values: Record<string, Float64Array> = {
  'pca-1.error': Float64Array.of(9, 1, 2, 2, NaN, 0.5),
  'pca-2.error': Float64Array.of(0.9, 0.1, 0.2, 0.3, 0.05, NaN),
  'padim-1.error': Float64Array.of(50, 40, 30, 20, 10, 5),
  'cnn-1.predicted': Float64Array.of(0, 1, 0, 1, 0, 1),
};
const columns = Object.keys(values).map((name): Column => ({
  name,
  title: name,
  runId: name.split('.')[0],
  categories: name.endsWith('predicted') ? ['cat', 'dog'] : null,
  count: 6,
  revision: 1,
}));
const thresholds: Record<string, number> = { 'pca-1.error': 2, 'padim-1.error': 30 };
const source: ReadSource = {
  columns,
  checks: [],
  duplicates: new Map(),
  values: (name) => values[name],
  threshold: (name) => thresholds[name] ?? null,
};
const samples = [0, 1, 2, 3, 4, 5].map((id) => ({ id, path: `${id}.png` }) as Sample);
const all = (name: string) => samples.map(readerOf(name, source)!);
const found = (where: string) => samples.filter(predicateOf(where, source)).map(({ id }) => id);

describe('values', () => {
  test('a percentile is the share of lower values, and equal ones count half', () => {
    expect(all('percentile(pca-1.error)')).toEqual([0.9, 0.3, 0.6, 0.6, null, 0.1]);
    expect(all('percentile(padim-1.error)').map((value) => Math.round(Number(value) * 12))).toEqual([
      11, 9, 7, 5, 3, 1,
    ]);
  });

  test('a method’s name means its newest run; an image without a value in one of the columns has none', () => {
    expect(all('percentile(pca.error)')).toEqual([0.9, 0.3, 0.5, 0.7, 0.1, null]);
    const [first, second, ...others] = all('agreement(pca.error, padim.error)') as number[];
    expect([first, second]).toEqual([0.9, 0.3]);
    expect(others.at(-1)).toBeNull();
    const apart = all('disagreement(pca-1.error, pca-2.error, padim-1.error)') as number[];
    expect(apart[0]).toBeCloseTo(11 / 12 - 0.9, 10);
    expect(apart[1]).toBeCloseTo(9 / 12 - 0.3, 10);
    expect(apart[4]).toBeNull();
  });

  test('rankings flag images at or above their thresholds; the number follows a threshold that moves', () => {
    expect(all('flagged(pca-1.error, padim.error)')).toEqual([2, 1, 2, 1, null, 0]);
    expect(all('flagged(pca-1.error)')).toEqual([1, 0, 1, 1, null, 0]);
    const moved: ReadSource = { ...source, threshold: () => 9 };
    expect(samples.map(readerOf('flagged(pca-1.error, padim-1.error)', moved)!)).toEqual([2, 1, 1, 1, null, 0]);
  });

  test('the values follow a column that was computed again', () => {
    const again: ReadSource = { ...source, values: () => Float64Array.of(1, 2, 3, 4, 5, 6) };
    expect(readerOf('percentile(pca-1.error)', again)!(samples[5])).toBeCloseTo(11 / 12, 10);
    expect(all('percentile(pca-1.error)')[0]).toBe(0.9);
  });
});

describe('expressions', () => {
  test.each([
    ['percentile(pca-1.error) > 0.5', [0, 2, 3]],
    ["percentile('pca-1.error') > 0.5 and percentile( padim.error ) >= .7", [0]],
    ['agreement(pca.error,padim.error) >= 0.7', [0]],
    ['not disagreement(pca.error, padim.error) < 0.4', [1, 5]],
    ['(percentile(pca-1.error) = none)', [4]],
    ['flagged(pca-1.error, padim.error) = 2', [0, 2]],
    ['flagged(pca-1.error, padim.error) = 1', [1, 3]],
  ])('%s', (where, expected) => expect(found(where)).toEqual(expected));

  test.each([
    ['percentile(nothing.error) > 1', 12, 'no column ‘nothing.error’'],
    ['percentile(pca.error, padim.error) > 0', 1, 'not a function'],
    ['agreement(pca.error) > 0', 1, 'not a function'],
    ['median(pca.error) > 0', 1, 'not a function'],
    ['percentile(cnn.predicted) > 0', 1, 'not a function'],
    ['percentile(pca.error > 0', 22, 'parenthesis'],
    ['percentile() > 0', 12, 'column name was expected'],
    ["percentile(pca.error) > 'high'", 25, 'number was expected'],
    ['pca.error, > 0', 10, 'was expected'],
  ])('%s fails at character %i', (where, at, words) =>
    expect(() => found(where)).toThrow(new RegExp(`${words}[\\s\\S]*at character ${at}\\b`)),
  );

  test('a ranking without a threshold is named', () => {
    expect(() => found('flagged(pca.error, padim.error) = 2')).toThrow('‘pca.error’ has no threshold');
    expect(found('percentile(pca.error) > 0.5')).toEqual([0, 3]);
  });

  test('columns in functions are renamed, also in quotes', () => {
    const rename = (name: string) => (name === 'pca-1.error' ? 'pca-7.error' : name);
    expect(renameColumns("agreement(pca-1.error, 'pca-1.error') > 0.9 and path = 'pca-1.error'", rename)).toBe(
      "agreement(pca-7.error, pca-7.error) > 0.9 and path = 'pca-1.error'",
    );
  });

  test('names of functions are not names of columns', () => {
    for (const name of Object.keys(columnFunctions)) expect(readerOf(name, source)).toBeNull();
    expect(parseCall('toString(a)')).toBeNull();
  });
});
