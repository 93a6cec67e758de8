/**
 * Paired comparisons against reference values of `fixtures/paired.py` (SciPy's exact binomial test, Tango's interval and DeLong's covariance by their definitions), published
 * values, and closed forms.
 */
import { describe, expect, test } from 'vitest';
import { aurocOf } from '../../src-main/compute/measure/auroc.ts';
import { mcnemar, tangoInterval } from '../../src-main/compute/measure/mcnemar.ts';
import { pairedAuroc } from '../../src-main/compute/measure/paired-auroc.ts';
import { pairedMetrics, type PairedPredictions } from '../../src-main/compute/measure/paired-bootstrap.ts';
import { random } from '../../src-main/compute/random.ts';
import { binomialAtMost } from '../../src-main/contract/binomial.ts';
import { normalTail, twoSided } from '../../src-main/contract/normal.ts';
import reference from '../fixtures/paired.json' with { type: 'json' };

describe('distributions', () => {
  test.each(reference.tails as [number, number][])('the normal tail above %d', (z, tail) =>
    expect(normalTail(z) / tail).toBeCloseTo(1, 11),
  );
  test('the two-sided p-value is symmetric, and 1 without a difference', () => {
    expect(twoSided(0)).toBe(1);
    expect(twoSided(-1.3)).toBe(twoSided(1.3));
  });
  test.each(reference.binomial as [number, number, number, number][])(
    'at most %d of %d successes with probability %d',
    (count, total, p, expected) => expect(binomialAtMost(count, total, p)).toBeCloseTo(expected, 12),
  );
});

describe('two accuracies', () => {
  test.each(reference.mcnemar)('McNemar: $gained gained, $lost lost', ({ gained, lost, p }) =>
    expect(mcnemar(gained, lost)).toBeCloseTo(p, 12),
  );
  test.each(reference.tango)('Tango: $gained gained, $lost lost of $images', ({ gained, lost, images, interval }) => {
    const { low, high } = tangoInterval(gained, lost, images);
    expect([low, high]).toEqual(interval.map((bound) => expect.closeTo(bound, 6) as number));
    expect(tangoInterval(lost, gained, images)).toEqual({ low: -high, high: -low });
  });
  test('Tango’s interval of the airway data is as published (Fagerland et al. 2014)', () => {
    const { low, high } = tangoInterval(1, 7, 21);
    expect([low.toFixed(3), high.toFixed(3)]).toEqual(['-0.517', '-0.026']);
  });
});

describe('two areas under the ROC curve', () => {
  const scoresOf = ([normal, anomalous]: number[][]) => ({ normal, anomalous });
  test.each(reference.delong)('DeLong: $scoresA.1.length anomalous images', (one) => {
    const paired = pairedAuroc(scoresOf(one.scoresA), scoresOf(one.scoresB))!;
    for (const name of ['low', 'high', 'p'] as const) expect(paired[name]).toBeCloseTo(one[name], 10);
    expect(paired.a).toBeCloseTo(aurocOf(one.scoresA[0], one.scoresA[1])!.auroc, 12);
    expect(paired.difference).toBeCloseTo(paired.b - paired.a, 12);
  });
  test('is missing without both classes; without spread there is a difference but no test', () => {
    const perfect = { normal: [1, 2, 3], anomalous: [4, 5] };
    expect(pairedAuroc({ ...perfect, anomalous: [] }, { ...perfect, anomalous: [] })).toBeNull();
    expect(pairedAuroc(perfect, { normal: [5, 5, 5], anomalous: [1, 1] })).toEqual({
      a: 1,
      b: 0,
      difference: -1,
      low: null,
      high: null,
      p: null,
    });
  });
});

describe('a paired bootstrap', () => {
  /** `share`: how often each is right; the mistakes of both are at the same images where they can be. */
  function made(n: number, rightA: number, rightB: number): PairedPredictions {
    const next = random('images', n);
    const labels = Int32Array.from({ length: n }, () => Math.floor(next() * 3));
    const side = (right: number) => ({
      predicted: labels.map((label, i) => (i < right * n ? label : (label + 1) % 3)),
      losses: Float64Array.from(labels, (_, i) => (i < right * n ? 0.1 : 2)),
    });
    return { classes: 3, labels, a: side(rightA), b: side(rightB) };
  }

  test('has the spread of the difference, which is less than that of two separate figures', async () => {
    const n = 1000;
    const { a, b, intervals, confusion } = await pairedMetrics(made(n, 0.7, 0.75));
    expect([a.accuracy, b.accuracy]).toEqual([0.7, 0.75]);
    expect(b.loss - a.loss).toBeCloseTo(-0.05 * 1.9, 12);
    // b is right at 5 % of the images where a is wrong, and nowhere else.
    const deviation = Math.sqrt((0.05 * 0.95) / n);
    expect(intervals.accuracy.low).toBeCloseTo(0.05 - 1.96 * deviation, 2);
    expect(intervals.accuracy.high).toBeCloseTo(0.05 + 1.96 * deviation, 2);
    expect(intervals.loss.low).toBeCloseTo(-1.9 * intervals.accuracy.high, 10);
    expect(confusion.b.flat().reduce((sum, count) => sum + count)).toBe(n);
  });

  test('gives the same intervals for the same images, and none that excludes 0 for equal predictions', async () => {
    const one = made(120, 0.6, 0.8);
    expect(await pairedMetrics(one)).toEqual(await pairedMetrics(one));
    const equal = await pairedMetrics({ ...one, b: one.a });
    for (const interval of Object.values(equal.intervals)) expect(interval).toEqual({ low: 0, high: 0 });
  });
});
