/** Scores in bins, counts on a square-root scale so that the few far ones show; from the threshold on in the accent's colour. */
import type { ChartConfiguration } from 'chart.js';
import { colour } from './chart.ts';

export interface Bins {
  low: number;
  high: number;
  counts: Uint32Array;
}

/** `sorted` ascending. */
export function binsOf(sorted: Float64Array, wanted = 64): Bins {
  const [low, high] = [sorted[0] ?? 0, sorted.at(-1) ?? 1];
  const counts = new Uint32Array(wanted);
  const width = (high - low) / wanted || 1;
  for (const value of sorted) counts[Math.min(wanted - 1, Math.floor((value - low) / width))]++;
  return { low, high, counts };
}

export function histogramConfig({ low, high, counts }: Bins, threshold: number): ChartConfiguration<'bar'> {
  const width = (high - low) / counts.length || 1;
  return bars({ low, high, counts }, (i) => low + (i + 1) * width > threshold);
}

/** With the bars of a range in the accent's colour; all alike where the range is open at both ends. */
export function rangeConfig(bins: Bins, range: { low: number; high: number }): ChartConfiguration<'bar'> {
  const width = (bins.high - bins.low) / bins.counts.length || 1;
  const isOpen = range.low === -Infinity && range.high === Infinity;
  return bars(bins, (i) => !isOpen && bins.low + (i + 1) * width > range.low && bins.low + i * width <= range.high);
}

function bars({ low, high, counts }: Bins, isAccent: (bin: number) => boolean): ChartConfiguration<'bar'> {
  const width = (high - low) / counts.length || 1;
  const [accent, plain] = [colour('accent'), colour('bar')];
  return {
    type: 'bar',
    data: {
      labels: Array.from(counts, (_, i) => low + (i + 0.5) * width),
      datasets: [
        {
          data: Array.from(counts, Math.sqrt),
          barPercentage: 1,
          categoryPercentage: 0.86,
          minBarLength: 0,
          backgroundColor: Array.from(counts, (_, i) => (isAccent(i) ? accent : plain)),
        },
      ],
    },
    options: {
      layout: { padding: 0 },
      scales: { x: { display: false }, y: { display: false, beginAtZero: true } },
      plugins: { tooltip: { enabled: false } },
      events: [],
    },
  };
}
