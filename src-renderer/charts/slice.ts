/** The value of each trial against one of its parameters. Trials without the parameter are not in it. */
import type { ChartConfiguration } from 'chart.js';
import type { Domain, Objective, Trial } from '../../src-main/contract/search.ts';
import { placeOf, valueText } from '../../src-main/contract/space.ts';
import { score } from '../lib/format.ts';
import { counts } from '../../src-main/contract/trials.ts';
import { usefulRange } from '../lib/trials.ts';
import { colour } from './chart.ts';
import { valueAxis } from './over-epochs.ts';
import { parameterAxis, picking, spotsOf, type Spot } from './points.ts';

/** Spreads the points of a category, always in the same way: the golden ratio fills its width evenly. */
const spread = (number: number) => (((number * 0.618_034) % 1) - 0.5) * 0.5;

/** Where a trial stands on the axis of a parameter: in its units, or the index of a category. NaN if it is not on it. */
export function axisPlace(domain: Domain, trial: Trial, name: string): number {
  const value = trial.parameters[name];
  if (value === undefined) return NaN;
  if (domain.type !== 'categorical') return typeof value === 'number' ? value : NaN;
  const at = placeOf(domain, value);
  return at < 0 ? NaN : at + spread(trial.number);
}

export interface SliceLook {
  name: string;
  title: string;
  domain: Domain;
  objective: Objective;
  lit: ReadonlySet<number>;
  chosen: number | null;
  pick(number: number): void;
}

export function sliceChart(
  trials: readonly Trial[],
  { name, title, domain, objective, lit, chosen, pick }: SliceLook,
): ChartConfiguration<'line'> {
  const own = trials.filter((trial) => counts(trial) && trial.state === 'done');
  const range = usefulRange(
    own.map(({ value }) => value as number),
    objective.direction,
  );
  const margin = range ? (range.high - range.low) * 0.06 || 0.01 : 0;
  const [low, high] = range ? [range.low - margin, range.high + margin] : [0, 1];
  const spots = own.map((trial): Spot => {
    const value = trial.value as number;
    return {
      x: axisPlace(domain, trial, name),
      y: Math.max(low, Math.min(high, value)), // beyond the scale: at its edge
      number: trial.number,
      text: `${score(value)} with ${title.toLowerCase()} ${valueText(trial.parameters[name])}`,
    };
  });
  const drawn = spots.filter(({ x }) => !Number.isNaN(x));
  const radius = { pointRadius: drawn.length > 300 ? 2 : 3 };
  return {
    type: 'line',
    data: {
      datasets: [
        spotsOf(
          'chosen',
          'text',
          drawn.filter(({ number }) => number === chosen),
          { backgroundColor: 'transparent', pointRadius: 6, pointBorderWidth: 1.5 },
        ),
        spotsOf(
          'the best fifth',
          'accent',
          drawn.filter(({ number }) => lit.has(number)),
          radius,
        ),
        spotsOf(
          'trials',
          'bar',
          drawn.filter(({ number }) => !lit.has(number)),
          radius,
        ),
      ],
    },
    options: {
      ...picking(pick),
      scales: {
        x: parameterAxis(domain, title),
        y: {
          ...valueAxis(),
          type: 'linear',
          min: low,
          max: high,
          ticks: {
            color: colour('faint'),
            maxTicksLimit: 4,
            includeBounds: false,
            callback: (at: number | string) => valueText(Number(at)),
          },
        },
      },
    } as never,
  };
}
