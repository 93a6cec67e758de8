/** Two rankings of the same images: the difference of their areas under the ROC curve, by the paired test of DeLong et al. 1988. */
import { clamp, meanOf } from '../../contract/numbers.ts';
import { twoSided, z } from '../../contract/normal.ts';
import { placementsOf, varianceOf } from './auroc.ts';

/** Scores of the images of each class; image i is the same in both rankings. */
export interface ClassScores {
  normal: readonly number[];
  anomalous: readonly number[];
}

export interface PairedAuroc {
  a: number;
  b: number;
  /** b − a. */
  difference: number;
  /** 95 % interval; null if a class has fewer than two images, or if the images do not vary: both rankings then differ by the same at each of them. */
  low: number | null;
  high: number | null;
  p: number | null;
}

/** Null without images of both classes. Scores are finite. */
export function pairedAuroc(a: ClassScores, b: ClassScores): PairedAuroc | null {
  const [n, m] = [a.normal.length, a.anomalous.length];
  if (!n || !m) return null;
  const [ofA, ofB] = [placementsOf(a.normal, a.anomalous), placementsOf(b.normal, b.anomalous)];
  const minus = (x: Float64Array, y: Float64Array) => x.map((value, i) => value - y[i]);
  const [areaA, areaB] = [meanOf(ofA.above), meanOf(ofB.above)];
  const difference = areaB - areaA;
  const variance =
    n < 2 || m < 2 ? 0 : varianceOf(minus(ofB.above, ofA.above)) / m + varianceOf(minus(ofB.below, ofA.below)) / n;
  if (variance === 0) return { a: areaA, b: areaB, difference, low: null, high: null, p: null };
  const deviation = Math.sqrt(variance);
  return {
    a: areaA,
    b: areaB,
    difference,
    low: clamp(difference - z * deviation, -1, 1),
    high: clamp(difference + z * deviation, -1, 1),
    p: twoSided(difference / deviation),
  };
}
