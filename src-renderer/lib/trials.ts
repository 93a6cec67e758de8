/** Trials of a search as people read them: the best so far, columns and orders of a table, time left, and files. No state. */
import { sumOf } from '../../src-main/contract/numbers.ts';
import type { Objective, SearchState, Space, Trial } from '../../src-main/contract/search.ts';
import { quantileOf } from '../../src-main/contract/statistics.ts';
import { candidatesOf, isBetter } from '../../src-main/contract/trials.ts';
import { litOf } from './parallel.ts';

export type Direction = Objective['direction'];

/** A trial that raised the best value so far. */
export interface Step {
  trial: Trial;
  value: number;
}

/** The trials that were better than all that ended before them. `by` number, or by the time at which they ended. */
export function stepsOf(trials: readonly Trial[], direction: Direction, by: 'trials' | 'time'): Step[] {
  const ended = candidatesOf(trials);
  const inOrder = by === 'trials' ? ended : ended.toSorted((a, b) => (a.endedAt ?? 0) - (b.endedAt ?? 0));
  const steps: Step[] = [];
  for (const trial of inOrder) {
    const last = steps.at(-1);
    if (!last || isBetter(trial.value as number, last.value, direction))
      steps.push({ trial, value: trial.value as number });
  }
  return steps;
}

/**
 * The part of the axis that is worth seeing: all values that are better than the middle half, and of worse ones those within 1.5 times its width (Tukey 1977).
 * One trial that diverged does not press all others together. Null without values.
 */
export function usefulRange(values: readonly number[], direction: Direction): { low: number; high: number } | null {
  if (!values.length) return null;
  const sorted = values.toSorted((a, b) => a - b);
  const [low, quarter, most, high] = [0, 0.25, 0.75, 1].map((q) => quantileOf(sorted, q));
  const reach = 1.5 * (most - quarter);
  return direction === 'maximise'
    ? { low: Math.max(low, quarter - reach), high }
    : { low, high: Math.min(high, most + reach) };
}

/** The best fifth, at least one: those that plots light up. */
export function topFifth(trials: readonly Trial[], direction: Direction): Set<number> {
  const own = candidatesOf(trials);
  const lit = litOf(
    own.map(({ id, value }) => ({ id, label: id, values: [], score: value })),
    direction,
  );
  return new Set(own.filter((_, i) => lit[i]).map(({ number }) => number));
}

/**
 * Seconds until the budget is used up, from the mean of the ended trials; null while it cannot be told. Stopped trials count: others will be stopped as well. `used`: seconds
 * of the search so far.
 */
export function secondsLeft(
  { request: { budget, parallel } }: Pick<SearchState, 'request'>,
  trials: readonly Trial[],
  used: number,
): number | null {
  const ended = trials.filter(({ repeats, endedAt }) => repeats === null && endedAt !== null);
  const mean = sumOf(ended.map(({ seconds }) => seconds)) / ended.length; // NaN without trials
  const byTrials = budget.trials === null ? Infinity : (Math.max(0, budget.trials - ended.length) * mean) / parallel;
  const byMinutes = budget.minutes === null ? Infinity : Math.max(0, 60 * budget.minutes - used);
  const least = Number.isNaN(byTrials) ? byMinutes : Math.min(byMinutes, byTrials);
  return Number.isFinite(least) ? least : null;
}

/** `defaults`, `bayesian`, `repeat of 4`, `fold 2 of 4`. */
export function originText({ origin, repeats, fold }: Trial): string {
  if (repeats === null) return origin;
  return fold === null ? `repeat of ${repeats}` : `fold ${fold + 1} of ${repeats}`;
}

/** How a column of the table is read for its order: text or a number; null is always last. */
export type Key = (trial: Trial) => string | number | null;
export interface Order {
  by: string;
  descending: boolean;
}

const ownKeys: Record<string, Key> = {
  number: ({ number }) => number,
  state: ({ state }) => state,
  value: ({ value }) => value,
  epochs: ({ epochs }) => epochs,
  seconds: ({ seconds }) => seconds,
  origin: originText,
};
/** Parameters are named `parameter:<name>`. */
export const keyOf = (by: string): Key =>
  by.startsWith('parameter:')
    ? ({ parameters }) => {
        const value = parameters[by.slice('parameter:'.length)];
        return value === undefined ? null : typeof value === 'boolean' ? Number(value) : value;
      }
    : (ownKeys[by] ?? ownKeys.number);

/** Trials without a value in the column come last in both directions. */
export function sortTrials(trials: readonly Trial[], { by, descending }: Order): Trial[] {
  const key = keyOf(by);
  const keyed = trials.map((trial) => ({ trial, key: key(trial) }));
  const sign = descending ? -1 : 1;
  return keyed
    .sort(({ trial: one, key: a }, { trial: other, key: b }) => {
      if (a === null || b === null) return Number(a === null) - Number(b === null) || one.number - other.number;
      const order =
        typeof a === 'number' && typeof b === 'number' ? a - b : String(a) < String(b) ? -1 : a === b ? 0 : 1;
      return sign * order || one.number - other.number;
    })
    .map(({ trial }) => trial);
}

/** The parameters of the space, and those that only earlier trials have: bounds may have changed. */
export const parametersOf = (space: Space, trials: readonly Trial[]): string[] => [
  ...new Set([...Object.keys(space), ...trials.flatMap(({ parameters }) => Object.keys(parameters))]),
];

const quoted = (value: unknown): string => {
  const text = value === null || value === undefined ? '' : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

/** A line per trial; a missing value is empty. RFC 4180. */
export function trialsAsCsv(trials: readonly Trial[], space: Space, objective: string): string {
  const parameters = parametersOf(space, trials);
  const head = [
    'number',
    'state',
    objective,
    'low',
    'high',
    ...parameters,
    'epochs',
    'seconds',
    'seed',
    'origin',
    'reason',
  ];
  const lines = trials.map((trial) => [
    trial.number,
    trial.state,
    trial.value,
    trial.low,
    trial.high,
    ...parameters.map((name) => trial.parameters[name]),
    trial.epochs,
    trial.seconds,
    trial.seed,
    originText(trial),
    trial.reason,
  ]);
  return [head, ...lines].map((line) => line.map(quoted).join(',')).join('\r\n') + '\r\n';
}
