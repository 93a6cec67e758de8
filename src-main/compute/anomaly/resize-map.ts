/** Resizes maps to the grid of others. */
import type { Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { readBack } from '../read-back.ts';
import type { ScoreMaps } from './scorer.ts';

/** Bilinear, [B, r, c] → [B, rows, columns]. */
export function resized(maps: Tensor3D, rows: number, columns: number): Tensor3D {
  if (maps.shape[1] === rows && maps.shape[2] === columns) return maps;
  const x = tf.expandDims(maps, 3) as Tensor4D;
  return tf.squeeze(tf.image.resizeBilinear(x, [rows, columns], false, true), [3]);
}

/** The same for maps in memory. */
export async function resizeMaps(maps: ScoreMaps, rows: number, columns: number): Promise<Float32Array> {
  if (maps.rows === rows && maps.columns === columns) return maps.values;
  const count = maps.values.length / maps.rows / maps.columns;
  return readBack(tf.tidy(() => resized(tf.tensor3d(maps.values, [count, maps.rows, maps.columns]), rows, columns)));
}
