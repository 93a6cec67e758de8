/**
 * How far an image's embedding lies from the Gaussian of the training images' embeddings: the Mahalanobis distance (Rippel, Mertens & Merhof 2021). The
 * covariance is shrunk towards equal variances in all directions, as far as Ledoit & Wolf (2004) estimate: there are often fewer images than directions.
 */
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import { z } from 'zod';
import { tf } from '../backend.ts';
import { cholesky, inverseOfLower } from '../linear-algebra.ts';
import { readBack } from '../read-back.ts';
import { defineScorer, type FitContext, type Model } from './scorer.ts';

const schema = z.object({
  shrinkage: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe(
      'How far the covariance is drawn towards equal variances in all directions; 0 for as far as Ledoit and Wolf estimate.',
    )
    .meta({ title: 'Shrinkage', step: 0.05 }),
});

export const gaussian = defineScorer({
  id: 'gaussian',
  title: 'Gaussian of embeddings',
  short: 'Gaussian',
  summary:
    'How far an image lies from the normal ones, measured by how those vary, by what EfficientNet-Lite0 knows of them. Best where the normal images are named. No training; needs no alignment.',
  inputs: 'embeddings',
  gives: { score: { title: 'Mahalanobis distance' } },
  schema,
  async fit({ shrinkage }, context) {
    const { mean, scatter, fourth } = await moments(context);
    const wanted = shrinkage || ledoitWolf(scatter, fourth, context.train.length);
    const size = mean.length;
    const level = trace(scatter, size) / size || 1; // training images that are all the same have no unit
    for (let i = 0; i < scatter.length; i++) scatter[i] *= 1 - wanted;
    // A direction in which nothing varies keeps a little: another image may differ in it.
    for (let i = 0; i < size; i++) scatter[i * size + i] += Math.max(wanted, leastShrinkage) * level;
    const lower = await cholesky(scatter, size, context.breathe);
    const whitening = Float32Array.from(await inverseOfLower(lower, size, context.breathe));
    return { model: gaussianModel(Float32Array.from(mean), whitening) };
  },
  restore: (_params, { mean, whitening }) => gaussianModel(mean, whitening),
});

const leastShrinkage = 1e-4;
const blockImages = 512;

interface Moments {
  mean: Float64Array; // [d]
  /** Of the centred embeddings, over the images. */
  scatter: Float64Array; // [d, d]
  /** Mean of the fourth powers of their lengths. */
  fourth: number;
}

async function moments({ images, train, breathe }: FitContext<'embeddings'>): Promise<Moments> {
  const { size } = images;
  const mean = new Float64Array(size);
  const scatter = new Float64Array(size * size);
  let fourth = 0;
  for (let at = 0; at < train.length; at += blockImages) {
    images
      .readFloats(train.subarray(at, at + blockImages))
      .forEach((value, i) => (mean[i % size] += value / train.length));
    await breathe();
  }
  const middle = tf.tensor1d(Float32Array.from(mean));
  try {
    for (let at = 0; at < train.length; at += blockImages) {
      const codes = images.readFloats(train.subarray(at, at + blockImages));
      const [products, lengths] = tf.tidy(() => {
        const centred = tf.sub(tf.tensor2d(codes, [codes.length / size, size]), middle) as Tensor2D;
        return [tf.matMul(centred, centred, true), tf.sum(tf.square(centred), 1)];
      });
      (await readBack(products)).forEach((value, i) => (scatter[i] += value / train.length));
      fourth += (await readBack(lengths)).reduce((sum, value) => sum + value ** 2, 0) / train.length;
      await breathe();
    }
  } finally {
    middle.dispose();
  }
  return { mean, scatter, fourth };
}

const trace = (matrix: Float64Array, size: number): number => {
  let sum = 0;
  for (let i = 0; i < size; i++) sum += matrix[i * size + i];
  return sum;
};

/** The share of equal variances by which the expected squared error of the covariance is least: 0..1. */
export function ledoitWolf(scatter: Float64Array, fourth: number, images: number): number {
  const size = Math.sqrt(scatter.length);
  const squares = scatter.reduce((sum, value) => sum + value ** 2, 0);
  const away = squares - trace(scatter, size) ** 2 / size; // from equal variances
  const noise = Math.min((fourth - squares) / images, away);
  return noise > 0 ? noise / away : 0;
}

/** `whitening` [d, d] makes the centred embeddings of unit covariance. */
function gaussianModel(mean: Float32Array, whitening: Float32Array): Model<'embeddings'> {
  const size = mean.length;
  const middle = tf.tensor1d(mean);
  const whiten = tf.tensor2d(whitening, [size, size]);
  return {
    parameters: mean.length + whitening.length,
    async score(codes) {
      const distances = tf.tidy(() => {
        const centred = tf.sub(tf.tensor2d(codes, [codes.length / size, size]), middle) as Tensor2D;
        return tf.norm(tf.matMul(centred, whiten, false, true), 'euclidean', 1) as Tensor1D;
      }); // [B]
      return { scores: await readBack(distances) };
    },
    arrays: async () => ({ mean, whitening }),
    dispose: () => tf.dispose([middle, whiten]),
  };
}
