/** Quantiles, spread, entropy and histograms, for the engine and the page alike. Sorted lists are ascending and without NaN. */
import { clamp, largestOf, lowerBound, meanOf, smallestOf, upperBound } from './numbers.ts';

/** The quantile `q` (0 to 1) by linear interpolation between order statistics: NumPy's default, type 7 of Hyndman & Fan 1996. NaN for an empty list. */
export function quantileOf(sorted: ArrayLike<number>, q: number): number {
  const at = q * (sorted.length - 1);
  const below = Math.floor(at);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (at - below);
}

/**
 * The quantile of values given as counts: the smallest value whose cumulative fraction is at least `q` (NumPy's 'inverted_cdf'). `total` is the sum of the
 * counts.
 */
export function quantileOfCounts(counts: ArrayLike<number>, total: number, q: number): number {
  let seen = 0;
  for (let value = 0; value < counts.length; value++) {
    seen += counts[value];
    if (seen >= q * total) return value;
  }
  return counts.length - 1;
}

export const medianOf = (sorted: ArrayLike<number>): number => quantileOf(sorted, 0.5);

/**
 * The median absolute deviation from the median, times 1.4826: for normal values it is the standard deviation, and a few outliers do not move it
 * (SciPy's `median_abs_deviation(scale='normal')`).
 */
export function medianAbsoluteDeviation(sorted: Float64Array): number {
  const median = medianOf(sorted);
  return 1.4826 * medianOf(sorted.map((value) => Math.abs(value - median)).sort());
}

/** For each value the share of `others` that is below it, where equal ones count half. NaN if there are no others. */
export function sharesBelow(values: ArrayLike<number>, others: ArrayLike<number>): Float64Array {
  const sorted = Float64Array.from(others).sort();
  return Float64Array.from(
    values,
    (value) => (lowerBound(sorted, value) + upperBound(sorted, value)) / 2 / sorted.length,
  );
}

/**
 * The area under the ROC curve: the probability that a value of `positive` is above one of `negative`, where equal values count half (Mann & Whitney 1947). NaN if
 * one of them is empty. With its interval: `compute/measure/auroc.ts`.
 */
export const auroc = (positive: ArrayLike<number>, negative: ArrayLike<number>): number =>
  meanOf(sharesBelow(positive, negative));

/** Shannon's entropy in bits of a distribution given as counts; 0 if there is one value only (Shannon 1948). */
export function entropyOf(counts: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < counts.length; i++) total += counts[i];
  let bits = 0;
  for (let i = 0; i < counts.length; i++) if (counts[i]) bits -= (counts[i] / total) * Math.log2(counts[i] / total);
  return bits;
}

/** Equal bins from `low` to `high`, and the number of values in each. */
export interface Histogram {
  low: number;
  high: number;
  counts: Uint32Array;
}

/** The bin, of `bins` equal ones, of a position in the range (0 to 1); values outside count in the first or last bin. */
export const binOf = (share: number, bins: number): number => clamp(Math.floor(share * bins), 0, bins - 1);

/**
 * Over the range of the values, or the given range. A bin includes its lower edge, the last bin both edges; NaN is ignored. Without values the range is 0
 * to 1.
 */
export function histogramOf(
  values: Float64Array | readonly number[],
  bins: number,
  { low, high }: { low: number; high: number } = values.length
    ? { low: smallestOf(values), high: largestOf(values) }
    : { low: 0, high: 1 },
): Histogram {
  const counts = new Uint32Array(bins);
  const span = high - low || 1;
  for (const value of values) if (!Number.isNaN(value)) counts[binOf((value - low) / span, bins)]++;
  return { low, high, counts };
}
