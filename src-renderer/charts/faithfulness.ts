/** The target's value while cells of the image are covered or shown, in the order of a map and in random order. */
import type { ChartConfiguration } from 'chart.js';
import { colour } from './chart.ts';
import { lineOf, valueAxis } from './over-epochs.ts';

/** The curves have one value per step, from no cell to all of them. `title`: of the horizontal axis. */
export function faithfulnessCurve(
  byMap: Float32Array,
  random: Float32Array,
  { title, value }: { title: string; value: string },
): ChartConfiguration<'line'> {
  const points = (values: Float32Array) =>
    Array.from(values, (y, step) => ({ x: (100 * step) / Math.max(1, values.length - 1), y }));
  return {
    type: 'line',
    data: {
      datasets: [
        lineOf('in the order of the map', 'accent', points(byMap), 0),
        { ...lineOf('in random order', 'soft', points(random), 0), borderDash: [4, 3] },
      ],
    },
    options: {
      parsing: false,
      interaction: { mode: 'index', intersect: false },
      scales: {
        x: {
          type: 'linear',
          min: 0,
          max: 100,
          grid: { display: false },
          border: { color: colour('line') },
          title: { display: true, text: title, color: colour('faint'), font: { size: 11 } },
          ticks: { color: colour('faint'), stepSize: 50, maxRotation: 0, callback: (share) => `${share} %` },
        },
        y: { ...valueAxis(value), type: 'linear' },
      },
      plugins: { tooltip: { callbacks: { title: ([item]) => `${item.parsed.x} % of the image` } } },
    },
  };
}
