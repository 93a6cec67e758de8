/**
 * Scores an image by its mean distance to the nearest training images, in embeddings by the bundled weights (deep nearest neighbours; Bergman, Cohen & Hoshen
 * 2020). It needs no training, and suits normal images that differ much from each other. Each dimension of the embeddings is standardised first.
 */
import type { Tensor2D } from '@tensorflow/tfjs';
import { z } from 'zod';
import { tf } from '../backend.ts';
import { BadParameters } from '../bad-parameters.ts';
import { indexRows, meanOfLeast } from '../embed/neighbours.ts';
import { scaleWithFloor, standardise } from '../embed/standardise.ts';
import { defineScorer, type Model } from './scorer.ts';

const schema = z.object({
  neighbours: z
    .int()
    .min(1)
    .max(100)
    .default(3)
    .describe(
      'The score is the mean distance to this many nearest training images. A larger number tolerates outliers among them.',
    )
    .meta({ title: 'Neighbours' }),
});

export const nearestImages = defineScorer({
  id: 'nearest',
  title: 'Nearest images',
  short: 'Nearest',
  summary:
    'Distance of an image to the most similar normal images, in EfficientNet-Lite0 embeddings. No training; needs no alignment.',
  inputs: 'embeddings',
  gives: { score: { title: 'distance' } },
  schema,
  async fit({ neighbours }, { images, train, yieldToEventLoop }) {
    if (train.length < 2) throw new BadParameters('There are fewer than two images to compare with.');
    const model = nearestModel(images.readFloats(train), images.size, neighbours, train, yieldToEventLoop);
    return { model, heldOut: train };
  },
  restore: ({ neighbours }, { codes, size }) => nearestModel(codes, size[0], neighbours),
});

/**
 * `codes`: embeddings of the training images, [train, size], also the arrays to save: 8 kB per image. `train`: their positions in the set that is scored; an image
 * is never its own neighbour. Without it, all images that are scored are new.
 */
function nearestModel(
  codes: Float32Array,
  size: number,
  neighbours: number,
  train: Int32Array = new Int32Array(),
  yieldToEventLoop = async () => {},
): Model<'embeddings'> {
  const scale = scaleWithFloor(codes, size);
  const memory = standardise(codes, size, scale);
  const index = indexRows(memory, size);
  return {
    parameters: codes.length,
    async score(block, positions) {
      const rows = standardise(block, size, scale);
      const { k, indices, distances } = await index.nearest(rows, neighbours + 1, yieldToEventLoop);
      const scores = Float64Array.from({ length: block.length / size }, (_, row) => {
        let [sum, count] = [0, 0];
        for (let j = 0; j < k && count < neighbours; j++) {
          if (positions && train[indices[row * k + j]] === positions[row]) continue;
          sum += distances[row * k + j];
          count++;
        }
        return count ? sum / count : 0;
      });
      return { scores };
    },
    portable(block) {
      const { mean, factor } = scale;
      const rows = tf.mul(tf.sub(block, tf.tensor1d(Float32Array.from(mean))), tf.tensor1d(Float32Array.from(factor)));
      const known = tf.tensor2d(memory, [memory.length / size, size]);
      // |x − y|² = |x|² + |y|² − 2 x·y
      const squares = tf.add(
        tf.add(tf.mul(tf.matMul(rows as Tensor2D, known, false, true), -2), tf.sum(tf.square(known), 1)),
        tf.sum(tf.square(rows), 1, true),
      );
      return { score: meanOfLeast(tf.sqrt(tf.relu(squares)) as Tensor2D, Math.min(neighbours, known.shape[0])) };
    },
    tensors: async () => ({
      arrays: { codes, size: Float32Array.of(size) },
      shapes: { codes: [codes.length / size, size] },
    }),
    dispose: () => index.dispose(),
  };
}
