/** Scores of a check for charts and lists. A score is 0 to 1, so that all checks share one axis. */
import type { ColumnValues } from '../../src-main/contract/read.ts';
import { histogramOf } from '../../src-main/contract/statistics.ts';
import { largestOf } from '../../src-main/contract/numbers.ts';

export const scoreBins = 64;

/** A histogram of the scores with 64 bins from 0 to 1; NaN is ignored. */
export const binScores = (values: ColumnValues): Uint32Array =>
  histogramOf(values, scoreBins, { low: 0, high: 1 }).counts;

/**
 * Bars as an SVG path, 64 wide and 1 high. Heights are logarithms of the counts: most images have low scores, and the few that are flagged
 * must still be visible.
 */
export function barsPath(counts: Uint32Array): string {
  const most = Math.log1p(largestOf(counts, 1));
  let path = '';
  counts.forEach((count, i) => {
    if (!count) return;
    const height = Math.max(0.14, Math.log1p(count) / most);
    path += `M${i + 0.1} 1v${-height.toFixed(3)}h.8V1z`;
  });
  return path;
}

/** How many scores are at or above the threshold. */
export function countFrom(values: ColumnValues, threshold: number): number {
  let n = 0;
  for (const value of values) if (value >= threshold) n++;
  return n;
}

/** Ids with the highest scores at or above the threshold, highest first. One pass, since there may be many samples and only few are needed. */
export function worstIds(values: ColumnValues, threshold: number, wanted: number): number[] {
  const worst: number[] = [];
  for (let id = 0; id < values.length; id++) {
    const value = values[id];
    if (!(value >= threshold) || (worst.length === wanted && value <= values[worst[wanted - 1]])) continue;
    const at = worst.findIndex((other) => values[other] < value);
    worst.splice(at < 0 ? worst.length : at, 0, id);
    if (worst.length > wanted) worst.pop();
  }
  return worst;
}
