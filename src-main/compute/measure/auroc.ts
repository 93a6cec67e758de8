/**
 * The area under the ROC curve of images: the probability that an anomalous image scores higher than a normal one (ties count half), with its 95 % interval by
 * the method of DeLong et al. 1988. The interval is of the area itself, limited to 0..1.
 */
import { z } from '../../contract/normal.ts';
import { clamp, meanOf } from '../../contract/numbers.ts';
import { sharesBelow } from '../../contract/statistics.ts';

export interface Auroc {
  auroc: number;
  /** Null if a class has fewer than two images: nothing is known about its spread. */
  low: number | null;
  high: number | null;
  /** `exact`: all images are in order, so DeLong's variance is 0. The interval is then that of Clopper & Pearson 1934 for as many successes as the smaller class has images. */
  interval: 'delong' | 'exact' | null;
}

/** Null without images of both classes. Scores are finite. */
export function aurocOf(normal: readonly number[], anomalous: readonly number[]): Auroc | null {
  const [n, m] = [normal.length, anomalous.length];
  if (!n || !m) return null;
  const { above, below } = placementsOf(normal, anomalous);
  const auroc = meanOf(above);
  if (n < 2 || m < 2) return { auroc, low: null, high: null, interval: null };
  const deviation = Math.sqrt(varianceOf(above) / m + varianceOf(below) / n);
  if (deviation === 0 && (auroc === 0 || auroc === 1)) {
    const bound = 0.025 ** (1 / Math.min(n, m));
    return { auroc, low: auroc && bound, high: auroc || 1 - bound, interval: 'exact' };
  }
  return {
    auroc,
    low: clamp(auroc - z * deviation, 0, 1),
    high: clamp(auroc + z * deviation, 0, 1),
    interval: 'delong',
  };
}

/** The share of normal images below each anomalous one, and of anomalous images above each normal one. The mean of both is the area. */
export const placementsOf = (normal: readonly number[], anomalous: readonly number[]) => ({
  above: sharesBelow(anomalous, normal),
  below: sharesBelow(normal, anomalous).map((share) => 1 - share),
});

/** With n - 1 degrees of freedom. */
export function varianceOf(values: Float64Array): number {
  const mean = meanOf(values);
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
}
