/**
 * The principal components of images and the reconstruction from them: the scorer PCA, and the linear path of the autoencoders. Subspace iteration (Halko, Martinsson &
 * Tropp 2011) reads the images in blocks: the memory does not depend on their number.
 */
import type { Tensor, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { z } from 'zod';
import { tf } from '../backend.ts';
import { leadingSubspace, symmetricEigen } from '../linear-algebra.ts';
import { uploadPixels } from '../ops/upload.ts';
import type { Pixels } from '../pixels.ts';
import { fillNormal, random, sampleOf } from '../random.ts';
import { readBack } from '../read-back.ts';

export const componentsParameter = z
  .int()
  .min(0)
  .max(512)
  .default(32)
  .describe('Number of principal components, at most half the number of training images.')
  .meta({ title: 'Components' });

/** Iterations of the subspace. More of them separate components with similar variances better. */
const rounds = 6;
const blockSize = 128;
/** More images than this hardly change the components. They are drawn at random. */
const mostImages = 2000;

export interface Components {
  mean: Float32Array; // [S · S · 3]
  components: Float32Array; // [kept, S · S · 3]
}

/** `wanted`: number of components. `onDone` counts images over all passes. Throws Cancelled after a cancel. */
export async function fitComponents(
  wanted: number,
  pixels: Pixels,
  images: Int32Array,
  seed: number,
  yieldToEventLoop: () => Promise<void>,
  onDone: (done: number, total: number) => void = () => undefined,
): Promise<Components> {
  const train = images.length > mostImages ? sampleOf(images, mostImages, random('pca images', seed)) : images;
  const size = pixels.rowBytes;
  const kept = Math.min(wanted, Math.floor(train.length / 2), size);
  const total = train.length * (kept ? rounds + 1 : 1);
  let done = 0;
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
  const covarianceWith = async (basis: Float64Array, isProjected: boolean): Promise<Float64Array> => {
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
    return sum;
  };
  const start = fillNormal(new Float64Array(size * width), random('pca', seed));
  const basis = await leadingSubspace(
    start,
    size,
    width,
    rounds - 1,
    (directions) => covarianceWith(directions, false),
    yieldToEventLoop,
  );
  const spread = await covarianceWith(basis, true);
  middle.dispose();
  const { vectors } = await symmetricEigen(spread, width, yieldToEventLoop);
  const components = new Float32Array(kept * size);
  for (let k = 0; k < kept; k++) {
    for (let i = 0; i < size; i++) {
      let sum = 0;
      for (let j = 0; j < width; j++) sum += basis[i * width + j] * vectors[j * width + k];
      components[k * size + i] = sum;
    }
    await yieldToEventLoop();
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
      onDone((done += positions.length), total);
      await yieldToEventLoop();
    }
  }
}

/** Reconstruction and codes by given components. */
export interface LinearModel {
  parameters: number;
  /** [B, S, S, 3] → the same shape. */
  reconstruct(x: Tensor4D): Tensor4D;
  encode(x: Tensor4D): Tensor2D; // [B, components], or [B, 1] without components
  dispose(): void;
}

export function linearModel({ mean, components }: Components): LinearModel {
  const size = mean.length;
  const kept = components.length / size;
  const center = tf.tensor1d(mean);
  const rows = tf.tensor2d(components, [kept, size]);
  return {
    parameters: mean.length + components.length,
    reconstruct: (x) =>
      tf.tidy(() => {
        const flat = tf.sub(tf.reshape(x, [x.shape[0], size]), center) as Tensor2D;
        const explained = kept ? tf.matMul(tf.matMul(flat, rows, false, true), rows) : tf.zerosLike(flat);
        return tf.reshape(tf.add(explained, center), x.shape) as Tensor4D;
      }),
    encode: (x) =>
      tf.tidy(() => {
        const count = x.shape[0];
        // Without components, all images have the same code.
        if (!kept) return tf.zeros([count, 1]) as Tensor2D;
        return tf.matMul(tf.sub(tf.reshape(x, [count, size]), center) as Tensor2D, rows, false, true);
      }),
    dispose: () => tf.dispose([center, rows]),
  };
}
