/**
 * From an image and its reconstruction to an error map and a score. The map that the loupe shows is the very one that is pooled;
 * scores are raw and unclamped, since a threshold put on too early loses the order (the ranking is what counts).
 */
import type { Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import { largestOf, meanOf } from '../../contract/numbers.ts';
import { quantileOf } from '../../contract/statistics.ts';
import { tf } from '../backend.ts';
import { filterBoth, smoothingWindow } from '../ops/gaussian.ts';
import type { Loss } from '../train/losses.ts';

export interface ErrorMeasure {
  loss: Loss;
  pooling: 'mean' | 'quantile' | 'max';
  quantile: number;
  smoothing: number;
}

/** Per pixel, smoothed where the measure says so. */
export function errorMaps(x: Tensor4D, y: Tensor4D, { loss, smoothing }: ErrorMeasure): Tensor3D {
  return tf.tidy(() => {
    const map = loss.map(x, y);
    if (!(smoothing > 0)) return map;
    return tf.squeeze(
      filterBoth(tf.expandDims(map, 3) as Tensor4D, smoothingWindow(x.shape[1], smoothing)),
      [3],
    ) as Tensor3D;
  }); // [B, S, S]
}

export function pool(map: Float32Array, { pooling, quantile }: ErrorMeasure): number {
  if (pooling === 'mean') return meanOf(map);
  if (pooling === 'max') return largestOf(map);
  return quantileOf(map.slice().sort(), quantile);
}
