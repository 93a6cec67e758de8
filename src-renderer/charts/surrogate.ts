/** The surrogate along one parameter: its mean with the 95 % band and the trials on it, and the acquisition below. Both charts have the same horizontal axis. */
import type { ChartConfiguration } from 'chart.js';
import { largestOf, smallestOf } from '../../src-main/contract/numbers.ts';
import type { Objective, Surrogate } from '../../src-main/contract/search.ts';
import { valueText } from '../../src-main/contract/space.ts';
import { score } from '../lib/format.ts';
import { usefulRange } from '../lib/trials.ts';
import { colour } from './chart.ts';
import { alignedAxis, parameterAxis, pathOf, picking, spotsOf, type Spot } from './points.ts';

/** Standard deviations of a 95 % interval. */
const z = 1.96;

export interface SurrogateLook {
  objective: Objective;
  /** Of the parameter. */
  title: string;
  chosen: number | null;
  pick(number: number): void;
}

/** The tokens are `#rrggbb`. */
const withAlpha = (token: string, share: number) =>
  colour(token) +
  Math.round(255 * share)
    .toString(16)
    .padStart(2, '0');

/** Along one parameter there are no gaps; NaN would be drawn as one. */
const known = (values: readonly (number | null)[]): number[] => values.map((value) => value ?? NaN);

/** The next suggestion as a vertical line; none if it does not have the parameter. */
function nextLine({ next }: Surrogate, low: number, high: number) {
  const at = next?.place[0] ?? null;
  return at === null
    ? []
    : [
        pathOf(
          'next suggestion',
          'keep',
          [
            { x: at, y: low },
            { x: at, y: high },
          ],
          { borderDash: [5, 4], borderWidth: 1.5, order: 1 },
        ),
      ];
}

export function surrogateChart(
  surrogate: Surrogate,
  { objective, title, chosen, pick }: SurrogateLook,
): ChartConfiguration<'line'> {
  const [{ domain, values }] = surrogate.axes;
  const mean = known(surrogate.mean);
  const deviation = known(surrogate.deviation);
  const isCategory = domain.type === 'categorical';
  const at = (sign: number) => values.map((x, i) => ({ x, y: mean[i] + sign * z * deviation[i] }));
  const range = usefulRange(
    surrogate.trials.map(({ value }) => value),
    objective.direction,
  );
  // The band is always whole in the middle half of what it says; far trials are at the edge.
  const lows = [...at(-1).map(({ y }) => y), ...(range ? [range.low] : [])];
  const highs = [...at(1).map(({ y }) => y), ...(range ? [range.high] : [])];
  const [least, most] = [smallestOf(lows, 0), largestOf(highs, 1)];
  const margin = (most - least) * 0.06 || 0.01;
  const [low, high] = [least - margin, most + margin];
  const spots = surrogate.trials.flatMap(({ number, place, value }): Spot[] =>
    place[0] === null ? [] : [{ x: place[0], y: Math.max(low, Math.min(high, value)), number, text: score(value) }],
  );
  const band = isCategory
    ? [
        pathOf(
          '95 % interval',
          'unsure',
          values.flatMap((x, i) => [
            { x, y: mean[i] - z * deviation[i] },
            { x, y: mean[i] + z * deviation[i] },
            { x: NaN, y: NaN },
          ]),
          { borderWidth: 10, borderColor: withAlpha('unsure', 0.28), order: 4 },
        ),
        pathOf(
          'mean',
          'unsure',
          values.flatMap((x, i) => [
            { x: x - 0.18, y: mean[i] },
            { x: x + 0.18, y: mean[i] },
            { x: NaN, y: NaN },
          ]),
          { borderWidth: 2, order: 3 },
        ),
      ]
    : [
        pathOf('95 % interval', 'unsure', at(1), {
          borderWidth: 0,
          fill: '+1',
          backgroundColor: withAlpha('unsure', 0.22),
          order: 5,
        }),
        pathOf('lower bound', 'unsure', at(-1), { borderWidth: 0, order: 5 }),
        pathOf(
          'mean',
          'unsure',
          values.map((x, i) => ({ x, y: mean[i] })),
          { borderWidth: 2, order: 3 },
        ),
      ];
  return {
    type: 'line',
    data: {
      datasets: [
        ...band,
        ...nextLine(surrogate, low, high),
        spotsOf(
          'trials',
          'accent',
          spots.filter(({ number }) => number !== chosen),
          { order: 2, pointRadius: spots.length > 200 ? 2 : 3.5 },
        ),
        spotsOf(
          'chosen',
          'text',
          spots.filter(({ number }) => number === chosen),
          { pointRadius: 5, order: 0 },
        ),
      ] as never,
    },
    options: {
      ...picking(pick),
      layout: { padding: { right: 12 } },
      scales: {
        x: parameterAxis(domain, title, false),
        y: {
          ...alignedAxis(objective.title.toLowerCase()),
          min: low,
          max: high,
          ticks: {
            color: colour('faint'),
            maxTicksLimit: 6,
            includeBounds: false,
            callback: (v: number | string) => valueText(Number(v)),
          },
        },
      },
    } as never,
  };
}

/** Expected improvement along the parameter. */
export function acquisitionChart(
  surrogate: Surrogate,
  { title }: Pick<SurrogateLook, 'title'>,
): ChartConfiguration<'line'> {
  const [{ domain, values }] = surrogate.axes;
  const acquisition = known(surrogate.acquisition);
  const top = largestOf(acquisition, 0) * 1.1 || 1e-6;
  const isCategory = domain.type === 'categorical';
  const points = isCategory
    ? values.flatMap((x, i) => [
        { x, y: 0 },
        { x, y: acquisition[i] },
        { x: NaN, y: NaN },
      ])
    : values.map((x, i) => ({ x, y: acquisition[i] }));
  return {
    type: 'line',
    data: {
      datasets: [
        ...nextLine(surrogate, 0, top),
        pathOf('expected improvement', 'keep', points, {
          borderWidth: isCategory ? 10 : 1.6,
          order: 2,
          ...(!isCategory && { fill: 'origin', backgroundColor: withAlpha('keep', 0.22) }),
        }),
      ] as never,
    },
    options: {
      layout: { padding: { right: 12 } },
      scales: {
        x: parameterAxis(domain, title),
        y: {
          ...alignedAxis('expected gain'),
          min: 0,
          max: top,
          ticks: {
            color: colour('faint'),
            maxTicksLimit: 4,
            includeBounds: false,
            callback: (v: number | string) => valueText(Number(v)),
          },
        },
      },
      plugins: { tooltip: { enabled: false } },
    } as never,
  };
}
