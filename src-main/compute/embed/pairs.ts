/** Pairs of images with similar embeddings: further candidates for duplicates, whose pixels are then compared. */
import { readFloats } from '../../rows/row-reader.ts';
import type { RowSet } from '../../rows/row-set.ts';
import { defineCall, type CallContext } from '../call.ts';
import { pace } from '../pace.ts';
import { nearest } from './neighbours.ts';

export interface PairsArgs {
  embeddings: RowSet;
  /** The first `width` numbers of the embeddings are compared. */
  width: number;
  /** Maximum number of pairs per image. */
  k: number;
  /** Least cosine similarity. */
  least: number;
}

/** Pairs of positions, flat: [a₀, b₀, a₁, b₁, …] with a < b. Each image is paired with its `k` nearest others if their cosine similarity is at least `least`. */
export const pairs = defineCall({
  async run({ embeddings, width, k, least }: PairsArgs, { signal }: CallContext): Promise<Int32Array> {
    const directions = readFloats(embeddings, width);
    for (let at = 0; at < directions.length; at += width) {
      let squares = 0;
      for (let d = 0; d < width; d++) squares += directions[at + d] ** 2;
      const scale = 1 / (Math.sqrt(squares) || 1);
      for (let d = 0; d < width; d++) directions[at + d] *= scale;
    }
    const { k: perRow, indices, distances } = await nearest(directions, directions, width, k + 1, pace(signal));
    const farthest = Math.sqrt(2 - 2 * least);
    const found = new Set<number>();
    const count = embeddings.rows.length;
    for (let row = 0; row < count; row++) {
      for (let j = 0; j < perRow; j++) {
        const other = indices[row * perRow + j];
        if (other !== row && distances[row * perRow + j] <= farthest)
          found.add(Math.min(row, other) * count + Math.max(row, other));
      }
    }
    return Int32Array.from([...found].flatMap((pair) => [Math.floor(pair / count), pair % count]));
  },
});
