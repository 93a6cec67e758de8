/** Images that are each other's nearest by their embeddings: pairs that are worth a look at their pixels. */
import { pace } from '../pace.ts';
import type { PairsArgs } from '../protocol.ts';
import { nearest } from './neighbours.ts';
import { readFloats } from '../../rows/row-reader.ts';

/** Positions two by two, the first the smaller: each image with up to `k` others whose likeness (cosine) is at least `least`. */
export async function alikePairs({ embeddings, width, k, least }: PairsArgs, signal: AbortSignal): Promise<Int32Array> {
  const directions = readFloats(embeddings, width);
  for (let at = 0; at < directions.length; at += width) {
    let squares = 0;
    for (let d = 0; d < width; d++) squares += directions[at + d] ** 2;
    const scale = 1 / (Math.sqrt(squares) || 1);
    for (let d = 0; d < width; d++) directions[at + d] *= scale;
  }
  const { k: found, indices, distances } = await nearest(directions, directions, width, k + 1, pace(signal));
  const farthest = Math.sqrt(2 - 2 * least);
  const pairs = new Set<number>();
  const count = embeddings.rows.length;
  for (let row = 0; row < count; row++) {
    for (let j = 0; j < found; j++) {
      const other = indices[row * found + j];
      if (other !== row && distances[row * found + j] <= farthest)
        pairs.add(Math.min(row, other) * count + Math.max(row, other));
    }
  }
  return Int32Array.from([...pairs].flatMap((pair) => [Math.floor(pair / count), pair % count]));
}
