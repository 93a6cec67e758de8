/**
 * What errors are normal at each position. Edges and textures are never reconstructed well: raw errors rank images by how much structure they have, and a broken part
 * with less structure even scores low. So each error is compared with the errors of the training images at its position, and each map with their maps. Errors of
 * different reconstructions then have one unit and can be compared.
 */
import type { Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import { medianAbsoluteDeviation, medianOf } from '../../contract/statistics.ts';
import { tf } from '../backend.ts';
import { BadParameters } from '../bad-parameters.ts';
import { filterBoth, smoothingWindow } from '../ops/gaussian.ts';
import { uploadPixels } from '../ops/upload.ts';
import { blockOf, type Pixels } from '../pixels.ts';
import { readBack } from '../read-back.ts';
import { pool, type Errors } from './error-map.ts';

/** A way to reconstruct images, with the measure of its errors. */
export interface ErrorPath {
  /** [B, S, S, 3] → the same shape. */
  reconstruct(x: Tensor4D): Tensor4D;
  errors: Errors;
}

/** The normalised error is (error − offset) / divisor; both [S · S]. For a typical training image the score is 0, and 1 is one deviation above. */
export interface NormalErrors {
  offset: Float32Array;
  divisor: Float32Array;
}

/** So many training images are enough. They are taken at equal distances. */
const mostImages = 500;

/** Measures the errors of the training images. `onDone` counts images over both passes. Throws Cancelled after a cancel. */
export async function fitNormalErrors(
  { reconstruct, errors }: ErrorPath,
  pixels: Pixels,
  train: Int32Array,
  yieldToEventLoop: () => Promise<void>,
  onDone: (done: number, total: number) => void,
): Promise<NormalErrors> {
  const { sizePx } = pixels;
  const count = Math.min(train.length, mostImages);
  const images = Int32Array.from({ length: count }, (_, i) => train[Math.floor((i * train.length) / count)]);
  const sum = new Float64Array(sizePx * sizePx);
  const squares = new Float64Array(sizePx * sizePx);
  let done = 0;
  const forEachMap = async (use: (map: Float32Array) => void): Promise<void> => {
    const block = blockOf(sizePx);
    for (let at = 0; at < count; at += block) {
      const positions = images.subarray(at, at + block);
      const bytes = pixels.read(positions);
      const maps = await readBack(
        tf.tidy(() => {
          const x = uploadPixels(bytes, positions.length, sizePx);
          return errors(x, reconstruct(x));
        }),
      );
      for (let i = 0; i < positions.length; i++) use(maps.subarray(i * sum.length, (i + 1) * sum.length));
      onDone((done += positions.length), 2 * count);
      await yieldToEventLoop();
    }
  };
  await forEachMap((map) =>
    map.forEach((error, p) => {
      sum[p] += error / count;
      squares[p] += error ** 2 / count;
    }),
  );
  const [mean, square] = [await smoothly(sum, sizePx), await smoothly(squares, sizePx)];
  const deviation = mean.map((m, p) => Math.sqrt(Math.max(0, square[p] - m * m)));
  const average = (values: Float32Array): number => values.reduce((a, b) => a + b, 0) / values.length;
  // Where the training images hardly differ, a tiny error would count too much.
  const floor = average(deviation) + 0.01 * average(mean) + 1e-6;
  const spread = deviation.map((d) => d + floor);
  const scores: number[] = [];
  await forEachMap((map) => void scores.push(pool(map.map((error, p) => (error - mean[p]) / spread[p]))));
  const sorted = Float64Array.from(scores).sort();
  const centre = medianOf(sorted);
  const scale = medianAbsoluteDeviation(sorted) + 0.1 * Math.abs(centre) + 1e-6;
  return { offset: mean.map((m, p) => m + centre * spread[p]), divisor: spread.map((s) => s * scale) };
}

/** Few images give noisy statistics: neighbours have similar ones. */
async function smoothly(values: Float64Array, sizePx: number): Promise<Float32Array> {
  return readBack(
    tf.tidy(() =>
      filterBoth(tf.tensor4d(Float32Array.from(values), [1, sizePx, sizePx, 1]), smoothingWindow(sizePx, sizePx / 32)),
    ),
  );
}

/** The map of normalised errors, [B, S, S]: where several paths reconstruct, the highest of theirs. */
export function normalisedMaps(x: Tensor4D, paths: (ErrorPath & { normal: NormalErrors })[]): Tensor3D {
  return tf.tidy(() => {
    const [, rows, columns] = x.shape;
    const maps = paths.map(({ reconstruct, errors, normal: { offset, divisor } }) => {
      const [from, by] = [offset, divisor].map((values) => tf.tensor3d(values, [1, rows, columns]));
      return tf.div(tf.sub(errors(x, reconstruct(x)), from), by) as Tensor3D;
    });
    return maps.reduce((a, b) => tf.maximum(a, b));
  });
}

/** The arrays to save with the run. */
export const tensorsOf = (name: string, { offset, divisor }: NormalErrors): Record<string, Float32Array> => ({
  [`${name}/offset`]: offset,
  [`${name}/divisor`]: divisor,
});

/** Throws BadParameters if they are missing: earlier versions compared errors without them. */
export function normalErrorsFrom(name: string, arrays: Record<string, Float32Array>): NormalErrors {
  const [offset, divisor] = [arrays[`${name}/offset`], arrays[`${name}/divisor`]];
  if (!offset || !divisor)
    throw new BadParameters('An earlier version of Winnow made this ranking, by another error measure. Rank again.');
  return { offset, divisor };
}
