/** The objective after each epoch, of all trials in one chart: the best fifth on top, the chosen one in front. */
import type { ChartConfiguration } from 'chart.js';
import type { Objective, Trial } from '../../src-main/contract/search.ts';
import { largestOf } from '../../src-main/contract/numbers.ts';
import { usefulRange } from '../lib/trials.ts';
import { colour } from './chart.ts';
import { valueAxis } from './over-epochs.ts';
import { pathOf } from './points.ts';

/** All curves as one line with gaps: a dataset for each of a thousand trials would take a second to draw. A single epoch is a short dash. */
const joined = (trials: readonly Trial[]) =>
  trials.flatMap(({ curve }) => [
    ...curve.map((value, i) => ({ x: i + 1, y: value ?? NaN })),
    ...(curve.length === 1 ? [{ x: 1.15, y: curve[0] ?? NaN }] : []),
    { x: NaN, y: NaN },
  ]);

export interface CurvesLook {
  objective: Objective;
  lit: ReadonlySet<number>;
  chosen: number | null;
  /** Without those that were stopped early, unless they are lit or chosen. */
  showsStopped: boolean;
}

export function trialCurves(
  trials: readonly Trial[],
  { objective, lit, chosen, showsStopped }: CurvesLook,
): ChartConfiguration<'line'> {
  const own = trials.filter(
    ({ number, state, repeats, curve }) =>
      curve.length > 0 &&
      (repeats === null || number === chosen) &&
      (showsStopped || state !== 'stopped' || lit.has(number) || number === chosen),
  );
  const front = own.filter(({ number }) => number === chosen);
  const best = own.filter(({ number }) => lit.has(number) && number !== chosen);
  const running = own.filter(({ number, state }) => state === 'running' && number !== chosen);
  const others = own.filter(({ number, state }) => !lit.has(number) && number !== chosen && state !== 'running');
  const range = usefulRange(
    own.flatMap(({ curve }) => curve.filter((value) => value !== null)),
    objective.direction,
  );
  const margin = range ? (range.high - range.low) * 0.05 || 0.01 : 0;
  return {
    type: 'line',
    data: {
      datasets: [
        pathOf('chosen', 'text', joined(front), { borderWidth: 2, order: 0 }),
        pathOf('running', 'unsure', joined(running), { borderWidth: 1.6, order: 1 }),
        pathOf('the best fifth', 'accent', joined(best), { borderWidth: 1.4, order: 2 }),
        pathOf('trials', 'line-strong', joined(others), { borderWidth: 1, order: 3 }),
      ],
    },
    options: {
      scales: {
        x: {
          type: 'linear',
          min: 1,
          max: Math.max(2, largestOf(own.map(({ allEpochs, curve }) => allEpochs ?? curve.length))),
          grid: { display: false },
          border: { color: colour('line') },
          title: { display: true, text: 'epoch', color: colour('faint'), font: { size: 11 } },
          ticks: { color: colour('faint'), maxTicksLimit: 8, precision: 0 },
        },
        y: {
          ...valueAxis(objective.title.toLowerCase()),
          type: 'linear',
          ...(range && { min: range.low - margin, max: range.high + margin }),
          ticks: { color: colour('faint'), maxTicksLimit: 6, includeBounds: false },
        },
      },
      plugins: { tooltip: { enabled: false } },
    },
  };
}
