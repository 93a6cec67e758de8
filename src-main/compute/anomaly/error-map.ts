/**
 * Error map and score of an image and its reconstruction. The map is the squared error, averaged over the channels, or the structural dissimilarity (Wang et
 * al. 2004), or a mixture; then it is smoothed. The score pools the map: mean, quantile or maximum. The page shows the map that is pooled. Scores are never
 * clamped, since only their order counts.
 */
import type { Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import { largestOf, meanOf } from '../../contract/numbers.ts';
import { quantileOf } from '../../contract/statistics.ts';
import { tf } from '../backend.ts';
import { filterBoth, smoothingWindow } from '../ops/gaussian.ts';
import type { Loss } from '../train/losses.ts';

/** `quantile`: used only by the pooling of that name, 0..1. `smoothing`: the deviation of the Gaussian in pixels; 0 for none. */
export interface ErrorMeasure {
  loss: Loss;
  pooling: 'mean' | 'quantile' | 'max';
  quantile: number;
  smoothing: number;
}

/** The error of each pixel, [B, S, S], smoothed by a Gaussian if `smoothing` is above 0. `x`: images, `y`: reconstructions; both [B, S, S, 3], 0..1. */
export function errorMaps(x: Tensor4D, y: Tensor4D, { loss, smoothing }: ErrorMeasure): Tensor3D {
  return tf.tidy(() => {
    const map = loss.map(x, y);
    if (!(smoothing > 0)) return map;
    return tf.squeeze(
      filterBoth(tf.expandDims(map, 3) as Tensor4D, smoothingWindow(x.shape[1], smoothing)),
      [3],
    ) as Tensor3D;
  });
}

/** The score of one map. */
export function pool(map: Float32Array, { pooling, quantile }: ErrorMeasure): number {
  if (pooling === 'mean') return meanOf(map);
  if (pooling === 'max') return largestOf(map);
  return quantileOf(map.slice().sort(), quantile);
}
