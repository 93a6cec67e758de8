/**
 * Scores each patch of an image by its Mahalanobis distance to the patches at the same place of the training images (PaDiM; Defard et al. 2021): one Gaussian for
 * each place, in a random subset of the pretrained features. The covariance is shrunk, since there may be fewer images than features. The score of an image is its largest distance. Places must correspond, so the images must be aligned.
 */
import type { Tensor, Tensor1D, Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import { z } from 'zod';
import { largestOf, meanOf } from '../../contract/numbers.ts';
import { tf } from '../backend.ts';
import { cholesky, inverseOfLower } from '../linear-algebra.ts';
import { multiplyByPlace } from '../ops/by-place.ts';
import { filterBoth, smoothingWindow } from '../ops/gaussian.ts';
import { range } from '../pixels.ts';
import { random, sampleOf } from '../random.ts';
import { readBack } from '../read-back.ts';
import type { Grid } from '../../rows/patch-rows.ts';
import type { PatchBlock, Patches } from './images.ts';
import { joined } from './patch-features.ts';
import {
  defineScorer,
  patchSizeParameter,
  type FitContext,
  type Model,
  type PortableBlock,
  type Scores,
} from './scorer.ts';
import { ledoitWolf, levelWithout, minShare, shrink, trace, withoutImage } from './shrinkage.ts';

const schema = z.object({
  ...patchSizeParameter,
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
    const grid = commonGrid(context.images, context.train);
    const { mean, factor, share, levels } = await fitGaussians(chosen, grid, context);
    return {
      model: patchModel({ chosen, mean, factor, grid, share, levels, train: context.train }, params, context.images),
      heldOut: context.train.length > 1 ? context.train : new Int32Array(0),
    };
  },
  restore: (params, { chosen, mean, factor, grid: [rows, columns], shares, levels, trained }) => {
    // Earlier versions kept one share for each place; or no shares, no levels and no training images.
    const known = {
      share: shares ? meanOf(shares) : 0,
      levels: levels ?? new Float32Array(),
      train: Int32Array.from(trained ?? []),
    };
    return patchModel({ chosen: Int32Array.from(chosen), mean, factor, grid: { rows, columns }, ...known }, params);
  },
});

/** The grid on which the images are compared: that of the coarsest stage, in the aspect ratio that most training images have. */
function commonGrid(images: Patches, train: Int32Array): Grid {
  const { step } = images.layout.stages.at(-1)!;
  const counts = new Map<string, { grid: Grid; count: number }>();
  for (const grid of images.grids(train)) {
    const key = `${grid.rows} ${grid.columns}`;
    const entry = counts.get(key) ?? { grid, count: 0 };
    entry.count++;
    counts.set(key, entry);
  }
  const { grid } = [...counts.values()].reduce((a, b) => (b.count > a.count ? b : a));
  return { rows: grid.rows / step, columns: grid.columns / step };
}

/** `count` of the channels, in ascending order. */
function subset(channels: number, count: number, seed: number): Int32Array {
  return sampleOf(range(0, channels), count, random('patch features', seed));
}

/** The features of a block, [B, places, chosen]. */
function placesOf(block: PortableBlock['patches'], chosen: Int32Array, grid: Grid): Tensor3D {
  const features = joined(block, { grid, isNormalised: false });
  const [images, , , channels] = features.shape;
  const rows = tf.reshape(features, [images, grid.rows * grid.columns, channels]);
  return tf.gather(rows, tf.tensor1d(chosen, 'int32'), 2) as Tensor3D;
}

/** The features of a block by place, [places, B, chosen]. */
const byPlace = (block: PatchBlock, chosen: Int32Array, grid: Grid): Tensor3D =>
  tf.transpose(placesOf(block, chosen, grid), [1, 0, 2]);

/** The variance of a place is at least this fraction of the mean over all places. */
const leastVariance = 0.01;

/** For each place, the mean [chosen], the inverse of the Cholesky factor of the covariance [chosen, chosen], and the weight of its shrinkage. */
async function fitGaussians(
  chosen: Int32Array,
  grid: Grid,
  { images, train, yieldToEventLoop }: FitContext<'patches'>,
): Promise<Pick<Gaussians, 'mean' | 'factor' | 'share' | 'levels'>> {
  const [places, size] = [grid.rows * grid.columns, chosen.length];
  /** The mean over the training images of what `work` sums over a block. */
  const average = async (length: number, work: (x: Tensor3D) => Tensor): Promise<Float64Array> => {
    const sum = new Float64Array(length);
    for (const block of images.upload(train)) {
      const sums = tf.tidy(() => work(byPlace(block, chosen, grid)));
      const part = await readBack(sums);
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
  const covarianceOf = (place: number): Float64Array => {
    const at = place * size * size;
    return covariances.subarray(at, at + size * size);
  };
  const each = range(0, places);
  // Where the training images hardly differ, a tiny difference would count too much.
  const variances = Array.from(each, (place) => trace(covarianceOf(place), size) / size);
  const least = leastVariance * meanOf(variances);
  each.forEach((place) => {
    for (let i = 0; i < size; i++) covarianceOf(place)[i * size + i] += least;
  });
  // One share for all places: that of a single place depends on each image, which then looks more normal than it is.
  const weights = Array.from(each, (place) => ledoitWolf(covarianceOf(place), fourth[place], train.length, size));
  const share = Math.max(minShare, meanOf(weights));
  const levels = new Float32Array(places);
  for (let place = 0; place < places; place++) {
    const covariance = covarianceOf(place);
    levels[place] = shrink(covariance, size, size, share).level;
    const lower = await cholesky(covariance, size, yieldToEventLoop);
    factor.set(await inverseOfLower(lower, size, yieldToEventLoop), place * size * size);
  }
  return { mean, factor, share: Math.fround(share), levels }; // as it is stored
}

interface Gaussians {
  chosen: Int32Array;
  mean: Float32Array; // [places, chosen]
  factor: Float32Array; // [places, chosen, chosen]
  grid: Grid;
  /** The weight of the shrinkage, of all places. */
  share: number;
  /** The variance that the covariance of each place is shrunk towards. */
  levels: Float32Array; // [places]
  /** The positions of the training images, to leave each out of its own score. */
  train: Int32Array;
}

/** `originals`: reads the training images; without it, an image at such a position is the training image itself. */
function patchModel(
  { chosen, mean, factor, grid, share, levels, train }: Gaussians,
  { smoothing }: z.infer<typeof schema>,
  originals?: Patches,
): Model<'patches'> {
  const { rows, columns } = grid;
  const [places, size] = [rows * columns, chosen.length];
  const means = tf.tensor3d(mean, [places, 1, size]);
  const factors = tf.tensor3d(factor, [places, size, size]);
  const trained = new Set(train);
  const scoresOf = async (distances: Float32Array, images: number): Promise<Scores> => {
    const values = smoothing > 0 ? await smooth(distances, images, grid, smoothing) : distances;
    const scores = Array.from({ length: images }, (_, i) => largestOf(values.subarray(i * places, (i + 1) * places)));
    return { scores, maps: { values, rows, columns } };
  };
  return {
    parameters: mean.length + factor.length,
    async score(block, positions) {
      const images = block.maps[0].shape[0];
      const away = (from: PatchBlock): Tensor3D =>
        tf.matMul(tf.sub(byPlace(from, chosen, grid), means), factors, false, true); // [places, B, chosen]
      const times = (a: Tensor3D, b: Tensor3D) => tf.transpose(tf.sum(tf.mul(a, b), 2)); // [B, places]
      const y = tf.tidy(() => away(block));
      try {
        const squared = (await readBack(tf.tidy(() => times(y, y)))).slice();
        if (positions.some((position) => trained.has(position)))
          // The images of one block have one grid, so they are one block again.
          for (const original of originals?.upload(positions) ?? [block]) {
            const [xy, xx, lengths] = await Promise.all(
              tf
                .tidy(() => {
                  const x = away(original);
                  const centred = tf.sub(byPlace(original, chosen, grid), means) as Tensor3D;
                  return [times(x, y), times(x, x), times(centred, centred)];
                })
                .map((product) => readBack(product)),
            );
            squared.forEach((yy, i) => {
              if (!trained.has(positions[Math.floor(i / places)])) return;
              const place = i % places;
              squared[i] =
                withoutImage({ yy, xy: xy[i], xx: xx[i] }, trained.size, share) *
                levelWithout(levels[place], lengths[i], trained.size, size);
            });
          }
        return await scoresOf(
          squared.map((value) => Math.sqrt(Math.max(0, value))),
          images,
        );
      } finally {
        y.dispose();
      }
    },
    portable(block) {
      const centred = tf.sub(placesOf(block, chosen, grid), tf.tensor2d(mean, [places, size])) as Tensor3D;
      const distances = tf.sqrt(tf.sum(tf.square(multiplyByPlace(centred, factors)), 2)); // [B, places]
      const raw = tf.reshape(distances, [-1, rows, columns]) as Tensor3D;
      const map = smoothing > 0 ? smoothed(raw, smoothing) : raw;
      return { score: tf.max(tf.reshape(map, [-1, places]), 1), map };
    },
    tensors: async () => ({
      arrays: {
        ...{ chosen: Float32Array.from(chosen), mean, factor, shares: Float32Array.of(share), levels },
        ...{ grid: Float32Array.of(rows, columns), trained: Float32Array.from(train) },
      },
      shapes: { mean: [places, size], factor: [places, size, size] },
    }),
    dispose: () => tf.dispose([means, factors]),
  };
}

const smooth = (
  maps: Float32Array,
  images: number,
  { rows, columns }: Grid,
  deviation: number,
): Promise<Float32Array> => readBack(tf.tidy(() => smoothed(tf.tensor3d(maps, [images, rows, columns]), deviation)));

/** [B, rows, columns] → the same shape. */
function smoothed(maps: Tensor3D, deviation: number): Tensor3D {
  const windows = [maps.shape[1], maps.shape[2]].map((size) => smoothingWindow(size, deviation));
  return tf.squeeze(filterBoth(tf.expandDims(maps, 3) as Tensor4D, windows[0], windows[1]), [3]);
}
