/** Resizes maps to the grid of others. */
import type { Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { readBack } from '../read-back.ts';
import type { ScoreMaps } from './scorer.ts';

/** Bilinear; [B, rows, columns]. */
export async function resizeMaps(maps: ScoreMaps, rows: number, columns: number): Promise<Float32Array> {
  if (maps.rows === rows && maps.columns === columns) return maps.values;
  const count = maps.values.length / maps.rows / maps.columns;
  return readBack(
    tf.tidy(() => {
      const x: Tensor4D = tf.tensor4d(maps.values, [count, maps.rows, maps.columns, 1]);
      return tf.image.resizeBilinear(x, [rows, columns], false, true);
    }),
  );
}
