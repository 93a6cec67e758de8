/**
 * Scores an image by the Mahalanobis distances of its embedding to Gaussians that are fitted to the embeddings of the training images: one for each stage of the
 * network, whose distances are added (Rippel, Mertens & Merhof 2021). There are often fewer images than dimensions, so a covariance is shrunk towards a multiple of
 * the identity, by the estimate of Ledoit & Wolf (2004).
 */
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import { z } from 'zod';
import { tf } from '../backend.ts';
import { cholesky, inverseOfLower } from '../linear-algebra.ts';
import { usual } from '../models/pretrained.ts';
import { sumOf } from '../../contract/numbers.ts';
import { readBack } from '../read-back.ts';
import type { Embeddings } from './images.ts';
import { defineScorer, type FitContext, type Model } from './scorer.ts';
import { ledoitWolf, shrink, withoutImage } from './shrinkage.ts';

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
    'Mahalanobis distance of an image to the normal images, in EfficientNet-Lite0 embeddings, summed over the stages of the network. No training; needs no alignment.',
  inputs: 'embeddings',
  gives: { score: { title: 'Mahalanobis distance' } },
  schema,
  async fit({ shrinkage }, context) {
    const { size } = context.images;
    const stages: Stage[] = [];
    let from = 0;
    for (const width of sumOf(usual.levels) === size ? usual.levels : [size]) {
      stages.push(await fitStage({ from, width }, shrinkage, context));
      from += width;
    }
    return {
      model: gaussianModel(stages, context.train, context.images),
      heldOut: context.train.length > 1 ? context.train : new Int32Array(0),
    };
  },
  restore: (_params, arrays) =>
    gaussianModel(
      // A run of an earlier version has one Gaussian for all stages.
      arrays.mean
        ? [
            {
              from: 0,
              width: arrays.mean.length,
              mean: arrays.mean,
              factor: arrays.factor,
              weights: arrays.weights,
              share: 0,
            },
          ]
        : stagesOf(arrays),
      Int32Array.from(arrays.trained ?? []), // earlier versions kept none
    ),
});

/** The part of an embedding that one stage gives. */
interface Part {
  from: number;
  width: number;
}

/** The Gaussian of a stage: the squared distance of a centred y is weights[0]·|y|² + weights[1]·|factor·y|². `share`: the weight of the shrinkage. */
interface Stage extends Part {
  mean: Float32Array; // [width]
  factor: Float32Array; // [rows, width]
  weights: Float32Array; // [2]
  share: number;
}

const blockImages = 512;

/** The squared distance of each of these embeddings [B, size] to the Gaussian of a stage; rounding may make it negative. */
function squaresOf(codes: Tensor2D, { from, width, mean, weights }: Stage, factor: Tensor2D): Tensor1D {
  const y = tf.sub(tf.slice2d(codes, [0, from], [codes.shape[0], width]), tf.tensor1d(mean)) as Tensor2D;
  const lengths = (x: Tensor2D) => tf.sum(tf.square(x), 1);
  return tf.add(tf.mul(lengths(y), weights[0]), tf.mul(lengths(tf.matMul(y, factor, false, true)), weights[1]));
}

/** The parts of embeddings, centred. */
const centredOf = (codes: Float32Array, size: number, { from, width }: Part, mean: Float32Array): Tensor2D =>
  tf.sub(tf.slice2d(tf.tensor2d(codes, [codes.length / size, size]), [0, from], [-1, width]), tf.tensor1d(mean));

async function fitStage(part: Part, shrinkage: number, context: FitContext<'embeddings'>): Promise<Stage> {
  const { images, train, yieldToEventLoop } = context;
  const mean = await meanOf(part, context);
  const { matrix, fourth } = await momentsOf(part, mean, context);
  const width = Math.min(train.length, part.width);
  const { level, share } = shrink(
    matrix,
    width,
    part.width,
    shrinkage || ledoitWolf(matrix, fourth, train.length, part.width),
  );
  const factor = Float32Array.from(
    await inverseOfLower(await cholesky(matrix, width, yieldToEventLoop), width, yieldToEventLoop),
  );
  if (width === part.width) return { ...part, mean, factor, weights: Float32Array.of(0, 1), share };
  // With fewer images than dimensions, by the Gram matrix and the Woodbury identity: y·Σ⁻¹·y = (y·y − |factor·X·y|²) / (share · level).
  const floor = share * level;
  const spanned = await readBack(
    tf.tidy(() => {
      const x = tf.mul(
        centredOf(images.readFloats(train), images.size, part, mean),
        Math.sqrt((1 - share) / train.length),
      );
      return tf.matMul(tf.tensor2d(factor, [width, width]), x as Tensor2D); // [images, width]
    }),
  );
  return { ...part, mean, factor: spanned, weights: Float32Array.of(1 / floor, -1 / floor), share };
}

async function meanOf(
  { from, width }: Part,
  { images, train, yieldToEventLoop }: FitContext<'embeddings'>,
): Promise<Float32Array> {
  const mean = new Float64Array(width);
  for (let at = 0; at < train.length; at += blockImages) {
    const codes = images.readFloats(train.subarray(at, at + blockImages));
    for (let row = from; row < codes.length; row += images.size)
      for (let i = 0; i < width; i++) mean[i] += codes[row + i] / train.length;
    await yieldToEventLoop();
  }
  return Float32Array.from(mean);
}

/**
 * With X [images, width], the centred embeddings divided by √images: the covariance XᵀX [width, width]; or with fewer images than dimensions the Gram matrix X·Xᵀ
 * [images, images], which has the same eigenvalues except zeros. `fourth`: the mean of the fourth powers of the lengths of the centred embeddings.
 */
async function momentsOf(
  part: Part,
  mean: Float32Array,
  { images, train, yieldToEventLoop }: FitContext<'embeddings'>,
): Promise<{ matrix: Float64Array; fourth: number }> {
  const isGram = train.length < part.width;
  const width = Math.min(train.length, part.width);
  const matrix = new Float64Array(width * width);
  let fourth = 0;
  const block = isGram ? train.length : blockImages;
  for (let at = 0; at < train.length; at += block) {
    const codes = images.readFloats(train.subarray(at, at + block));
    const [product, lengths] = tf.tidy(() => {
      const x = centredOf(codes, images.size, part, mean);
      return [tf.matMul(x, x, !isGram, isGram), tf.sum(tf.square(x), 1)];
    });
    const [values, squares] = await Promise.all([readBack(product), readBack(lengths)]);
    values.forEach((value, i) => (matrix[i] += value / train.length));
    fourth += squares.reduce((sum, value) => sum + value ** 2, 0) / train.length;
    await yieldToEventLoop();
  }
  return { matrix, fourth };
}

/**
 * `train`: the positions of the training images, to leave each out of its own score. `originals`: their embeddings; without these, an image at such a position is the
 * training image itself.
 */
function gaussianModel(stages: readonly Stage[], train: Int32Array, originals?: Embeddings): Model<'embeddings'> {
  const size = sumOf(stages.map(({ width }) => width));
  const trained = new Set(train);
  const factors = stages.map(({ factor, width }) => tf.tensor2d(factor, [factor.length / width, width]));
  return {
    parameters: sumOf(stages.map(({ mean, factor }) => mean.length + factor.length)),
    async score(codes, positions) {
      const scores = new Float64Array(codes.length / size);
      const isKnown = positions.some((position) => trained.has(position));
      const known = isKnown && originals ? originals.readFloats(positions) : codes;
      for (const [s, stage] of stages.entries()) {
        const [yy, xy, xx] = await products(stage, factors[s], codes, known, size); // each [B]
        scores.forEach((_, i) => {
          const squared = trained.has(positions[i])
            ? withoutImage({ yy: yy[i], xy: xy[i], xx: xx[i] }, trained.size, stage.share)
            : yy[i];
          scores[i] += Math.sqrt(Math.max(0, squared));
        });
      }
      return { scores };
    },
    portable(codes) {
      const distances = stages.map((stage, s) => tf.sqrt(tf.relu(squaresOf(codes, stage, factors[s]))) as Tensor1D);
      return { score: distances.reduce((sum, distance) => tf.add(sum, distance)) };
    },
    tensors: async () => ({
      arrays: Object.fromEntries([
        ['trained', Float32Array.from(train)],
        ...stages.flatMap(({ mean, factor, weights, share }, s): [string, Float32Array][] => [
          [`stage${s}/mean`, mean],
          [`stage${s}/factor`, factor],
          [`stage${s}/weights`, Float32Array.of(...weights, share)],
        ]),
      ]),
      shapes: Object.fromEntries(
        stages.map(({ factor, width }, s) => [`stage${s}/factor`, [factor.length / width, width]]),
      ),
    }),
    dispose: () => tf.dispose(factors),
  };
}

/** The products of the embeddings y with themselves, with x, and of x with themselves, by the inverse covariance of a stage; each [B]. */
async function products(
  stage: Stage,
  factor: Tensor2D,
  y: Float32Array,
  x: Float32Array,
  size: number,
): Promise<Float32Array[]> {
  const { weights, mean } = stage;
  return Promise.all(
    tf
      .tidy(() => {
        const [a, b] = [y, x].map((codes) => centredOf(codes, size, stage, mean));
        const [fa, fb] = [a, b].map((centred) => tf.matMul(centred, factor, false, true) as Tensor2D);
        const times = (u: Tensor2D, v: Tensor2D, fu: Tensor2D, fv: Tensor2D) =>
          tf.add(tf.mul(tf.sum(tf.mul(u, v), 1), weights[0]), tf.mul(tf.sum(tf.mul(fu, fv), 1), weights[1]));
        return [times(a, a, fa, fa), times(a, b, fa, fb), times(b, b, fb, fb)];
      })
      .map((product) => readBack(product)),
  );
}

function stagesOf(arrays: Record<string, Float32Array>): Stage[] {
  const stages: Stage[] = [];
  for (let from = 0; arrays[`stage${stages.length}/mean`];) {
    const [mean, factor, weights] = ['mean', 'factor', 'weights'].map(
      (name) => arrays[`stage${stages.length}/${name}`],
    );
    stages.push({ from, width: mean.length, mean, factor, weights: weights.slice(0, 2), share: weights[2] });
    from += mean.length;
  }
  return stages;
}
