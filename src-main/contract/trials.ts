/** Which trials of a search compete, and which of them is better: the same in the engine and in the page. */
import type { Objective, Trial } from './search.ts';

type Direction = Objective['direction'];

/** True if value a is better than b. */
export const isBetter = (a: number, b: number, direction: Direction): boolean =>
  direction === 'maximise' ? a > b : a < b;

/** Without repeats: they judge the best few, and do not compete with them. */
export const mainTrials = (trials: readonly Trial[]): Trial[] => trials.filter(({ repeats }) => repeats === null);

/** Has a value that the search counts. */
export const counts = ({ value, state, repeats }: Trial): boolean =>
  value !== null && repeats === null && (state === 'done' || state === 'stopped');

/** The trials among which the best is: finished ones; those that were stopped early only if there are no others. */
export function candidatesOf(trials: readonly Trial[]): Trial[] {
  const finished = trials.filter((trial) => counts(trial) && trial.state === 'done');
  return finished.length ? finished : trials.filter(counts);
}

/** Sorts trials: the best value first, then the earlier one; those without a value last. */
export const bestFirst =
  (direction: Direction) =>
  (a: Pick<Trial, 'value' | 'number'>, b: Pick<Trial, 'value' | 'number'>): number => {
    if (a.value === null || b.value === null) return Number(a.value === null) - Number(b.value === null);
    if (a.value === b.value) return a.number - b.number;
    return isBetter(a.value, b.value, direction) ? -1 : 1;
  };
