/** Histograms with counts on a square-root scale, so that rare high scores are visible. */
import type { ChartConfiguration } from 'chart.js';
import type { Histogram } from '../../src-main/contract/statistics.ts';
import { colour } from './chart.ts';

/** Scores of one group of images, with the tokens of its colours below the threshold and from it on. */
export interface ScoreGroup {
  counts: Uint32Array;
  below: string;
  from: string;
}

/** Groups of scores in the same bins, one above the other. The height of a bar is the square root of its sum. */
export function histogramConfig(
  { low, high, counts }: Histogram,
  threshold: number,
  groups: readonly ScoreGroup[],
): ChartConfiguration<'bar'> {
  const width = (high - low) / counts.length || 1;
  const isFrom = (bin: number) => low + (bin + 1) * width > threshold;
  return bars(
    { low, high, counts },
    groups.map((group) => {
      const [below, from] = [colour(group.below), colour(group.from)];
      return {
        heights: Array.from(group.counts, (count, i) => (count ? count / Math.sqrt(counts[i]) : 0)),
        colours: Array.from(counts, (_, i) => (isFrom(i) ? from : below)),
      };
    }),
  );
}

/** With the bars of a range in the accent's colour; no accent if the range is open at both ends. */
export function rangeConfig(bins: Histogram, range: { low: number; high: number }): ChartConfiguration<'bar'> {
  const width = (bins.high - bins.low) / bins.counts.length || 1;
  const isOpen = range.low === -Infinity && range.high === Infinity;
  const isAccent = (i: number) =>
    !isOpen && bins.low + (i + 1) * width > range.low && bins.low + i * width <= range.high;
  const [accent, plain] = [colour('accent'), colour('bar')];
  return bars(bins, [
    {
      heights: Array.from(bins.counts, Math.sqrt),
      colours: Array.from(bins.counts, (_, i) => (isAccent(i) ? accent : plain)),
    },
  ]);
}

function bars(
  { low, high, counts }: Histogram,
  stacked: readonly { heights: number[]; colours: string[] }[],
): ChartConfiguration<'bar'> {
  const width = (high - low) / counts.length || 1;
  return {
    type: 'bar',
    data: {
      labels: Array.from(counts, (_, i) => low + (i + 0.5) * width),
      datasets: stacked.map(({ heights, colours }) => ({
        data: heights,
        barPercentage: 1,
        categoryPercentage: 0.86,
        minBarLength: 0,
        backgroundColor: colours,
      })),
    },
    options: {
      layout: { padding: 0 },
      scales: { x: { display: false, stacked: true }, y: { display: false, stacked: true, beginAtZero: true } },
      plugins: { tooltip: { enabled: false } },
      events: [],
    },
  };
}
