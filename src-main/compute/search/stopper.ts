/** The interface of a stopper: a record that ends a trial early if its curve is worse than those of the others. */
import type { Objective } from '../../contract/search.ts';

export interface StopContext {
  /** The objective after each epoch so far; the last is the newest. Null where it is not known. */
  curve: readonly (number | null)[];
  allEpochs: number;
  /** The curves of the other trials that are finished, stopped or further than this one, without repeats. */
  others: readonly (readonly (number | null)[])[];
  direction: Objective['direction'];
}

export interface Stopper {
  id: string;
  title: string;
  summary: string;
  /** Why the trial should end now, in words; null if it should continue. */
  reason(context: StopContext): string | null;
}

/** Returns the record itself; it only checks the type. */
export const defineStopper = (stopper: Stopper): Stopper => stopper;
