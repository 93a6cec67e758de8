/**
 * A check is a record that gives each sample a score from 0 to 1. A sample is flagged if its score reaches the threshold: 0.5, or the one that the user has set.
 * Checks read the measures of the scan (`image/measure.ts`) and open no file. Most measures come from the 256 px thumbnail: blur that disappears when an image
 * is scaled down to it is not found. All samples are scored at once, since an outlier is defined by the other samples.
 */
import { clamp, lowerBound } from '../contract/numbers.ts';
import { medianAbsoluteDeviation, medianOf, quantileOf } from '../contract/statistics.ts';

export interface CheckInput {
  count: number;
  /** Per sample, NaN where unknown: any measure of `image/measure.ts` by name, and width, height, bytes, frames. */
  values(name: string): Float64Array;
  paths: readonly string[];
  formats: readonly string[];
  classes: readonly (string | null)[];
  /** The number of the independent image: near copies have the same number. */
  units: Int32Array;
}

export interface Check {
  id: string;
  title: string;
  /** One sentence for the user: what the check finds. */
  summary: string;
  /** The default threshold. */
  threshold: number;
  /** One score from 0 to 1 per sample: the higher, the more of the trait. NaN if a measure is missing. */
  score(input: CheckInput): Float64Array;
}

/** A smaller dataset does not show what is usual. */
const leastSamples = 10;

/** The logistic function: 0.5 at 0. Scores are not clipped, so that extreme values keep their order. */
const logistic = (x: number): number => 1 / (1 + Math.exp(-x));

/**
 * Scores a defect such as darkness: 0.5 where the value equals `limit`, rising within about `width` of it. If more than half of the samples are above the limit, the
 * trait is normal for this dataset (night photos, X-rays, grayscale scans). Then the limit moves up to the outliers among those samples. This adaptation needs at
 * least `least` samples: three dark photos alone are all flagged.
 */
export function scoreAbove(values: Float64Array, limit: number, width: number, least = leastSamples): Float64Array {
  const known = values.filter(Number.isFinite).sort();
  const above = known.subarray(lowerBound(known, limit));
  const isCommon = known.length >= least && above.length > known.length / 2;
  const from = isCommon ? medianOf(above) + 4 * Math.max(width, medianAbsoluteDeviation(above)) : limit;
  return values.map((value) => (Number.isNaN(value) ? NaN : logistic((value - from) / width)));
}

/**
 * A limit for `scoreAbove` that is stricter in a uniform dataset: the median plus five median absolute deviations, but never below `lowest` and never
 * above `highest`. Small datasets get `highest`.
 */
export function adaptiveLimit(values: Float64Array, lowest: number, highest: number): number {
  const known = values.filter(Number.isFinite).sort();
  if (known.length < leastSamples) return highest;
  return clamp(medianOf(known) + 5 * medianAbsoluteDeviation(known), lowest, highest);
}

/**
 * Scores the distance of each value from the median, in either direction: 0.5 at `leastSpan`, or at 1.5 interquartile ranges if that is more. A value that at least
 * a fifth of the samples share, within ± `near`, is a group and not an outlier (score 0); smaller groups reduce the score in proportion.
 */
export function scoreOutliers(values: Float64Array, leastSpan: number, near: number): Float64Array {
  const sorted = values.filter(Number.isFinite).sort();
  const median = medianOf(sorted);
  const span = Math.max(leastSpan, 1.5 * (quantileOf(sorted, 0.75) - quantileOf(sorted, 0.25)));
  return values.map((value) => {
    if (Number.isNaN(value)) return NaN;
    const similar = lowerBound(sorted, value + near) - lowerBound(sorted, value - near) - 1;
    const rarity = 1 - Math.min(1, similar / Math.max(1, sorted.length - 1) / 0.2);
    return rarity * logistic((Math.abs(value - median) / span - 1) * 7);
  });
}
