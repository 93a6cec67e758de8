/**
 * A check is a record that scores every sample from the scan's measures, for the whole dataset at once, since an outlier depends on the other
 * samples. Scores run from 0 to 1 and rank; a sample is flagged from the threshold on (0.5, or the user's). No file is opened.
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
}

export interface Check {
  id: string;
  title: string;
  /** One sentence for people: what it finds. */
  summary: string;
  /** Where a person has set none. */
  threshold: number;
  /** 0..1 a sample, higher is more of it; NaN where a measure is missing. */
  score(input: CheckInput): Float64Array;
}

/** Fewer samples than this say nothing of what is usual in the set. */
const leastSamples = 10;

/** From 0 to 1 as `x` goes from far below 0 to far above; 0.5 at 0. Not cut off, so that what is extreme keeps its order. */
const logistic = (x: number): number => 1 / (1 + Math.exp(-x));

/**
 * Scores of a trait that is wrong by itself, such as darkness: 0.5 at `fence`, and `width` says how fast it rises around it. A trait that
 * more than half of the samples have is what the set is and not what is wrong with an image (night photos, X-rays, gray scans); then only
 * what stands out from those that have it is flagged. Sets of fewer than `least` have no say: of three dark photos all are dark.
 */
export function standOut(values: Float64Array, fence: number, width: number, least = leastSamples): Float64Array {
  const known = values.filter(Number.isFinite).sort();
  const having = known.subarray(lowerBound(known, fence));
  const common = known.length >= least && having.length > known.length / 2;
  const from = common ? medianOf(having) + 4 * Math.max(width, medianAbsoluteDeviation(having)) : fence;
  return values.map((value) => (Number.isNaN(value) ? NaN : logistic((value - from) / width)));
}

/**
 * A fence for `standOut` that comes earlier where the set's images are alike: five spreads above their median, within limits. What is
 * `usual` is wrong in any set; what is below `earliest` is wrong in none.
 */
export function fenceOf(values: Float64Array, earliest: number, usual: number): number {
  const known = values.filter(Number.isFinite).sort();
  if (known.length < leastSamples) return usual;
  return clamp(medianOf(known) + 5 * medianAbsoluteDeviation(known), earliest, usual);
}

/**
 * How far each value lies from the usual ones, either way: 0.5 at `leastSpan`, or further off where the set itself varies more. What one in
 * five shares is a kind of its own and not odd; rarer kinds count in part. `near` is how far apart two of a kind may be.
 */
export function oddness(values: Float64Array, leastSpan: number, near: number): Float64Array {
  const sorted = values.filter(Number.isFinite).sort();
  const usual = medianOf(sorted);
  const span = Math.max(leastSpan, 1.5 * (quantileOf(sorted, 0.75) - quantileOf(sorted, 0.25)));
  return values.map((value) => {
    if (Number.isNaN(value)) return NaN;
    const alike = lowerBound(sorted, value + near) - lowerBound(sorted, value - near) - 1;
    const rarity = 1 - Math.min(1, alike / Math.max(1, sorted.length - 1) / 0.2);
    return rarity * logistic((Math.abs(value - usual) / span - 1) * 7);
  });
}
