/**
 * Reconstruction from the principal components of the training images: a baseline without training, often hard to beat if all images have the same framing. The
 * components are computed by subspace iteration (Halko, Martinsson & Tropp 2011), which reads the images in blocks: the memory does not depend on their number.
 */
import type { Tensor, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { z } from 'zod';
import { tf } from '../backend.ts';
import { leadingSubspace, symmetricEigen } from '../linear-algebra.ts';
import { uploadPixels } from '../ops/upload.ts';
import { fillNormal, random } from '../random.ts';
import { readBack } from '../read-back.ts';
import { squaredError } from '../train/losses.ts';
import { reconstructionOutputs, scoredByError, scoreParameters } from './reconstruction.ts';
import { defineScorer, type FitContext, type Model } from './scorer.ts';

const schema = z.object({
  ...scoreParameters,
  // The errors of PCA are more local than those of an autoencoder: a higher quantile suits them better.
  quantile: scoreParameters.quantile
    .unwrap()
    .default(0.99)
    .describe(scoreParameters.quantile.description ?? '')
    .meta({ title: 'Quantile', advanced: true, step: 0.005 }),
  components: z
    .int()
    .min(0)
    .max(512)
    .default(32)
    .describe('Number of principal components, at most half the number of training images.')
    .meta({ title: 'Components' }),
});

/** Iterations of the subspace. More of them separate components with similar variances better. */
const rounds = 6;
const blockSize = 128;

export const pca = defineScorer({
  id: 'pca',
  title: 'Principal components',
  short: 'PCA',
  summary:
    'Error of the reconstruction from the principal components (PCA). No training; a good baseline for the others.',
  inputs: 'pixels',
  gives: reconstructionOutputs,
  schema,
  async fit(params, context) {
    const startedAt = performance.now();
    const { mean, components } = await fitComponents(params.components, context);
    const seconds = (performance.now() - startedAt) / 1000;
    return {
      model: componentModel(mean, components, params),
      heldOut: new Int32Array(0),
      imagesPerSecond: context.train.length / Math.max(1e-9, seconds),
    };
  },
  restore: (params, { mean, components }) => componentModel(mean, components, params),
});

interface Components {
  mean: Float32Array; // [S · S · 3]
  components: Float32Array; // [kept, S · S · 3]
}

async function fitComponents(
  wanted: number,
  { images: pixels, train, seed, yieldToEventLoop, onEvent }: FitContext<'pixels'>,
): Promise<Components> {
  const startedAt = performance.now();
  const size = pixels.rowBytes;
  const kept = Math.min(wanted, Math.floor(train.length / 2), size);
  const mean = new Float64Array(size);
  await overBlocks(
    (x) => tf.sum(x, 0),
    (sums) => sums.forEach((v, i) => (mean[i] += v / train.length)),
  );
  const center = Float32Array.from(mean);
  if (!kept) return { mean: center, components: new Float32Array(0) };

  // The iteration uses more directions than are kept, so that the kept ones are accurate.
  const width = Math.min(train.length, kept + Math.max(10, Math.ceil(kept / 2)), size);
  const middle = tf.tensor1d(center);
  // The covariance C times the basis B: C·B [size, width], or if `isProjected` Bᵀ·C·B [width, width]. Summed over blocks of images.
  const covarianceWith = async (basis: Float64Array, round: number, isProjected: boolean): Promise<Float64Array> => {
    const directions = tf.tensor2d(Float32Array.from(basis), [size, width]);
    const sum = new Float64Array((isProjected ? width : size) * width);
    await overBlocks(
      (x) => {
        const centred = tf.sub(x, middle) as Tensor2D; // [n, size]
        const projected = tf.matMul(centred, directions); // [n, width]
        return tf.matMul(isProjected ? projected : centred, projected, true);
      },
      (products) => products.forEach((v, i) => (sum[i] += v)),
    );
    directions.dispose();
    const seconds = (performance.now() - startedAt) / 1000;
    onEvent({
      stage: 'train',
      epoch: round + 1,
      epochs: rounds,
      step: 1,
      steps: 1,
      loss: 0,
      seconds,
      imagesPerSecond: (train.length * (round + 2)) / seconds,
    });
    return sum;
  };
  const start = fillNormal(new Float64Array(size * width), random('pca', seed));
  const basis = await leadingSubspace(start, size, width, rounds - 1, (directions, round) =>
    covarianceWith(directions, round, false),
  );
  const spread = await covarianceWith(basis, rounds - 1, true);
  middle.dispose();
  const { vectors } = symmetricEigen(spread, width);
  const components = new Float32Array(kept * size);
  for (let k = 0; k < kept; k++) {
    for (let i = 0; i < size; i++) {
      let sum = 0;
      for (let j = 0; j < width; j++) sum += basis[i * width + j] * vectors[j * width + k];
      components[k * size + i] = sum;
    }
  }
  return { mean: center, components };

  async function overBlocks(work: (x: Tensor2D) => Tensor, take: (values: Float32Array) => void): Promise<void> {
    for (let at = 0; at < train.length; at += blockSize) {
      const positions = train.subarray(at, at + blockSize);
      const bytes = pixels.read(positions);
      take(
        await readBack(
          tf.tidy(() =>
            work(
              tf.reshape(uploadPixels(bytes, positions.length, pixels.sizePx), [positions.length, size]) as Tensor2D,
            ),
          ),
        ),
      );
      await yieldToEventLoop();
    }
  }
}

function componentModel(
  mean: Float32Array,
  components: Float32Array,
  { pooling, quantile, smoothing }: z.infer<typeof schema>,
): Model<'pixels'> {
  const size = mean.length;
  const kept = components.length / size;
  const center = tf.tensor1d(mean);
  const rows = tf.tensor2d(components, [kept, size]);
  const autoencoder = {
    parameters: mean.length + components.length,
    reconstruct: (x: Tensor4D) =>
      tf.tidy(() => {
        const flat = tf.sub(tf.reshape(x, [x.shape[0], size]), center) as Tensor2D;
        const explained = kept ? tf.matMul(tf.matMul(flat, rows, false, true), rows) : tf.zerosLike(flat);
        return tf.reshape(tf.add(explained, center), x.shape) as Tensor4D;
      }),
    encode: (x: Tensor4D): Tensor2D =>
      tf.tidy(() => {
        const count = x.shape[0];
        // Without components, all images have the same code.
        if (!kept) return tf.zeros([count, 1]) as Tensor2D;
        return tf.matMul(tf.sub(tf.reshape(x, [count, size]), center) as Tensor2D, rows, false, true);
      }),
    tensors: async () => ({ arrays: { mean, components }, shapes: { components: [kept, size] } }),
    dispose: () => tf.dispose([center, rows]),
  };
  return scoredByError(autoencoder, { loss: squaredError, pooling, quantile, smoothing });
}
