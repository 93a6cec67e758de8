/**
 * Measures of anomaly detection against reference values: scikit-learn 1.9 (`roc_auc_score`, `average_precision_score`,
 * `precision_recall_curve`), DeLong's variance by its definition over all pairs, SciPy's `label` and `beta.ppf`, PyTorch's
 * `interpolate`. AUPRO follows MVTec AD's own evaluation, with every value as a threshold.
 */
import { describe, expect, test } from 'vitest';
import { aurocOf } from '../../src-main/compute/measure/auroc.ts';
import { averagePrecision } from '../../src-main/compute/measure/average-precision.ts';
import { bestF1, confusionAt, f1Of } from '../../src-main/compute/measure/confusion.ts';
import { PixelCurve } from '../../src-main/compute/measure/pixel-curve.ts';
import { regionSizes } from '../../src-main/compute/measure/region-sizes.ts';
import { resample } from '../../src-main/contract/resample.ts';

// With ties between the classes and within them.
const anomalous = [1.1, 1.9, -0.5, 0.6, -1.2, -0.4, -1.1, 0.8, -0.4, 1.4, 1.3];
const normal = [0.0, 0.3, -0.3, -0.9, -0.5, -1.0, 0.1, 1.3, -0.5, -0.6, 0.5, 0.4, 0.1, -0.9];
const scores = [...anomalous, ...normal];
const truth = scores.map((_, i) => i < anomalous.length);

describe('image measures', () => {
  test('the AUROC and its DeLong interval agree with the reference', () => {
    const { auroc, low, high, interval } = aurocOf(normal, anomalous)!;
    expect(auroc).toBeCloseTo(0.6331168831168831, 12);
    expect(low).toBeCloseTo(0.37957911261228156, 12);
    expect(high).toBeCloseTo(0.8866546536214845, 12);
    expect(interval).toBe('delong');
  });
  test('the interval of a ranking without mistakes is that of Clopper and Pearson for the smaller class', () => {
    const many = Array.from({ length: 40 }, (_, i) => -i);
    const nine = Array.from({ length: 9 }, (_, i) => 1 + i);
    expect(aurocOf(many, nine)).toMatchObject({ auroc: 1, high: 1, interval: 'exact' });
    expect(aurocOf(many, nine)!.low).toBeCloseTo(0.6637328831200572, 10);
    expect(aurocOf(nine, many)).toMatchObject({ auroc: 0, low: 0, interval: 'exact' });
    expect(aurocOf(nine, many)!.high).toBeCloseTo(1 - 0.6637328831200572, 10);
  });
  test('equal scores give an AUROC of one half', () => expect(aurocOf([2, 2, 2], [2, 2])!.auroc).toBe(0.5));
  test('one class gives no AUROC, one image no interval', () => {
    expect(aurocOf([1, 2], [])).toBeNull();
    expect(aurocOf([], [1, 2])).toBeNull();
    expect(aurocOf([1, 2], [3])).toEqual({ auroc: 1, low: null, high: null, interval: null });
  });
  test('average precision agrees with the reference', () => {
    expect(averagePrecision(scores, truth)).toBeCloseTo(0.688257006151743, 12);
    expect(
      averagePrecision(
        normal,
        normal.map(() => false),
      ),
    ).toBeNull();
  });
  test('the threshold with the best F1 agrees with the reference, and its confusion gives the same F1', () => {
    const best = bestF1(scores, truth)!;
    expect(best.threshold).toBe(0.6);
    expect(best.f1).toBeCloseTo(2 / 3, 12);
    const counts = confusionAt(best.threshold, scores, truth);
    expect(counts).toEqual({ truePositive: 6, falsePositive: 1, falseNegative: 5, trueNegative: 13 });
    expect(f1Of(counts)).toBeCloseTo(best.f1, 12);
    expect(
      bestF1(
        normal,
        normal.map(() => false),
      ),
    ).toBeNull();
  });
});

describe('pixel measures', () => {
  const [rows, columns] = [6, 8];
  /** Three small images: one good, two with two regions each; regions of one touch only at a corner. */
  const images = [0, 1, 2].map((k) => {
    const mask = new Uint8Array(rows * columns);
    const boxes = [
      [],
      [
        [1, 3, 1, 4],
        [3, 4, 4, 5],
        [5, 6, 7, 8],
      ],
      [
        [0, 2, 6, 8],
        [4, 5, 0, 1],
      ],
    ][k];
    for (const [top, bottom, left, right] of boxes)
      for (let r = top; r < bottom; r++) mask.fill(255, r * columns + left, r * columns + right);
    const map = Float32Array.from(mask, (defect, i) => {
      const value = ((Math.floor(i / columns) * 7 + (i % columns) * 13 + k * 5) % 17) / 17;
      return defect ? value * 0.7 + 0.4 : value;
    });
    return { map, mask: k ? mask : null };
  });
  const curve = new PixelCurve();
  for (const { map, mask } of images) curve.add(map, mask, rows, columns);

  test('regions touch at sides or corners', () => {
    expect(curve.regions).toBe(4);
    const { sizes, count } = regionSizes(images[1].mask!, rows, columns);
    expect(count).toBe(2);
    expect(sizes[3 * columns + 4]).toBe(7); // joined at a corner
    expect(sizes[5 * columns + 7]).toBe(1);
    expect(sizes[0]).toBe(0);
  });
  test('pixel AUROC and AUPRO agree with the reference at several limits', () => {
    expect(curve.auroc()).toBeCloseTo(0.7516147974163241, 9);
    expect(curve.aupro()).toBeCloseTo(0.3763039292529989, 9);
    expect(curve.aupro(0.05)).toBeCloseTo(0.09821428571428571, 9);
    expect(curve.aupro(1)).toBeCloseTo(0.7591330425299891, 9);
  });
  test('negative values are ordered, and values of any size need no range', () => {
    const one = new PixelCurve();
    const zero = Float32Array.of(-3e20, -2, -1e-30, -0, 0, 1e-30, 5, 7e20);
    one.add(zero, Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 1), 1, 8);
    expect(one.auroc()).toBe(1);
    const reversed = new PixelCurve();
    reversed.add(zero, Uint8Array.of(1, 1, 0, 0, 0, 0, 0, 0), 1, 8);
    expect(reversed.auroc()).toBe(0);
    const equal = new PixelCurve();
    equal.add(Float32Array.of(-0, 0), Uint8Array.of(1, 0), 1, 2);
    expect(equal.auroc()).toBe(0.5);
  });
  test('without a defect there is no figure; a value that is not a number is refused', () => {
    const good = new PixelCurve();
    good.add(images[0].map, null, rows, columns);
    expect(good.auroc()).toBeNull();
    expect(good.aupro()).toBeNull();
    expect(() => good.add(Float32Array.of(NaN), null, 1, 1)).toThrow('not a number');
  });
  test('a map is scaled as PyTorch scales it', () => {
    const scaled = resample(Float32Array.of(0, 1, 2, 3, 5, 8), 2, 3, 3, 5);
    [0, 0.4, 1, 1.6, 2, 1.5, 2.1, 3, 4.2, 5, 3, 3.8, 5, 6.8, 8].forEach((value, i) =>
      expect(scaled[i]).toBeCloseTo(value, 5),
    );
  });
});
