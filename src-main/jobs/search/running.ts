/** What can be done to a search while its job runs. */
import type { SearchChangeRequest } from '../../contract/search-schemas.ts';

export interface RunningSearch {
  /** Throws WinnowError `bad-request`. */
  change(change: SearchChangeRequest): void;
  /** Ends a running trial early. Throws WinnowError if it does not run. */
  stopTrial(number: number): void;
}

/** By id of the search. */
export type RunningSearches = Map<string, RunningSearch>;
