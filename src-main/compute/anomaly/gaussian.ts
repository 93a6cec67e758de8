/**
 * Scores an image by the Mahalanobis distance of its embedding to a Gaussian that is fitted to the embeddings of the training images (Rippel, Mertens & Merhof
 * 2021). There are often fewer images than dimensions, so the covariance is shrunk towards a multiple of the identity, by the estimate of Ledoit & Wolf (2004).
 */
import type { Tensor2D } from '@tensorflow/tfjs';
import { z } from 'zod';
import { tf } from '../backend.ts';
import { cholesky, inverseOfLower } from '../linear-algebra.ts';
import { readBack } from '../read-back.ts';
import { defineScorer, type FitContext, type Model } from './scorer.ts';
import { ledoitWolf, shrink } from './shrinkage.ts';

const schema = z.object({
  shrinkage: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe('Shrinkage of the covariance towards equal variances in all directions; 0 for the Ledoit–Wolf estimate.')
    .meta({ title: 'Shrinkage', step: 0.05 }),
});

export const gaussian = defineScorer({
  id: 'gaussian',
  title: 'Gaussian of embeddings',
  short: 'Gaussian',
  summary:
    'Mahalanobis distance of an image to the normal images, in EfficientNet-Lite0 embeddings. Best if you select the normal images. No training; needs no alignment.',
  inputs: 'embeddings',
  gives: { score: { title: 'Mahalanobis distance' } },
  schema,
  async fit({ shrinkage }, context) {
    const { yieldToEventLoop } = context;
    const mean = await meanOf(context);
    const { matrix, fourth } = await products(context, mean);
    const [images, size] = [context.train.length, mean.length];
    const width = Math.min(images, size);
    const { level, share } = shrink(matrix, width, size, shrinkage || ledoitWolf(matrix, fourth, images, size));
    const factor = Float32Array.from(
      await inverseOfLower(await cholesky(matrix, width, yieldToEventLoop), width, yieldToEventLoop),
    );
    if (width === size) return { model: gaussianModel(mean, factor, Float32Array.of(0, 1)) };
    // With fewer images than dimensions, by the Gram matrix and the Woodbury identity: y·Σ⁻¹·y = (y·y − |factor·X·y|²) / (share · level).
    const floor = share * level;
    const spanned = await readBack(
      tf.tidy(() => {
        const x = tf.mul(centredOf(context.images.readFloats(context.train), mean), Math.sqrt((1 - share) / images));
        return tf.matMul(tf.tensor2d(factor, [width, width]), x as Tensor2D); // [images, size]
      }),
    );
    return { model: gaussianModel(mean, spanned, Float32Array.of(1 / floor, -1 / floor)) };
  },
  restore: (_params, { mean, factor, weights }) => gaussianModel(mean, factor, weights),
});

const blockImages = 512;

const centredOf = (codes: Float32Array, mean: Float32Array): Tensor2D =>
  tf.sub(tf.tensor2d(codes, [codes.length / mean.length, mean.length]), tf.tensor1d(mean));

async function meanOf({ images, train, yieldToEventLoop }: FitContext<'embeddings'>): Promise<Float32Array> {
  const mean = new Float64Array(images.size);
  for (let at = 0; at < train.length; at += blockImages) {
    const codes = images.readFloats(train.subarray(at, at + blockImages));
    codes.forEach((value, i) => (mean[i % images.size] += value / train.length));
    await yieldToEventLoop();
  }
  return Float32Array.from(mean);
}

/**
 * With X [images, size], the centred embeddings divided by √images: the covariance XᵀX [size, size]; or with fewer images than dimensions the Gram matrix X·Xᵀ
 * [images, images], which has the same eigenvalues except zeros. `fourth`: the mean of the fourth powers of the lengths of the centred embeddings.
 */
async function products(
  { images, train, yieldToEventLoop }: FitContext<'embeddings'>,
  mean: Float32Array,
): Promise<{ matrix: Float64Array; fourth: number }> {
  const isGram = train.length < images.size;
  const width = Math.min(train.length, images.size);
  const matrix = new Float64Array(width * width);
  let fourth = 0;
  const block = isGram ? train.length : blockImages;
  for (let at = 0; at < train.length; at += block) {
    const codes = images.readFloats(train.subarray(at, at + block));
    const [product, lengths] = tf.tidy(() => {
      const x = centredOf(codes, mean);
      return [tf.matMul(x, x, !isGram, isGram), tf.sum(tf.square(x), 1)];
    });
    const [values, squares] = await Promise.all([readBack(product), readBack(lengths)]);
    values.forEach((value, i) => (matrix[i] += value / train.length));
    fourth += squares.reduce((sum, value) => sum + value ** 2, 0) / train.length;
    await yieldToEventLoop();
  }
  return { matrix, fourth };
}

/** The squared distance of a centred embedding y is weights[0]·|y|² + weights[1]·|factor·y|². */
function gaussianModel(mean: Float32Array, factor: Float32Array, weights: Float32Array): Model<'embeddings'> {
  const size = mean.length;
  const rows = tf.tensor2d(factor, [factor.length / size, size]);
  return {
    parameters: mean.length + factor.length,
    async score(codes) {
      const squares = tf.tidy(() => {
        const y = centredOf(codes, mean);
        const lengths = (x: Tensor2D) => tf.sum(tf.square(x), 1);
        return tf.add(tf.mul(lengths(y), weights[0]), tf.mul(lengths(tf.matMul(y, rows, false, true)), weights[1]));
      }); // [B]
      return { scores: (await readBack(squares)).map((value) => Math.sqrt(Math.max(0, value))) };
    },
    tensors: async () => ({ arrays: { mean, factor, weights }, shapes: { factor: [factor.length / size, size] } }),
    dispose: () => rows.dispose(),
  };
}
