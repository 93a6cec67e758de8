/**
 * Exact nearest neighbours by brute force: deterministic, and with matrix products in blocks fast enough for a hundred thousand images and a few thousand
 * landmarks.
 */
import type { Tensor2D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { readBack } from '../read-back.ts';

export interface Neighbours {
  /** Number of neighbours of each row. */
  k: number;
  indices: Int32Array; // [rows, k] nearest first
  distances: Float32Array; // [rows, k]
}

/** Distances by matrix products are inaccurate for very near rows: so some more candidates are found, and sorted by their exact distances. */
const spare = 4;
/** Maximum number of distances in memory. */
const blockCells = 2 ** 22;

export interface NeighbourIndex {
  /** The `k` nearest neighbours of each of `rows` [n, size], or all if there are fewer than `k`; of equally near ones, the first. */
  nearest(
    rows: Float32Array,
    k: number,
    yieldToEventLoop: () => Promise<void>,
    onDone?: (done: number) => void,
  ): Promise<Neighbours>;
  dispose(): void;
}

/** Uploads `among` [others, size] to the device, for several searches. */
export function indexRows(among: Float32Array, size: number): NeighbourIndex {
  const others = among.length / size;
  const stored = tf.tensor2d(among, [others, size]);
  const lengths = tf.tidy(() => tf.sum(tf.square(stored), 1)); // [others]
  const block = Math.max(1, Math.min(4096, Math.floor(blockCells / others)));
  return {
    async nearest(rows, k, yieldToEventLoop, onDone = () => undefined) {
      const count = rows.length / size;
      const kept = Math.min(k, others);
      const wanted = Math.min(kept + spare, others);
      const result: Neighbours = {
        k: kept,
        indices: new Int32Array(count * kept),
        distances: new Float32Array(count * kept),
      };
      for (let from = 0; from < count; from += block) {
        await yieldToEventLoop();
        const here = Math.min(block, count - from);
        const found = tf.tidy(() => {
          const x = tf.tensor2d(rows.subarray(from * size, (from + here) * size), [here, size]);
          // −|x − y|² without |x|², which is the same for all y.
          const nearness = tf.sub(tf.mul(tf.matMul(x, stored as Tensor2D, false, true), 2), lengths); // [here, others]
          return tf.topk(nearness, wanted).indices; // [here, wanted]
        });
        const candidates = await readBack<'int32'>(found);
        for (let i = 0; i < here; i++) {
          const pairs = Array.from(candidates.subarray(i * wanted, (i + 1) * wanted), (index) => ({
            index,
            distance: distanceOf(rows, from + i, among, index, size),
          }));
          pairs.sort((a, b) => a.distance - b.distance || a.index - b.index);
          for (let j = 0; j < kept; j++) {
            result.indices[(from + i) * kept + j] = pairs[j].index;
            result.distances[(from + i) * kept + j] = pairs[j].distance;
          }
        }
        onDone(from + here);
      }
      return result;
    },
    dispose: () => tf.dispose([stored, lengths]),
  };
}

/** A single search: the `k` nearest rows of `among` to each of `rows`. */
export async function nearest(
  rows: Float32Array,
  among: Float32Array,
  size: number,
  k: number,
  yieldToEventLoop: () => Promise<void>,
  onDone?: (done: number) => void,
): Promise<Neighbours> {
  const index = indexRows(among, size);
  try {
    return await index.nearest(rows, k, yieldToEventLoop, onDone);
  } finally {
    index.dispose();
  }
}

function distanceOf(a: Float32Array, i: number, b: Float32Array, j: number, size: number): number {
  let sum = 0;
  for (let d = 0; d < size; d++) sum += (a[i * size + d] - b[j * size + d]) ** 2;
  return Math.sqrt(sum);
}
