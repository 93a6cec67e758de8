/** Trials that end early: their call is cancelled, and what is known until then is their result. */
import type { Epoch } from '../../contract/types.ts';
import { toWinnowError } from '../../workspace/runs.ts';
import type { ObjectiveRecord } from './objectives.ts';

/** The result of the call; null if `stop` ended it. Throws WinnowError. */
export async function endEarly<Result>(
  call: Promise<Result>,
  { signal, stop }: { signal: AbortSignal; stop: AbortSignal },
): Promise<Result | null> {
  try {
    return await call;
  } catch (error) {
    if (stop.aborted && !signal.aborted) return null;
    throw toWinnowError(error);
  }
}

/** The objective after each epoch; empty if it is not known during the training. */
export const curveOf = (history: readonly Epoch[], { after }: ObjectiveRecord): (number | null)[] =>
  after ? history.map(after) : [];
