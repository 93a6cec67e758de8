/**
 * Scores an image by its mean distance to the nearest training images, in embeddings by the bundled weights (deep nearest neighbours; Bergman, Cohen & Hoshen
 * 2020). It needs no training, and suits normal images that differ much from each other. Each dimension of the embeddings is standardised first.
 */
import type { Tensor2D } from '@tensorflow/tfjs';
import { z } from 'zod';
import { tf } from '../backend.ts';
import { BadParameters } from '../bad-parameters.ts';
import { indexRows } from '../embed/neighbours.ts';
import { meanOfLeast } from '../ops/mean-of-least.ts';
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
  restore: ({ neighbours }, { codes, size, trained }) =>
    nearestModel(codes, size[0], neighbours, Int32Array.from(trained ?? [])), // earlier versions kept none
});

/**
 * Training images are scored in so many parts, each by the images of the other parts: an unseen image is not among its neighbours, and not in the scale that it is
 * measured with either. With more images than `mostInParts`, one image does not change the scale, and only the image itself is left out.
 */
const parts = 5;
const mostInParts = 2000;

/** The neighbours that rows are compared with. */
interface Bank {
  /** The mean distance of each row of `codes` to its nearest neighbours; `isSelf` says which of them do not count. */
  distances(codes: Float32Array, isSelf?: (row: number, neighbour: number) => boolean): Promise<Float64Array>;
  dispose(): void;
}

function bankOf(codes: Float32Array, size: number, neighbours: number, yieldToEventLoop: () => Promise<void>): Bank {
  const scale = scaleWithFloor(codes, size);
  const index = indexRows(standardise(codes, size, scale), size);
  return {
    async distances(block, isSelf = () => false) {
      const rows = standardise(block, size, scale);
      const { k, indices, distances } = await index.nearest(rows, neighbours + 1, yieldToEventLoop);
      return Float64Array.from({ length: block.length / size }, (_, row) => {
        let [sum, count] = [0, 0];
        for (let j = 0; j < k && count < neighbours; j++) {
          if (isSelf(row, indices[row * k + j])) continue;
          sum += distances[row * k + j];
          count++;
        }
        return count ? sum / count : 0;
      });
    },
    dispose: () => index.dispose(),
  };
}

/** The rows of `codes` at these places. */
function pick(codes: Float32Array, size: number, places: readonly number[]): Float32Array {
  const out = new Float32Array(places.length * size);
  places.forEach((place, i) => out.set(codes.subarray(place * size, (place + 1) * size), i * size));
  return out;
}

/**
 * `codes`: embeddings of the training images, [train, size], also the arrays to save: 8 kB per image. `train`: their positions in the set that is scored; an image
 * is never its own neighbour.
 */
function nearestModel(
  codes: Float32Array,
  size: number,
  neighbours: number,
  train: Int32Array,
  yieldToEventLoop = async () => {},
): Model<'embeddings'> {
  const all = bankOf(codes, size, neighbours, yieldToEventLoop);
  const placeOf = new Map(Array.from(train, (position, place) => [position, place]));
  const count = train.length > mostInParts ? 0 : Math.min(parts, train.length);
  /** The images of the other parts. Made when a training image is scored: new images do not need them. */
  const banks = new Map<number, Bank>();
  const bankWithout = (part: number | null): Bank => {
    if (part === null) return all;
    const others = [...train.keys()].filter((place) => place % count !== part);
    const bank = banks.get(part) ?? bankOf(pick(codes, size, others), size, neighbours, yieldToEventLoop);
    banks.set(part, bank);
    return bank;
  };
  return {
    parameters: codes.length,
    async score(block, positions) {
      const places = Array.from({ length: block.length / size }, (_, row) => placeOf.get(positions[row]));
      const scores = new Float64Array(places.length);
      const inPart = Map.groupBy(places.keys(), (row) => partOf(places[row], count));
      for (const [part, rows] of inPart) {
        const isSelf = (row: number, neighbour: number) => part === null && places[rows[row]] === neighbour;
        const distances = await bankWithout(part).distances(pick(block, size, rows), isSelf);
        rows.forEach((row, i) => (scores[row] = distances[i]));
      }
      return { scores };
    },
    portable(block) {
      const scale = scaleWithFloor(codes, size);
      const { mean, factor } = scale;
      const rows = tf.mul(tf.sub(block, tf.tensor1d(Float32Array.from(mean))), tf.tensor1d(Float32Array.from(factor)));
      const known = tf.tensor2d(standardise(codes, size, scale), [codes.length / size, size]);
      // |x − y|² = |x|² + |y|² − 2 x·y
      const squares = tf.add(
        tf.add(tf.mul(tf.matMul(rows as Tensor2D, known, false, true), -2), tf.sum(tf.square(known), 1)),
        tf.sum(tf.square(rows), 1, true),
      );
      return { score: meanOfLeast(tf.sqrt(tf.relu(squares)) as Tensor2D, Math.min(neighbours, known.shape[0])) };
    },
    tensors: async () => ({
      arrays: { codes, size: Float32Array.of(size), trained: Float32Array.from(train) },
      shapes: { codes: [codes.length / size, size] },
    }),
    dispose: () => [all, ...banks.values()].forEach((bank) => bank.dispose()),
  };
}

/** Null for images that all training images are compared with. */
const partOf = (place: number | undefined, count: number): number | null =>
  place === undefined || count === 0 ? null : place % count;
