/** Histogram, counts and worst images of a check's scores. */
import { expect, test } from 'vitest';
import { barsPath, binScores, countFrom, scoreBins, worstIds } from '../../src-renderer/lib/check-scores.ts';

const values = Float64Array.from([NaN, 0, 1, 0.5, 0.999, NaN, 0.5, 0.02]);

test('every score is in one bin, 0 in the first and 1 in the last; a missing score is in none', () => {
  const counts = binScores(values);
  expect(counts.length).toBe(scoreBins);
  expect([counts[0], counts[1], counts[32], counts[63]]).toEqual([1, 1, 2, 2]);
  expect(counts.reduce((sum, n) => sum + n)).toBe(6);
});

test('every non-empty bin has a bar, none higher than the picture; one image is still visible next to 100,000', () => {
  const counts = new Uint32Array(scoreBins);
  [counts[0], counts[63]] = [100_000, 1];
  const bars = [...barsPath(counts).matchAll(/M([\d.]+) 1v-([\d.]+)h/g)].map(([, x, height]) => [
    Number(x),
    Number(height),
  ]);
  expect(bars.map(([x]) => Math.floor(x))).toEqual([0, 63]);
  expect(bars[0][1]).toBe(1);
  expect(bars[1][1]).toBeGreaterThan(0.1);
  expect(barsPath(new Uint32Array(scoreBins))).toBe('');
});

test('the count includes scores equal to the threshold', () => {
  expect(countFrom(values, 0.5)).toBe(4);
  expect(countFrom(values, 0)).toBe(6);
  expect(countFrom(values, 1.01)).toBe(0);
});

test('the worst images equal the first ones of a sorted list', () => {
  const many = Float64Array.from({ length: 500 }, (_, i) => (i % 7 ? ((i * 7919) % 997) / 997 : NaN));
  const sorted = [...many.keys()].filter((id) => many[id] >= 0.3).sort((a, b) => many[b] - many[a] || a - b);
  expect(worstIds(many, 0.3, 6)).toEqual(sorted.slice(0, 6));
  expect(worstIds(values, 0.5, 6)).toEqual([2, 4, 3, 6]);
  expect(worstIds(values, 1.01, 6)).toEqual([]);
});
