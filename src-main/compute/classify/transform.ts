/**
 * How an image becomes the input of a network. One record, saved in the model's file, defines both transforms, so that their sizes, means and deviations always
 * agree. Training: resize → augment → random crop → tensor → normalise (`train/examples.ts` augments and crops). Evaluation and prediction: resize → centre crop →
 * tensor → normalise.
 */
import type { Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { pretrainedFor } from '../models/pretrained.ts';
import { uploadPixels } from '../ops/upload.ts';
import type { Pixels } from '../pixels.ts';
import { centreCrop } from '../train/examples.ts';

export interface Transform {
  /** Images are resized to this side, as `fit` says. */
  sizePx: number;
  fit: 'stretch' | 'cover' | 'contain';
  /** Side of the network's input. */
  cropPx: number;
  /** Mean and standard deviation of each channel, for values from 0 to 1. */
  mean: [number, number, number];
  deviation: [number, number, number];
}

export interface TransformParameters {
  sizePx: number;
  cropPx: number;
  fit: Transform['fit'];
  normalisation: 'images' | 'imagenet' | 'none';
}

/** Mean and deviation are computed from at most this many images. */
const maxSampled = 2000;

/** The side of the network's input: `cropPx`, or `sizePx` if `cropPx` is 0 (no crop). */
export const networkSide = ({ sizePx, cropPx }: Pick<TransformParameters, 'sizePx' | 'cropPx'>): number =>
  cropPx || sizePx;

/** The transform for bundled weights, with the mean and deviation of their training. */
export function pretrainedTransform(
  { sizePx, fit, cropPx }: Pick<TransformParameters, 'sizePx' | 'fit' | 'cropPx'>,
  model: string,
): Transform {
  const { mean, deviation } = pretrainedFor(model)!;
  return { sizePx, fit, cropPx: networkSide({ sizePx, cropPx }), mean, deviation };
}

/** The transform of a new model. Mean and deviation are computed from images at equal distances in `train`. */
export function transformOf(params: TransformParameters, pixels: Pixels, train: Int32Array): Transform {
  const { sizePx, fit, normalisation } = params;
  const sides = { sizePx, fit, cropPx: networkSide(params) };
  if (normalisation === 'none') return { ...sides, mean: [0, 0, 0], deviation: [1, 1, 1] };
  if (normalisation === 'imagenet') return { ...sides, mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] };
  const [sums, squares] = [
    [0, 0, 0],
    [0, 0, 0],
  ];
  const stride = Math.ceil(train.length / maxSampled);
  let count = 0;
  for (let i = 0; i < train.length; i += stride) {
    const row = pixels.read(train.subarray(i, i + 1));
    for (let at = 0; at < row.length; at++) {
      sums[at % 3] += row[at];
      squares[at % 3] += row[at] * row[at];
    }
    count += row.length / 3;
  }
  const mean = sums.map((sum) => sum / count / 255) as Transform['mean'];
  // A constant channel has deviation 0: it is divided by 1.
  const deviation = squares.map(
    (square, c) => Math.sqrt(Math.max(square / count / 255 ** 2 - mean[c] ** 2, 0)) || 1,
  ) as Transform['deviation'];
  return { ...sides, mean, deviation };
}

/** Normalises x, [B, S, S, 3], 0..1, for the network. */
export const normalised = (x: Tensor4D, { mean, deviation }: Pick<Transform, 'mean' | 'deviation'>): Tensor4D =>
  tf.add(tf.mul(x, tf.tensor1d(deviation.map((d) => 1 / d))), tf.tensor1d(mean.map((m, c) => -m / deviation[c])));

/** Pixel rows [count, sizePx, sizePx, 3] → the input of the network for evaluation [count, cropPx, cropPx, 3]. */
export const evaluationInput = (rows: Uint8Array, count: number, transform: Transform): Tensor4D =>
  tf.tidy(() =>
    normalised(
      uploadPixels(centreCrop(rows, count, transform.sizePx, transform.cropPx), count, transform.cropPx),
      transform,
    ),
  );
