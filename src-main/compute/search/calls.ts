/** The calls about a search: the next suggestion, the surrogate along its parameters, and the importance of each. They are pure mathematics, and run here so that the engine stays free. */
import { largestOf } from '../../contract/numbers.ts';
import type { Importance, Surrogate } from '../../contract/search.ts';
import { BadParameters } from '../bad-parameters.ts';
import { defineCall } from '../call.ts';
import { importanceOf } from './importance.ts';
import { strategyOf } from './index.ts';
import { axesOf, sliceOf } from './slices.ts';
import type { SuggestContext, Suggestion } from './strategy.ts';
import { fitSurrogate, whyNoSurrogate } from './surrogate-model.ts';

export interface SuggestArgs extends SuggestContext {
  strategy: string;
}

function suggestNext({ strategy, ...context }: SuggestArgs): Suggestion {
  const record = strategyOf(strategy);
  if (!record) throw new BadParameters(`There is no strategy ‘${strategy}’.`);
  return record.suggest(context);
}

export const suggest = defineCall({ run: (args: SuggestArgs): Suggestion => suggestNext(args) });

export interface SurrogateArgs extends SuggestArgs {
  parameter: string;
  second: string | null;
}

const nothing = { at: {}, mean: [], deviation: [], acquisition: [], noise: 0, trials: [], next: null };

export const surrogate = defineCall({
  run({ parameter, second, ...context }: SurrogateArgs): Surrogate {
    const { space, direction, observed } = context;
    const axes = axesOf(space, parameter, second);
    const upTo = largestOf(
      observed.map(({ number }) => number),
      0,
    );
    const model = fitSurrogate(space, direction, observed);
    if (!model) return { ...nothing, upTo, axes, problem: whyNoSurrogate(observed) };
    return sliceOf(model, space, axes, upTo, suggestNext(context));
  },
});

export type ImportanceArgs = Pick<SuggestArgs, 'space' | 'direction' | 'observed' | 'seed'>;

export const importance = defineCall({
  /** Empty if there is no surrogate. */
  run({ space, direction, observed, seed }: ImportanceArgs): Importance[] {
    const model = fitSurrogate(space, direction, observed);
    return model ? importanceOf(model, seed) : [];
  },
});
