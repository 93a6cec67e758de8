/**
 * How far an image lies from the training images that are nearest to it, by what bundled weights know of them: no training, and of use where normal images
 * differ much from each other (Bergman, Cohen & Hoshen 2020, deep nearest neighbours). Each number of an embedding counts in its own unit of spread.
 */
import { z } from 'zod';
import { rowsOf } from '../embed/landmarks.ts';
import { nearest } from '../embed/neighbours.ts';
import { scaleOf, standardise } from '../embed/standardise.ts';

export interface EmbeddingScorer {
  id: string;
  title: string;
  summary: string;
  schema: z.ZodObject;
}

const schema = z.object({
  neighbours: z
    .int()
    .min(1)
    .max(100)
    .default(3)
    .describe(
      'The mean of the distances to so many of the nearest training images is the score. More forgive odd ones among them.',
    )
    .meta({ title: 'Neighbours' }),
});

export const nearestImages: EmbeddingScorer = {
  id: 'nearest',
  title: 'Nearest images',
  summary:
    'How far an image lies from the most similar normal ones, by what EfficientNet-Lite0 knows of them. No training; needs no alignment.',
  schema,
};

/** One score an image, higher is more anomalous. `codes` [n, size]; `train`: rows of them. An image is never its own neighbour. */
export async function scoreByNearest(
  codes: Float32Array,
  size: number,
  train: Int32Array,
  params: Record<string, unknown>,
  breathe: () => Promise<void>,
  onDone: (done: number) => void,
): Promise<Float64Array> {
  const { neighbours } = schema.parse(params);
  const scaled = standardise(codes, size, scaleOf(rowsOf(codes, size, train), size));
  const { k, indices, distances } = await nearest(
    scaled,
    rowsOf(scaled, size, train),
    size,
    neighbours + 1,
    breathe,
    onDone,
  );
  return Float64Array.from({ length: codes.length / size }, (_, row) => {
    let [sum, count] = [0, 0];
    for (let j = 0; j < k && count < neighbours; j++) {
      if (train[indices[row * k + j]] === row) continue;
      sum += distances[row * k + j];
      count++;
    }
    return count ? sum / count : 0;
  });
}
