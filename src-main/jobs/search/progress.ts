/** How far a search is, and how long its trials may take to make way. */
import { clamp, largestOf } from '../../contract/numbers.ts';
import type { SearchState, Trial } from '../../contract/search.ts';
import { mainTrials } from '../../contract/trials.ts';
import { missingRepeats } from './repeats.ts';

/** In trials: those of the budget, then their repeats. */
export function progressOf(
  trials: readonly Trial[],
  { request, objective }: Pick<SearchState, 'request' | 'objective'>,
): { title: string; done: number; total: number } {
  const own = mainTrials(trials);
  const ended = (list: readonly Trial[]): number => list.filter(({ endedAt }) => endedAt !== null).length;
  const repeats = trials.filter((trial) => trial.repeats !== null);
  const missing = missingRepeats(trials, request, objective);
  return repeats.length && own.length >= (request.budget.trials ?? 0)
    ? { title: 'Repeating the best trials', done: ended(repeats), total: repeats.length + missing.length }
    : { title: 'Trials', done: ended(own), total: request.budget.trials ?? Math.max(own.length, 1) };
}

/** How long running trials may take to finish an epoch when other work wants to start. */
const patienceMs = 20_000;

/** Trials without epochs have no checkpoint: they get the time that one of them takes, within reason. */
export function patienceFor(trials: readonly Trial[]): number {
  const done = trials.filter(({ state }) => state === 'done');
  if (done.some(({ epochs }) => epochs !== null)) return patienceMs;
  const longest = largestOf(
    done.map(({ seconds }) => seconds),
    0,
  );
  return clamp(1500 * longest, patienceMs, 10 * patienceMs);
}
