/**
 * The common part of all scorers by reconstruction: errors relative to normal ones, pooling into a score, and correction for complexity. So their scores differ only by
 * how well each scorer reconstructs.
 */
import { z } from 'zod';
import type { ScorerOutputs } from '../../contract/types.ts';
import { readBack } from '../read-back.ts';
import { pool, pooled } from './error-map.ts';
import { normalisedMaps, type ErrorPath, type NormalErrors } from './normal-errors.ts';
import { sizeParameter, type Model } from './scorer.ts';

export const reconstructionOutputs: ScorerOutputs = {
  score: { title: 'reconstruction error' },
  map: { title: 'Difference' },
  reconstruction: true,
  code: true,
};

export const scoreParameters = {
  ...sizeParameter,
  validation: z
    .number()
    .min(0)
    .max(0.5)
    .default(0.2)
    .describe(
      'Fraction of the training images that is held out: to choose the best epoch, and to know the scores of unseen normal images.',
    )
    .meta({ title: 'Validation fraction', advanced: true, step: 0.05 }),
  complexity: z
    .enum(['none', 'entropy'])
    .default('none')
    .describe(
      'Textured images are harder to reconstruct. Entropy: compare each image with training images of similar entropy.',
    )
    .meta({ title: 'Complexity' }),
};

/** Makes a model that scores an image by its reconstruction errors. `paths`: ways to reconstruct; one that `model` shows, and others that see more. */
export function scoredByErrors(
  model: Omit<Model<'pixels'>, 'score' | 'portable' | 'nearestPatch'> & Required<Pick<Model<'pixels'>, 'reconstruct'>>,
  paths: (ErrorPath & { normal: NormalErrors })[],
): Model<'pixels'> {
  return {
    ...model,
    async score(x) {
      const values = await readBack(normalisedMaps(x, paths));
      const [count, rows, columns] = x.shape;
      const size = rows * columns;
      const scores = Array.from({ length: count }, (_, i) => pool(values.subarray(i * size, (i + 1) * size)));
      return { scores, maps: { values, rows, columns } };
    },
    portable(x) {
      const map = normalisedMaps(x, paths);
      return { score: pooled(map), map, reconstruction: model.reconstruct(x) };
    },
  };
}
