/** Training and validation loss over epochs, on a logarithmic scale: the fall is steep at first. */
import type { ChartConfiguration } from 'chart.js';
import type { Epoch } from '../../src-main/contract/types.ts';
import { colour } from './chart.ts';

export function lossConfig(history: readonly Epoch[], epochs: number | null): ChartConfiguration<'line'> {
  const line = (label: string, token: string, value: (epoch: Epoch) => number | null) => ({
    label,
    data: history.map((epoch) => ({ x: epoch.epoch, y: value(epoch) as number })),
    borderColor: colour(token),
    backgroundColor: colour(token),
    borderWidth: 1.6,
    pointRadius: history.length < 2 ? 2 : 0,
    pointHitRadius: 8,
    tension: 0.2,
  });
  const hasValidation = history.some((epoch) => epoch.valLoss !== null);
  return {
    type: 'line',
    data: {
      datasets: [
        line('train', 'accent', (epoch) => epoch.loss),
        ...(hasValidation ? [line('validation', 'unsure', (epoch) => epoch.valLoss)] : []),
      ],
    },
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
          ticks: { color: colour('faint'), maxTicksLimit: 5, precision: 0 },
        },
        y: {
          type: 'logarithmic',
          grid: { color: colour('line') },
          border: { display: false },
          ticks: {
            color: colour('faint'),
            maxTicksLimit: 12,
            callback: (value) =>
              [1, 2, 5].includes(Number(Number(value).toExponential(3).split('e')[0]))
                ? Number(Number(value).toPrecision(1))
                : null,
          },
        },
      },
      plugins: { tooltip: { callbacks: { title: ([item]) => `epoch ${item.parsed.x}` } } },
    },
  };
}
