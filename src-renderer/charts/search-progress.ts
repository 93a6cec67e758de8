/** The best value so far over trials or time, with the trials themselves. The scale follows the useful values: a trial that diverged is a mark at the edge, a failed one a tick at the foot. */
import type { ChartConfiguration } from 'chart.js';
import type { Objective, Trial } from '../../src-main/contract/search.ts';
import { largestOf, smallestOf } from '../../src-main/contract/numbers.ts';
import { valueText } from '../../src-main/contract/space.ts';
import { duration, score } from '../lib/format.ts';
import { counts } from '../../src-main/contract/trials.ts';
import { stepsOf, usefulRange } from '../lib/trials.ts';
import { colour } from './chart.ts';
import { valueAxis } from './over-epochs.ts';
import { pathOf, picking, spotsOf, type Spot } from './points.ts';

export interface ProgressLook {
  objective: Objective;
  by: 'trials' | 'time';
  /** A logarithmic axis: of the value, or, if more is better and 1 is the most, of the distance to 1. */
  isLog: boolean;
  showsStopped: boolean;
  lit: ReadonlySet<number>;
  chosen: number | null;
  /** Trials of the budget; null without a limit. */
  budget: number | null;
  pick(number: number): void;
}

/** How values are placed on the axis; null if the axis cannot be logarithmic. */
export function logScaleOf(values: readonly number[], { direction }: Objective) {
  if (!values.length) return null;
  if (direction === 'minimise')
    return smallestOf(values) > 0 ? { place: (value: number) => value, value: (place: number) => place } : null;
  if (largestOf(values) > 1) return null;
  const errors = values.map((value) => 1 - value).filter((error) => error > 0);
  const least = smallestOf(errors, 1e-3) / 2; // where a value of 1 is drawn
  return { place: (value: number) => Math.max(least, 1 - value), value: (place: number) => 1 - place };
}

const textOf = ({ state, value, low, high, reason, curve }: Trial, shown: number | null): string =>
  value !== null
    ? `${score(value)}${low !== null && high !== null ? `, 95 % ${score(low)} to ${score(high)}` : ''}${state === 'stopped' ? ', stopped early' : ''}`
    : shown !== null
      ? `${score(shown)} after epoch ${curve.length}, ${state}`
      : `${state}${reason ? `: ${reason}` : ''}`;

export function progressChart(
  trials: readonly Trial[],
  { objective, by, isLog, showsStopped, lit, chosen, budget, pick }: ProgressLook,
): ChartConfiguration<'line'> {
  const { direction } = objective;
  const start = smallestOf(
    trials.map(({ startedAt }) => startedAt),
    Date.now(),
  );
  const xOf = (trial: Trial) =>
    by === 'trials' ? trial.number : ((trial.endedAt ?? trial.startedAt + 1000 * trial.seconds) - start) / 1000;
  const own = trials.filter(({ repeats }) => repeats === null);
  const shown = own.filter((trial) => counts(trial) && (showsStopped || trial.state === 'done'));
  const steps = stepsOf(own, direction, by);
  const values = [...shown.map(({ value }) => value as number), ...steps.map(({ value }) => value)];
  const log = isLog ? logScaleOf(values, objective) : null;
  const range = usefulRange(values, direction);
  const margin = range ? (range.high - range.low) * 0.06 || Math.abs(range.high) * 0.02 || 0.01 : 0;
  const [low, high] = range ? [range.low - margin, range.high + margin] : [0, 1];
  const y = (value: number) => (log ? log.place(value) : value);
  /** The edge where worse values and failures are marked. */
  const foot = log
    ? log.place(direction === 'maximise' ? (range?.low ?? 0) : (range?.high ?? 1)) * 1.25
    : direction === 'maximise'
      ? low
      : high;
  const isBeyond = (value: number) => (direction === 'maximise' ? value < low : value > high);
  const spotOf = (trial: Trial, value: number | null): Spot => ({
    x: xOf(trial),
    y: value === null || isBeyond(value) ? foot : y(value),
    number: trial.number,
    text: textOf(trial, value),
  });
  const within = shown.filter(({ value }) => !isBeyond(value as number));
  const cloud = (label: string, token: string, some: readonly Trial[], look: object = {}) =>
    spotsOf(
      label,
      token,
      some.map((trial) => spotOf(trial, trial.value)),
      look,
    );
  const done = within.filter(({ state }) => state === 'done');
  const latest = (trial: Trial) => trial.curve.findLast((value) => value !== null) ?? null;
  const running = own.filter((trial) => trial.state === 'running' && latest(trial) !== null);
  const end = largestOf(own.map(xOf), 0);
  const line = steps.flatMap(({ trial, value }, i) => [
    ...(i ? [{ x: xOf(trial), y: y(steps[i - 1].value) }] : []),
    { x: xOf(trial), y: y(value) },
  ]);
  const last = steps.at(-1);
  if (last) line.push({ x: Math.max(end, xOf(last.trial)), y: y(last.value) });
  const marked = own.find(({ number, value }) => number === chosen && value !== null);
  const bar = last && last.trial.low !== null && last.trial.high !== null ? last.trial : null;
  const aside = { pointRadius: 4, pointStyle: 'triangle', rotation: direction === 'maximise' ? 180 : 0 };
  return {
    type: 'line',
    data: {
      datasets: [
        pathOf('best so far', 'accent', line, { borderWidth: 2, order: 1 }),
        ...(bar
          ? [
              pathOf(
                'interval of the best',
                'accent',
                [bar.low, bar.high].map((bound) => ({
                  x: xOf(bar),
                  y: isBeyond(bound as number) ? foot : y(bound as number),
                })),
                { borderWidth: 1, order: 2 },
              ),
            ]
          : []),
        cloud(
          'the best fifth',
          'accent',
          done.filter(({ number }) => lit.has(number)),
          { order: 0 },
        ),
        cloud(
          'trials',
          'bar',
          done.filter(({ number }) => !lit.has(number)),
          { order: 3 },
        ),
        cloud(
          'stopped early',
          'bar',
          within.filter(({ state }) => state === 'stopped'),
          { backgroundColor: 'transparent', order: 4 },
        ),
        cloud(
          'beyond the scale',
          'bar',
          shown.filter(({ value }) => isBeyond(value as number)),
          aside,
        ),
        spotsOf(
          'running',
          'unsure',
          running.map((trial) => spotOf(trial, latest(trial))),
          { backgroundColor: 'transparent', pointBorderWidth: 2, pointRadius: 4 },
        ),
        spotsOf(
          'failed',
          'reject',
          own.filter(({ state }) => state === 'failed').map((trial) => spotOf(trial, null)),
          { pointStyle: 'line', rotation: 90, pointRadius: 6, pointBorderWidth: 2, clip: 8 },
        ),
        spotsOf('chosen', 'text', marked ? [spotOf(marked, marked.value)] : [], {
          backgroundColor: 'transparent',
          pointRadius: 7,
          pointBorderWidth: 1.5,
          order: -1,
        }),
      ] as never,
    },
    options: {
      ...picking(pick),
      layout: { padding: { top: 8, right: 12 } },
      scales: {
        x: {
          type: 'linear',
          min: by === 'trials' ? 0.5 : 0,
          max: by === 'trials' ? Math.max(end, budget ?? 0, 5) + 0.5 : Math.max(end, 10),
          grid: { display: false },
          border: { color: colour('line') },
          title: {
            display: true,
            text: by === 'trials' ? 'trial' : 'time',
            color: colour('faint'),
            font: { size: 11 },
          },
          ticks: {
            color: colour('faint'),
            maxTicksLimit: 9,
            precision: 0,
            includeBounds: false,
            maxRotation: 0,
            callback: (at) => (by === 'trials' ? Number(at) : Number(at) ? duration(Number(at)) : '0'),
          },
        },
        y: log
          ? {
              ...valueAxis(objective.title.toLowerCase()),
              type: 'logarithmic',
              reverse: direction === 'maximise',
              min: y(direction === 'maximise' ? (range?.high ?? 1) : (range?.low ?? 0)) / 1.25,
              max: foot,
              ticks: {
                color: colour('faint'),
                maxTicksLimit: 8,
                callback: (at) => String(Number(log.value(Number(at)).toPrecision(4))),
              },
            }
          : {
              ...valueAxis(objective.title.toLowerCase()),
              type: 'linear',
              min: low,
              max: high,
              ticks: {
                color: colour('faint'),
                maxTicksLimit: 6,
                includeBounds: false,
                callback: (at) => valueText(Number(at)),
              },
            },
      },
    },
  };
}
