/** A line chart over the epochs of a training. */
import type { ChartConfiguration } from 'chart.js';
import type { Epoch } from '../../src-main/contract/types.ts';
import { colour } from './chart.ts';

export interface Line {
  label: string;
  token: string;
  tension?: number;
  value(epoch: Epoch): number | null | undefined;
}

/** A vertical axis. */
export const valueAxis = (title?: string) => ({
  grid: { color: colour('line') },
  border: { display: false },
  ticks: { color: colour('faint'), maxTicksLimit: 6 },
  ...(title && { title: { display: true, text: title, color: colour('faint'), font: { size: 11 } } }),
});

export const lineOf = (label: string, token: string, data: { x: number; y: number }[], tension = 0.15) => ({
  label,
  data,
  borderColor: colour(token),
  backgroundColor: colour(token),
  borderWidth: 1.6,
  pointRadius: data.length < 2 ? 2 : 0,
  pointHitRadius: 8,
  tension,
});

/** The axis reaches to the last of `epochs`, where known. Lines without a value are left out. */
export function overEpochs(
  history: readonly Epoch[],
  epochs: number | null,
  lines: readonly Line[],
  y: object,
  maxTicksLimit = 8,
): ChartConfiguration<'line'> {
  const drawn = lines.map(({ label, token, tension, value }) =>
    lineOf(
      label,
      token,
      history.flatMap((epoch) => {
        const own = value(epoch);
        return own === null || own === undefined ? [] : [{ x: epoch.epoch, y: own }];
      }),
      tension,
    ),
  );
  return {
    type: 'line',
    data: { datasets: drawn.filter(({ data }) => data.length) },
    options: {
      parsing: false,
      interaction: { mode: 'index', intersect: false },
      scales: {
        x: {
          type: 'linear',
          min: 1,
          max: Math.max(2, epochs ?? history.length),
          grid: { display: false },
          border: { color: colour('line') },
          ticks: { color: colour('faint'), maxTicksLimit, precision: 0 },
        },
        y,
      },
      plugins: { tooltip: { callbacks: { title: ([item]) => `epoch ${item.parsed.x}` } } },
    },
  };
}
