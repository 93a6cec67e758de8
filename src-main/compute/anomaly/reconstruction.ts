/**
 * The common part of all scorers by reconstruction: error measure, pooling into a score, and correction for complexity. So their scores differ only by how well each
 * scorer reconstructs.
 */
import { z } from 'zod';
import type { ScorerOutputs } from '../../contract/types.ts';
import { tf } from '../backend.ts';
import { readBack } from '../read-back.ts';
import { errorMaps, pool, type ErrorMeasure } from './error-map.ts';
import { sizeParameter, type Model } from './scorer.ts';

export const reconstructionOutputs: ScorerOutputs = {
  score: { title: 'reconstruction error' },
  map: { title: 'Difference' },
  reconstruction: true,
  code: true,
};

export const scoreParameters = {
  ...sizeParameter,
  pooling: z
    .enum(['mean', 'quantile', 'max'])
    .default('quantile')
    .describe(
      'How the error map is pooled into one score: mean, high quantile, or maximum. The last two suit small defects.',
    )
    .meta({ title: 'Pooling' }),
  quantile: z
    .number()
    .min(0.5)
    .max(1)
    .default(0.97)
    .describe('The quantile of the error map, if pooling is by quantile.')
    .meta({ title: 'Quantile', advanced: true, step: 0.005 }),
  smoothing: z
    .number()
    .min(0)
    .max(16)
    .default(1)
    .describe('Blur of the error map before pooling; 0 for none.')
    .meta({ title: 'Smoothing', unit: 'px', advanced: true, step: 0.5 }),
  complexity: z
    .enum(['none', 'entropy'])
    .default('none')
    .describe(
      'Textured images are harder to reconstruct. Entropy: compare each image with training images of similar entropy.',
    )
    .meta({ title: 'Complexity' }),
};

/** Makes a model that scores an image by its reconstruction error. */
export function scoredByError(
  autoencoder: Required<Omit<Model<'pixels'>, 'score' | 'portable'>>,
  measure: ErrorMeasure,
): Model<'pixels'> {
  return {
    ...autoencoder,
    async score(x) {
      const maps = await readBack(tf.tidy(() => errorMaps(x, autoencoder.reconstruct(x), measure)));
      const [, rows, columns] = x.shape;
      const size = rows * columns;
      const scores = Array.from({ length: x.shape[0] }, (_, i) =>
        pool(maps.subarray(i * size, (i + 1) * size), measure),
      );
      return { scores, maps: { values: maps, rows, columns } };
    },
  };
}
