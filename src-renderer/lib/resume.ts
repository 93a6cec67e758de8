/** Unfinished runs and how to resume them: the engine finds the last checkpoint when the same request is made again. */
import type { Column, RunSummary } from '../../src-main/contract/types.ts';
import type { Calls } from './engine.ts';

export const isUnfinished = ({ kind, state }: RunSummary): boolean =>
  (kind === 'rank' || kind === 'train') && (state === 'interrupted' || state === 'cancelled');

/** Whether a running ranking has the scores of a faster method, until it has finished. */
export const hasFirstScores = ({ kind, state, column }: RunSummary, columns: readonly Column[]): boolean =>
  kind === 'rank' && state === 'running' && columns.some(({ name, count }) => name === column && count > 0);

/** Describes the progress. */
export function howFar({ state, epoch, epochs }: RunSummary): string {
  const at = epoch === null ? 'before the first epoch ended' : `at epoch ${epoch}${epochs ? ` of ${epochs}` : ''}`;
  return state === 'cancelled' ? `Cancelled. It stopped ${at}.` : `Interrupted ${at}.`;
}

/** Repeats the request. */
export async function resume({ id }: RunSummary, calls: Calls): Promise<unknown> {
  const { kind, method, parameters, seed, trainOn, trainOnBy, classification } = await calls.runs.get.query({ id });
  if (kind === 'rank')
    return calls.workspace.rank.mutate({
      method,
      parameters,
      seed,
      ...(trainOnBy === 'given' && { trainOn }), // what the engine chose, it chooses again
    });
  return calls.classifier.train.mutate({
    model: method,
    mode: classification?.mode ?? 'scratch',
    parameters,
    seed,
    ...classification?.asked,
  });
}
