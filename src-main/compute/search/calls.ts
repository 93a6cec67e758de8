/** The calls about a search: the next suggestion, the surrogate along its parameters, and the importance of each. They are pure mathematics, and run here so that the engine stays free. */
import type { Importance, Objective, Space, Surrogate } from '../../contract/search.ts';
import { BadParameters } from '../bad-parameters.ts';
import { defineCall } from '../call.ts';
import { strategyOf } from './index.ts';
import type { Observed, SuggestContext, Suggestion } from './strategy.ts';

export interface SuggestArgs extends SuggestContext {
  strategy: string;
}

export const suggest = defineCall({
  run({ strategy, ...context }: SuggestArgs): Suggestion {
    const record = strategyOf(strategy);
    if (!record) throw new BadParameters(`There is no strategy ‘${strategy}’.`);
    return record.suggest(context);
  },
});

export interface SurrogateArgs {
  space: Space;
  direction: Objective['direction'];
  /** Finished and failed trials, in the order of their numbers. */
  observed: readonly Observed[];
  seed: number;
  parameter: string;
  second: string | null;
  /** Suggests the trial of this number. */
  number: number;
}

export const surrogate = defineCall({
  run(_args: SurrogateArgs): Surrogate {
    throw new BadParameters('Not built.');
  },
});

export type ImportanceArgs = Pick<SurrogateArgs, 'space' | 'direction' | 'observed' | 'seed'>;

export const importance = defineCall({
  run(_args: ImportanceArgs): Importance[] {
    throw new BadParameters('Not built.');
  },
});
