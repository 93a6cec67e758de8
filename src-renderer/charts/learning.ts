/** Learning curves of a classifier: loss, accuracy and learning rate over epochs, and the learning rate range test. */
import type { ChartConfiguration } from 'chart.js';
import type { RangeTest } from '../../src-main/contract/classifier.ts';
import type { Epoch } from '../../src-main/contract/types.ts';
import { largestOf, smallestOf } from '../../src-main/contract/numbers.ts';
import { colour } from './chart.ts';
import { lineOf, overEpochs, valueAxis } from './over-epochs.ts';

export const lossCurves = (history: readonly Epoch[], epochs: number | null) =>
  overEpochs(
    history,
    epochs,
    [
      { label: 'train', token: 'accent', value: ({ loss }) => loss },
      { label: 'validation', token: 'unsure', value: ({ valLoss }) => valLoss },
    ],
    { ...valueAxis('loss'), type: 'linear', beginAtZero: true },
  );

export const accuracyCurves = (history: readonly Epoch[], epochs: number | null) =>
  overEpochs(
    history,
    epochs,
    [
      { label: 'train', token: 'accent', value: ({ accuracy }) => accuracy },
      { label: 'validation', token: 'unsure', value: ({ valAccuracy }) => valAccuracy },
    ],
    { ...valueAxis('accuracy'), type: 'linear', min: 0, max: 1 },
  );

export const rateCurve = (history: readonly Epoch[], epochs: number | null) =>
  overEpochs(
    history,
    epochs,
    [{ label: 'learning rate', token: 'bar', tension: 0, value: ({ learningRate }) => learningRate }],
    {
      ...valueAxis('learning rate'),
      type: 'linear',
      beginAtZero: true,
      ticks: { color: colour('faint'), maxTicksLimit: 4 },
    },
  );

const isPowerOfTen = (value: number) => Math.abs(Math.log10(value) - Math.round(Math.log10(value))) < 1e-6;

/** Loss against learning rate, raw and smoothed, with the suggested rate as a vertical line. */
export function rangeCurve({ points, suggested }: RangeTest): ChartConfiguration<'line'> {
  const heights = points.map(({ smooth }) => smooth);
  const [low, high] = [
    smallestOf(heights),
    largestOf(heights.slice(0, Math.max(1, Math.floor(heights.length * 0.7))), heights[0] ?? 1),
  ];
  const top = high + (high - low) * 0.15;
  const own = valueAxis('loss');
  return {
    type: 'line',
    data: {
      datasets: [
        {
          ...lineOf(
            'smoothed',
            'accent',
            points.map(({ rate, smooth }) => ({ x: rate, y: smooth })),
          ),
          order: 1,
        },
        {
          ...lineOf(
            'of each step',
            'bar',
            points.map(({ rate, loss }) => ({ x: rate, y: loss })),
          ),
          borderWidth: 1,
          order: 2,
        },
        ...(suggested === null
          ? []
          : [
              {
                ...lineOf('suggested', 'text', [
                  { x: suggested, y: Math.max(0, low - (high - low) * 0.1) },
                  { x: suggested, y: top },
                ]),
                borderDash: [4, 3],
                pointRadius: 0,
                order: 0,
              },
            ]),
      ],
    },
    options: {
      parsing: false,
      interaction: { mode: 'nearest', axis: 'x', intersect: false },
      scales: {
        x: {
          type: 'logarithmic',
          grid: { display: false },
          border: { color: colour('line') },
          title: { display: true, text: 'learning rate', color: colour('faint'), font: { size: 11 } },
          ticks: {
            color: colour('faint'),
            callback: (value) => (isPowerOfTen(Number(value)) ? Number(value).toExponential(0) : null),
          },
        },
        y: {
          ...own,
          type: 'linear',
          min: Math.max(0, low - (high - low) * 0.1),
          max: top,
          ticks: { ...own.ticks, includeBounds: false },
        },
      },
      plugins: {
        tooltip: { callbacks: { title: ([item]) => `learning rate ${Number(item.parsed.x).toPrecision(2)}` } },
      },
    },
  };
}
