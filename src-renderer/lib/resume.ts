/** Unfinished runs and how to resume them: the engine finds the last checkpoint when the same request is made again. */
import type { Run } from '../../src-main/contract/types.ts';
import type { Calls } from './engine.ts';

export const isUnfinished = ({ kind, state }: Run): boolean =>
  (kind === 'rank' || kind === 'train') && (state === 'interrupted' || state === 'cancelled');

/** Describes the progress. */
export function howFar({ state, history, epochs }: Run): string {
  const epoch = history.at(-1)?.epoch;
  const at = epoch === undefined ? 'before the first epoch ended' : `at epoch ${epoch}${epochs ? ` of ${epochs}` : ''}`;
  return state === 'cancelled' ? `Cancelled. It stopped ${at}.` : `Interrupted ${at}.`;
}

/** Repeats the request. */
export function resume(
  { kind, method, parameters, seed, trainOn, classification }: Run,
  calls: Calls,
): Promise<unknown> {
  if (kind === 'rank') return calls.workspace.rank.mutate({ method, parameters, seed, trainOn });
  return calls.classifier.train.mutate({
    model: method,
    mode: classification?.mode ?? 'scratch',
    parameters,
    seed,
    ...classification?.asked,
  });
}
