/** Histogram of scores with counts on a square-root scale, so that rare high scores are visible. Bins from the threshold on have the accent colour. */
import type { ChartConfiguration } from 'chart.js';
import type { Histogram } from '../../src-main/contract/statistics.ts';
import { colour } from './chart.ts';

export function histogramConfig({ low, high, counts }: Histogram, threshold: number): ChartConfiguration<'bar'> {
  const width = (high - low) / counts.length || 1;
  return bars({ low, high, counts }, (i) => low + (i + 1) * width > threshold);
}

/** With the bars of a range in the accent's colour; no accent if the range is open at both ends. */
export function rangeConfig(bins: Histogram, range: { low: number; high: number }): ChartConfiguration<'bar'> {
  const width = (bins.high - bins.low) / bins.counts.length || 1;
  const isOpen = range.low === -Infinity && range.high === Infinity;
  return bars(bins, (i) => !isOpen && bins.low + (i + 1) * width > range.low && bins.low + i * width <= range.high);
}

function bars({ low, high, counts }: Histogram, isAccent: (bin: number) => boolean): ChartConfiguration<'bar'> {
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
