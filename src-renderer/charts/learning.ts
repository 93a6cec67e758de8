/** Learning curves of a classifier: loss, accuracy and learning rate over epochs, and the learning rate range test. */
import type { ChartConfiguration } from 'chart.js';
import type { RangeTest } from '../../src-main/contract/classifier.ts';
import type { Epoch } from '../../src-main/contract/types.ts';
import { colour } from './chart.ts';
import { largestOf, smallestOf } from '../../src-main/contract/numbers.ts';

type Line = { label: string; token: string; tension?: number; value(epoch: Epoch): number | null | undefined };

const axis = (title: string) => ({
  grid: { color: colour('line') },
  border: { display: false },
  ticks: { color: colour('faint'), maxTicksLimit: 6 },
  title: { display: true, text: title, color: colour('faint'), font: { size: 11 } },
});
const dataset = (label: string, token: string, data: { x: number; y: number }[]) => ({
  label,
  data,
  borderColor: colour(token),
  backgroundColor: colour(token),
  borderWidth: 1.6,
  pointRadius: data.length < 2 ? 2 : 0,
  pointHitRadius: 8,
  tension: 0.15,
});

function overEpochs(
  history: readonly Epoch[],
  epochs: number | null,
  title: string,
  lines: readonly Line[],
  y: object,
): ChartConfiguration<'line'> {
  const known = lines.map(({ label, token, tension = 0.15, value }) => ({
    ...dataset(
      label,
      token,
      history.flatMap((epoch) => {
        const own = value(epoch);
        return own === null || own === undefined ? [] : [{ x: epoch.epoch, y: own }];
      }),
    ),
    tension,
  }));
  return {
    type: 'line',
    data: { datasets: known.filter(({ data }) => data.length) },
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
          ticks: { color: colour('faint'), maxTicksLimit: 8, precision: 0 },
        },
        y: { ...axis(title), ...y },
      },
      plugins: { tooltip: { callbacks: { title: ([item]) => `epoch ${item.parsed.x}` } } },
    },
  };
}

export const lossCurves = (history: readonly Epoch[], epochs: number | null) =>
  overEpochs(
    history,
    epochs,
    'loss',
    [
      { label: 'train', token: 'accent', value: ({ loss }) => loss },
      { label: 'validation', token: 'unsure', value: ({ valLoss }) => valLoss },
    ],
    { type: 'linear', beginAtZero: true },
  );

export const accuracyCurves = (history: readonly Epoch[], epochs: number | null) =>
  overEpochs(
    history,
    epochs,
    'accuracy',
    [
      { label: 'train', token: 'accent', value: ({ accuracy }) => accuracy },
      { label: 'validation', token: 'unsure', value: ({ valAccuracy }) => valAccuracy },
    ],
    { type: 'linear', min: 0, max: 1 },
  );

export const rateCurve = (history: readonly Epoch[], epochs: number | null) =>
  overEpochs(
    history,
    epochs,
    'learning rate',
    [{ label: 'learning rate', token: 'bar', tension: 0, value: ({ learningRate }) => learningRate }],
    { type: 'linear', beginAtZero: true, ticks: { color: colour('faint'), maxTicksLimit: 4 } },
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
  const own = axis('loss');
  return {
    type: 'line',
    data: {
      datasets: [
        {
          ...dataset(
            'smoothed',
            'accent',
            points.map(({ rate, smooth }) => ({ x: rate, y: smooth })),
          ),
          order: 1,
        },
        {
          ...dataset(
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
                ...dataset('suggested', 'text', [
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
