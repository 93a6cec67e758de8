/** The state of a search and of its trials in words. */
import type { SearchState, Trial } from '../../src-main/contract/search.ts';
import type { Job, RunSummary } from '../../src-main/contract/types.ts';
import { valueText } from '../../src-main/contract/space.ts';
import { score } from './format.ts';

export type SearchWord = 'queued' | 'running' | 'pausing' | 'paused' | 'interrupted' | 'failed' | 'finished';

/** `job`: its running or queued job. */
export function searchWord({ state }: RunSummary, job: Job | null): SearchWord {
  if (job?.state === 'queued') return 'queued';
  if (job?.state === 'running') return 'running';
  return state === 'done'
    ? 'finished'
    : state === 'failed'
      ? 'failed'
      : state === 'cancelled'
        ? 'paused'
        : 'interrupted';
}

export const intervalText = (low: number | null, high: number | null): string =>
  low === null || high === null ? '' : `${score(low)} to ${score(high)}`;

/** `30 trials, 60 min`. */
export function budgetText({ trials, minutes, untilNoMore }: SearchState['request']['budget']): string {
  const limits = [
    ...(trials === null ? [] : [`${trials} ${trials === 1 ? 'trial' : 'trials'}`]),
    ...(minutes === null ? [] : [`${minutes} min`]),
    ...(untilNoMore ? ['until no more is expected'] : []),
  ];
  return limits.join(', ') || 'no limit';
}

/** The trials that count towards the budget: neither repeats nor those that are not finished. */
export const countedOf = (trials: readonly Trial[]): number =>
  trials.filter(
    ({ repeats, state }) => repeats === null && (state === 'done' || state === 'stopped' || state === 'failed'),
  ).length;

export const choiceText = (value: unknown): string =>
  typeof value === 'boolean' ? (value ? 'on' : 'off') : valueText(value);

/** `learningRate` → `Learning rate`. */
export const wordsOf = (name: string): string => {
  const words = name.replace(/([A-Z])/g, (letter) => ` ${letter.toLowerCase()}`);
  return words.charAt(0).toUpperCase() + words.slice(1);
};
