/** One feature vector for each patch of an image: the maps of all stages, resized to one grid and joined. And the score of an image from those of its patches. */
import type { Tensor1D, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import { meanOf } from '../../contract/numbers.ts';
import type { Grid } from '../../rows/patch-rows.ts';
import { tf } from '../backend.ts';
import { meanOfLargest } from '../ops/mean-of-least.ts';
import type { PatchBlock } from './images.ts';

/**
 * The features of a block, [B, grid.rows, grid.columns, channels]; the default is the finest grid of the images. `isNormalised`: the vector of each stage has the
 * length 1, so that all stages count equally. `window`: the side of a window over which features are averaged first (PatchCore's neighbourhood), 1 for none.
 */
export function joined(
  { maps, grid: finest }: Pick<PatchBlock, 'maps' | 'grid'>,
  { grid = finest, isNormalised = true, window = 1 }: { grid?: Grid; isNormalised?: boolean; window?: number } = {},
): Tensor4D {
  return tf.tidy(() =>
    tf.concat4d(
      maps.map((map) => {
        const smooth = window > 1 ? tf.avgPool(map, window, 1, 'same') : map;
        const unit = isNormalised ? tf.div<Tensor4D>(smooth, tf.maximum(tf.norm(smooth, 2, 3, true), 1e-6)) : smooth;
        return unit.shape[1] === grid.rows && unit.shape[2] === grid.columns
          ? unit
          : tf.image.resizeBilinear(unit, [grid.rows, grid.columns], false, true);
      }),
      3,
    ),
  );
}

const topCount = (places: number, topShare: number): number => Math.max(1, Math.round(topShare * places));

/** For each image the mean over this fraction of its patches, the largest ones. */
export function pooled(maps: Float32Array, images: number, topShare: number): number[] {
  const places = maps.length / images;
  const count = topCount(places, topShare);
  return Array.from({ length: images }, (_, i) =>
    meanOf(
      maps
        .slice(i * places, (i + 1) * places)
        .sort()
        .subarray(places - count),
    ),
  );
}

/** The scores of maps [B, rows, columns], as `pooled` gives them; for export. */
export function pooledScores(maps: Tensor3D, topShare: number): Tensor1D {
  const [images, rows, columns] = maps.shape;
  const places = rows * columns;
  return meanOfLargest(tf.reshape(maps, [images, places]) as Tensor2D, topCount(places, topShare));
}
