/**
 * The area under the ROC curve of images: the probability that an anomalous image scores higher than a normal one (ties count half), with its 95 % interval by
 * DeLong's method in the fast form of Sun & Xu 2014. The interval is of the area itself, limited to 0..1.
 */
import { clamp, meanOf } from '../../contract/numbers.ts';

const z = 1.959963984540054; // 97.5 % of the normal distribution

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
  const all = midranks([...anomalous, ...normal]);
  const [ofAnomalous, ofNormal] = [midranks(anomalous), midranks(normal)];
  // The fraction of normal images below each anomalous one, and of anomalous images above each normal one.
  const above = ofAnomalous.map((rank, i) => (all[i] - rank) / n);
  const below = ofNormal.map((rank, j) => 1 - (all[m + j] - rank) / m);
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

/** Ranks from 1; equal values get the mean of their ranks. */
function midranks(values: readonly number[]): Float64Array {
  const order = Uint32Array.from(values, (_, i) => i).sort((a, b) => values[a] - values[b]);
  const ranks = new Float64Array(values.length);
  for (let from = 0; from < order.length;) {
    let to = from + 1;
    while (to < order.length && values[order[to]] === values[order[from]]) to++;
    for (let i = from; i < to; i++) ranks[order[i]] = (from + to + 1) / 2;
    from = to;
  }
  return ranks;
}

/** With n - 1 degrees of freedom. */
function varianceOf(values: Float64Array): number {
  const mean = meanOf(values);
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
}
