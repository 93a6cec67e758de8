/** Small numerical functions, compared with NumPy 2.3 and SciPy 1.16 (the calls are given next to the values). */
import { expect, test } from 'vitest';
import {
  clamp,
  largestOf,
  lowerBound,
  meanOf,
  partitionPoint,
  smallestOf,
  sumOf,
  upperBound,
} from '../../src-main/contract/numbers.ts';
import {
  binOf,
  entropyOf,
  histogramOf,
  medianAbsoluteDeviation,
  medianOf,
  quantileOf,
  quantileOfCounts,
} from '../../src-main/contract/statistics.ts';

const values = Float64Array.of(0.5, 1, 1, 2.25, 7, 30);

test.each([
  [0, 0.5],
  [0.1, 0.75],
  [0.25, 1],
  [0.5, 1.625],
  [0.9, 18.5],
  [1, 30],
])('quantile %f is as numpy.quantile says: %f', (q, expected) =>
  expect(quantileOf(values, q)).toBeCloseTo(expected, 12),
);

test('quantiles of one value equal it, and of no value are NaN', () => {
  expect([0, 0.3, 1].map((q) => quantileOf([4], q))).toEqual([4, 4, 4]);
  expect(medianOf([])).toBeNaN();
});

test('quantiles of counts equal numpy.quantile(method="inverted_cdf")', () => {
  const counts = Uint32Array.of(0, 3, 0, 1, 0, 6); // 1 1 1 3 5 5 5 5 5 5
  expect([0.1, 0.3, 0.31, 0.4, 0.41, 1].map((q) => quantileOfCounts(counts, 10, q))).toEqual([1, 1, 3, 3, 5, 5]);
});

test('spread equals scipy.stats.median_abs_deviation(scale="normal"), which is exact to five digits', () => {
  // Deviations from the median 1.625: 0.625 0.625 0.625 1.125 5.375 28.375, whose median is 0.875.
  expect(medianAbsoluteDeviation(values)).toBeCloseTo(0.875 * 1.4826, 12);
  expect(medianAbsoluteDeviation(Float64Array.of(3, 3, 3))).toBe(0);
});

test('entropy equals scipy.stats.entropy(counts, base=2)', () => {
  expect(entropyOf([0, 8, 0])).toBe(0);
  expect(entropyOf([1, 1, 1, 1])).toBe(2);
  expect(entropyOf([1, 2, 3])).toBeCloseTo(1.4591479170272448, 14);
});

test('bounds equal numpy.searchsorted, left and right', () => {
  expect([0, 0.5, 1, 1.5, 30, 31].map((value) => lowerBound(values, value))).toEqual([0, 0, 1, 3, 5, 6]);
  expect([0, 0.5, 1, 1.5, 30, 31].map((value) => upperBound(values, value))).toEqual([0, 1, 3, 3, 6, 6]);
  expect(lowerBound([], 1)).toBe(0);
  expect(partitionPoint(1000, (i) => i * i < 5000)).toBe(71);
});

test('a histogram equals numpy.histogram: the last bin includes its upper edge', () => {
  expect(histogramOf([0, 1, 2, 3, 4, 10], 5)).toEqual({ low: 0, high: 10, counts: Uint32Array.of(2, 2, 1, 0, 1) });
  expect(histogramOf([3, 3], 4)).toEqual({ low: 3, high: 3, counts: Uint32Array.of(2, 0, 0, 0) });
  expect(histogramOf([], 2)).toEqual({ low: 0, high: 1, counts: Uint32Array.of(0, 0) });
});

test('over a given range, values outside count in the first or last bin, and NaN in none', () => {
  const scores = Float64Array.of(-1, 0, 0.49, 0.5, 1, 2, NaN);
  expect(histogramOf(scores, 2, { low: 0, high: 1 }).counts).toEqual(Uint32Array.of(3, 3));
  expect([-0.1, 0, 0.999, 1, 1.5].map((share) => binOf(share, 10))).toEqual([0, 0, 9, 9, 9]);
});

test('sums, means, bounds and clamping also take empty lists and NaN', () => {
  expect([sumOf(values), meanOf(Uint8Array.of(1, 2)), sumOf([])]).toEqual([41.75, 1.5, 0]);
  expect(meanOf([])).toBeNaN();
  expect([largestOf(values), smallestOf(values), largestOf([], 0), smallestOf([])]).toEqual([30, 0.5, 0, Infinity]);
  expect([clamp(5, 0, 3), clamp(-1, 0, 3), clamp(2, 0, 3), clamp(2, 0, -1)]).toEqual([3, 0, 2, 0]);
  expect(clamp(NaN, 0, 1)).toBeNaN();
});
