/** Repeats of the best trials and of the defaults with other seeds or folds: the best of many noisy values is too good, so the choice is judged on fresh ones. */
import type { Objective, SearchState, SearchVerdict, Trial } from '../../contract/search.ts';
import { meanOf, sumOf } from '../../contract/numbers.ts';
import { bestFirst, mainTrials } from '../../contract/trials.ts';

type Repeatable = Pick<SearchState['request'], 'repeats' | 'seed'>;

export interface Repeat {
  /** The trial that is repeated. */
  of: Trial;
  /** From 0. */
  index: number;
}

/** The best trials, the best first; and the trial of the defaults, if there is one. */
export function repeatedTrials(trials: readonly Trial[], { repeats }: Repeatable, objective: Objective): Trial[] {
  if (!repeats.best) return [];
  const done = mainTrials(trials).filter(({ state, value }) => state === 'done' && value !== null);
  const best = done.toSorted(bestFirst(objective.direction)).slice(0, repeats.best);
  return [...best, ...done.filter((trial) => trial.origin === 'defaults' && !best.includes(trial))];
}

/** What is left to repeat. All trials get the same seeds or folds. */
export function missingRepeats(trials: readonly Trial[], request: Repeatable, objective: Objective): Repeat[] {
  const candidates = repeatedTrials(trials, request, objective);
  return Array.from({ length: request.repeats.times }, (_, index) => index).flatMap((index) =>
    candidates
      .filter((of) => !trials.some((trial) => trial.repeats === of.number && repeatIndex(trial, request) === index))
      .map((of) => ({ of, index })),
  );
}

/** The seed of a repeat, and its fold. */
export const repeatSeed = ({ seed, repeats }: Repeatable, index: number): { seed: number; fold: number | null } =>
  repeats.over === 'folds' ? { seed, fold: index } : { seed: (seed + 1 + index) % 2 ** 31, fold: null };

const repeatIndex = ({ seed, fold }: Trial, request: Repeatable): number =>
  fold ?? (seed - request.seed - 1 + 2 ** 31) % 2 ** 31;

/** The 97.5 % quantile of Student's t with 1, 2, … degrees of freedom. */
const t = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093,
];

/** Mean with its 95 % interval by Student's t (1908). `values`: 2 to 20. */
function meanWithInterval(values: readonly number[]): { value: number; low: number; high: number } {
  const mean = meanOf(values);
  const n = values.length;
  const deviation = Math.sqrt(sumOf(values.map((value) => (value - mean) ** 2)) / (n - 1));
  const half = (t[Math.min(n - 2, t.length - 1)] * deviation) / Math.sqrt(n);
  return { value: mean, low: mean - half, high: mean + half };
}

/** Null without repeats. The first of `repeated` is the best by its mean. */
export function verdictOf(trials: readonly Trial[], request: Repeatable, objective: Objective): SearchVerdict | null {
  const { times, over } = request.repeats;
  const sign = objective.direction === 'maximise' ? 1 : -1;
  const repeatsOf = ({ number }: Trial): Trial[] =>
    trials
      .filter(({ repeats }) => repeats === number)
      .sort((a, b) => repeatIndex(a, request) - repeatIndex(b, request));
  const judged = repeatedTrials(trials, request, objective)
    .map((trial) => ({
      trial,
      values: repeatsOf(trial).flatMap(({ state, value }) => (state === 'done' && value !== null ? [value] : [])),
    }))
    .filter(({ values }) => values.length === times)
    .map((one) => ({ ...one, ...meanWithInterval(one.values) }))
    .sort((a, b) => sign * (b.value - a.value));
  const repeated = judged.map(({ trial, values, value: mean, low, high }) => ({
    trial: trial.number,
    values,
    mean,
    // Shares cannot be beyond 0 and 1, whatever the interval by Student's t says.
    low: objective.direction === 'maximise' ? Math.max(0, low) : low,
    high: objective.direction === 'maximise' ? Math.min(1, high) : high,
  }));
  const say = (message: string, isNoise = false, gain: SearchVerdict['gain'] = null): SearchVerdict => ({
    repeated,
    gain,
    isNoise,
    message,
  });
  const failed = trials.find(({ repeats, state }) => repeats !== null && state === 'failed');
  if (!judged.length)
    return failed
      ? say(`Whether the best trial is better than noise cannot be judged: its repeats failed. ${failed.reason ?? ''}`)
      : null;
  const [best] = judged;
  const named = `over ${times} ${over}`;
  if (judged.every(({ values }) => values.every((value) => value === values[0])))
    return say(
      `Whether trial ${best.trial.number} is better than noise cannot be judged: the ${over} change nothing, the repeats of a trial are equal.`,
    );
  const defaults = judged.find(({ trial }) => trial.origin === 'defaults');
  if (!defaults)
    return say(
      `Trial ${best.trial.number} is the best ${named}. Whether it is better than the defaults cannot be judged: ${withoutDefaults(trials)}`,
    );
  if (best === defaults) return say(`The defaults are as good as any trial, ${named}.`, true);
  const gain = meanWithInterval(best.values.map((value, i) => sign * (value - defaults.values[i])));
  const isNoise = gain.low <= 0;
  const figures = `${signed(gain.value)} (${signed(gain.low)} to ${signed(gain.high)})`;
  return say(
    isNoise
      ? `No better than noise: ${named}, trial ${best.trial.number} differs from the defaults by ${figures}, and the interval includes 0.`
      : `Trial ${best.trial.number} is better than the defaults by ${figures} ${named}.`,
    isNoise,
    gain,
  );
}

/** Why the defaults have no repeats. */
function withoutDefaults(trials: readonly Trial[]): string {
  const own = trials.find(({ origin }) => origin === 'defaults');
  if (!own) return 'they lie outside of the space, so they are no trial.';
  if (own.state !== 'done') return `their trial is ${own.state}.`;
  const failed = trials.find(({ repeats, state }) => repeats === own.number && state !== 'done');
  return failed ? `a repeat of them is ${failed.state}. ${failed.reason ?? ''}` : 'they were not repeated.';
}

const signed = (value: number): string => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(3)}`;
