/**
 * Scores each patch of an image by its Mahalanobis distance to the patches at the same place of the training images (PaDiM; Defard et al. 2021): one Gaussian for
 * each place, in a random subset of the pretrained features. The covariance is shrunk, since there may be fewer images than features. The score of an image is its largest distance. Places must correspond, so the images must be aligned.
 */
import type { Tensor, Tensor1D, Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import { z } from 'zod';
import { largestOf } from '../../contract/numbers.ts';
import { tf } from '../backend.ts';
import { cholesky, inverseOfLower } from '../linear-algebra.ts';
import { filterBoth, smoothingWindow } from '../ops/gaussian.ts';
import { range } from '../pixels.ts';
import { random, shuffle } from '../random.ts';
import { readBack } from '../read-back.ts';
import { blockPatches } from './images.ts';
import { defineScorer, type FitContext, type Model } from './scorer.ts';
import { ledoitWolf, shrink } from './shrinkage.ts';

const schema = z.object({
  features: z
    .int()
    .min(1)
    .max(152)
    .default(100)
    .describe('Number of features per patch: a random subset. More features take more memory and time.')
    .meta({ title: 'Features' }),
  smoothing: z
    .number()
    .min(0)
    .max(8)
    .default(0.5)
    .describe('Deviation of the Gaussian that smooths the map, in patches; 0 for none.')
    .meta({ title: 'Smoothing', advanced: true, step: 0.25 }),
});

export const padim = defineScorer({
  id: 'padim',
  title: 'Gaussian of patches',
  short: 'PaDiM',
  summary:
    'Distance of each patch to the normal images at the same place, in EfficientNet-Lite0 features (PaDiM). No training. Best for aligned images of one kind of object.',
  inputs: 'patches',
  gives: { score: { title: 'Mahalanobis distance' }, map: { title: 'Distance' } },
  schema,
  async fit(params, context) {
    const chosen = subset(context.images.channels, params.features, context.seed);
    const [mean, factor] = await fitGaussians(chosen, context);
    return { model: patchModel(chosen, mean, factor, context.images.side, params) };
  },
  restore: (params, { chosen, mean, factor }) =>
    patchModel(Int32Array.from(chosen), mean, factor, Math.sqrt(mean.length / chosen.length), params),
});

/** `count` of the channels, in ascending order. */
function subset(channels: number, count: number, seed: number): Int32Array {
  return shuffle(range(0, channels), random('patch features', seed)).slice(0, count).sort();
}

/** The features of a block by place, [places, B, chosen]. */
function byPlace(block: Tensor4D, chosen: Int32Array): Tensor3D {
  const [images, side, , channels] = block.shape;
  const rows = tf.reshape(block, [images, side * side, channels]);
  return tf.transpose(tf.gather(rows, tf.tensor1d(chosen, 'int32'), 2), [1, 0, 2]) as Tensor3D;
}

/** For each place, the mean [chosen] and the inverse of the Cholesky factor of the covariance [chosen, chosen]. */
async function fitGaussians(
  chosen: Int32Array,
  { images, train, yieldToEventLoop }: FitContext<'patches'>,
): Promise<[mean: Float32Array, factor: Float32Array]> {
  const [places, size] = [images.side ** 2, chosen.length];
  /** The mean over the training images of what `work` sums over a block. */
  const average = async (length: number, work: (x: Tensor3D) => Tensor): Promise<Float64Array> => {
    const sum = new Float64Array(length);
    for (let at = 0; at < train.length; at += blockPatches) {
      const block = images.upload(train.subarray(at, at + blockPatches));
      const part = await readBack(tf.tidy(() => work(byPlace(block, chosen)))).finally(() => block.dispose());
      for (let i = 0; i < length; i++) sum[i] += part[i] / train.length;
      await yieldToEventLoop();
    }
    return sum;
  };
  const mean = Float32Array.from(await average(places * size, (x) => tf.sum(x, 1)));
  const values = places * size * size;
  const moments = await average(values + places, (x) => {
    const centred = tf.sub(x, tf.tensor3d(mean, [places, 1, size]));
    const fourth = tf.sum(tf.square(tf.sum(tf.square(centred), 2)), 1); // [places]
    return tf.concat1d([tf.reshape(tf.matMul(centred, centred, true), [values]), fourth as Tensor1D]);
  });
  const [covariances, fourth] = [moments.subarray(0, values), moments.subarray(values)];
  const factor = new Float32Array(values);
  for (let place = 0; place < places; place++) {
    const at = place * size * size;
    const covariance = covariances.subarray(at, at + size * size);
    shrink(covariance, size, size, ledoitWolf(covariance, fourth[place], train.length, size));
    const lower = await cholesky(covariance, size, yieldToEventLoop);
    factor.set(await inverseOfLower(lower, size, yieldToEventLoop), at);
  }
  return [mean, factor];
}

function patchModel(
  chosen: Int32Array,
  mean: Float32Array, // [places, chosen]
  factor: Float32Array, // [places, chosen, chosen]
  side: number,
  { smoothing }: z.infer<typeof schema>,
): Model<'patches'> {
  const [places, size] = [side ** 2, chosen.length];
  const means = tf.tensor3d(mean, [places, 1, size]);
  const factors = tf.tensor3d(factor, [places, size, size]);
  return {
    parameters: mean.length + factor.length,
    async score(block) {
      const images = block.shape[0];
      const maps = await readBack(
        tf.tidy(() => {
          const away = tf.matMul(tf.sub(byPlace(block, chosen), means), factors, false, true); // [places, B, chosen]
          const distances = tf.reshape(tf.transpose(tf.norm(away, 'euclidean', 2)), [
            images,
            side,
            side,
            1,
          ]) as Tensor4D;
          return smoothing > 0 ? filterBoth(distances, smoothingWindow(side, smoothing)) : distances;
        }),
      );
      const scores = Array.from({ length: images }, (_, i) => largestOf(maps.subarray(i * places, (i + 1) * places)));
      return { scores, maps };
    },
    tensors: async () => ({
      arrays: { chosen: Float32Array.from(chosen), mean, factor },
      shapes: { mean: [places, size], factor: [places, size, size] },
    }),
    dispose: () => tf.dispose([means, factors]),
  };
}
