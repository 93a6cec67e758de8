/** A run that did not come to its end, and how to go on with it: the engine finds the last checkpoint when the same is asked for again. */
import type { Run } from '../../src-main/contract/types.ts';
import type { Calls } from './engine.ts';

export const isUnfinished = ({ kind, state }: Run): boolean =>
  (kind === 'rank' || kind === 'train') && (state === 'interrupted' || state === 'cancelled');

/** How far it came, in words. */
export function howFar({ state, history, epochs }: Run): string {
  const epoch = history.at(-1)?.epoch;
  const at = epoch === undefined ? 'before the first epoch ended' : `at epoch ${epoch}${epochs ? ` of ${epochs}` : ''}`;
  return state === 'cancelled' ? `Cancelled. It stopped ${at}.` : `Interrupted ${at}.`;
}

/** Asks for the same again. */
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
