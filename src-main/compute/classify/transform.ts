/**
 * How an image becomes what a network takes: one record, saved with the model, that training and everything after it use alike. In training: resize →
 * augment → crop at random → tensor → normalise (train/examples.ts has the middle); everywhere else: resize → crop the middle → tensor → normalise.
 */
import type { Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { pretrainedFor } from '../models/pretrained.ts';
import { uploadPixels } from '../ops/upload.ts';
import type { Pixels } from '../pixels.ts';
import { centreCrop } from '../train/examples.ts';

export interface Transform {
  /** Side that images are resized to, by `fit`. */
  sizePx: number;
  fit: 'stretch' | 'cover' | 'contain';
  /** Side that the network takes. */
  cropPx: number;
  /** Of 0..1, a channel. */
  mean: [number, number, number];
  deviation: [number, number, number];
}

export interface TransformParameters {
  sizePx: number;
  cropPx: number;
  fit: Transform['fit'];
  normalisation: 'images' | 'imagenet' | 'none';
}

/** More images than this say nothing more of mean and spread. */
const enough = 2000;

export const networkSide = ({ sizePx, cropPx }: Pick<TransformParameters, 'sizePx' | 'cropPx'>): number =>
  cropPx || sizePx;

/** As the bundled weights of an architecture were trained. */
export function transferred(
  { sizePx, fit, cropPx }: Pick<TransformParameters, 'sizePx' | 'fit' | 'cropPx'>,
  model: string,
): Transform {
  const { mean, deviation } = pretrainedFor(model)!;
  return { sizePx, fit, cropPx: networkSide({ sizePx, cropPx }), mean, deviation };
}

/** `train`: the positions that mean and spread are taken from, evenly. */
export function transformOf(params: TransformParameters, pixels: Pixels, train: Int32Array): Transform {
  const { sizePx, fit, normalisation } = params;
  const sides = { sizePx, fit, cropPx: networkSide(params) };
  if (normalisation === 'none') return { ...sides, mean: [0, 0, 0], deviation: [1, 1, 1] };
  if (normalisation === 'imagenet') return { ...sides, mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] };
  const [sums, squares] = [
    [0, 0, 0],
    [0, 0, 0],
  ];
  const stride = Math.ceil(train.length / enough);
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
  // Of one colour all through: nothing to divide by.
  const deviation = squares.map(
    (square, c) => Math.sqrt(Math.max(square / count / 255 ** 2 - mean[c] ** 2, 0)) || 1,
  ) as Transform['deviation'];
  return { ...sides, mean, deviation };
}

/** x [B, S, S, 3] 0..1 → as the network takes it. */
export const normalised = (x: Tensor4D, { mean, deviation }: Pick<Transform, 'mean' | 'deviation'>): Tensor4D =>
  tf.add(tf.mul(x, tf.tensor1d(deviation.map((d) => 1 / d))), tf.tensor1d(mean.map((m, c) => -m / deviation[c])));

/** Rows of `sizePx` → the input of the network for evaluation. */
export const evaluationInput = (rows: Uint8Array, count: number, transform: Transform): Tensor4D =>
  tf.tidy(() =>
    normalised(
      uploadPixels(centreCrop(rows, count, transform.sizePx, transform.cropPx), count, transform.cropPx),
      transform,
    ),
  );
