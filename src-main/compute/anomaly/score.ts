/** Scores images by the model of a finished run, without training: images that were added later, or those of another folder. */
import type { RowSet } from '../../rows/row-set.ts';
import { BadParameters } from '../bad-parameters.ts';
import { defineCall, type CallContext } from '../call.ts';
import { entropies } from '../entropy.ts';
import { pace } from '../pace.ts';
import { Pixels } from '../pixels.ts';
import { relativeToReference } from './complexity.ts';
import { scoreAll } from './fit.ts';
import { withScorer } from './saved.ts';

export interface ScoreArgs {
  runFolder: string;
  images: RowSet;
}

/**
 * One score per position, as `fit` gives; a training image is known by its file, and left out as in the fit. The 'done' event counts images. Throws an Error if the run has no model, BadParameters
 * if the images do not fit it, and Cancelled after a cancel.
 */
export const score = defineCall({
  async run(
    { runFolder, images: set }: ScoreArgs,
    { signal, onEvent }: CallContext<{ done: number }>,
  ): Promise<Float64Array> {
    const yieldToEventLoop = pace(signal);
    return withScorer(runFolder, set, async (model, images, { params, reference, fitted }) => {
      const { scores } = await scoreAll(model, images, yieldToEventLoop, (done) => onEvent({ done }), { fitted });
      if (params.complexity !== 'entropy' || !(images.reader instanceof Pixels)) return scores;
      if (!reference)
        throw new BadParameters(
          'An earlier version of Winnow made this ranking, without what the correction for complexity needs. Rank again.',
        );
      return relativeToReference(scores, await entropies(images.reader, yieldToEventLoop), reference);
    });
  },
});
