/** Nearest rows by Euclidean distance, and the selection of rows that cover all others: our own kernels on the CPU, otherwise tfjs ops and loops. */
import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { readBack, valuesOf } from '../read-back.ts';
import { owner, ownAttributes } from './native.ts';

/** Maximum number of distances in memory, without our own kernel. */
const blockCells = 2 ** 22;

/**
 * The nearest row of y [k, d] for each row of x [n, d]: the squared distances [n] and the rows [n]. Rows `skip[0]` to `skip[1]` − 1 of y do not count; if no other is
 * left, the distance is infinite.
 */
export async function nearestRows(
  x: Tensor2D,
  y: Tensor2D,
  skip: readonly [number, number] = [0, 0],
): Promise<{ distances: Float32Array; rows: Int32Array }> {
  const backend = owner('WinnowNearestRows');
  if (backend) {
    const [distances, rows] = tf.tidy(() =>
      backend.executeMultipleOutputs('WinnowNearestRows', [], [x, y, tf.tensor1d([...skip], 'int32')], 2),
    );
    return { distances: await readBack(distances), rows: await readBack<'int32'>(rows) };
  }
  const [n, d] = x.shape;
  const k = y.shape[0];
  const out = { distances: new Float32Array(n), rows: new Int32Array(n) };
  const isSkipped = Float32Array.from({ length: k }, (_, i) => (i >= skip[0] && i < skip[1] ? 1e30 : 0));
  const block = Math.max(1, Math.floor(blockCells / k));
  for (let from = 0; from < n; from += block) {
    const count = Math.min(block, n - from);
    const [rows, distances] = tf.tidy((): Tensor[] => {
      const here = tf.slice2d(x, [from, 0], [count, d]);
      const half = tf.add(tf.mul(tf.sum(tf.square(y), 1), 0.5), isSkipped) as Tensor1D;
      const nearest = tf.argMax(tf.sub(tf.matMul(here, y, false, true), half), 1);
      return [nearest, tf.sum(tf.square(tf.sub(here, tf.gather(y, nearest as Tensor1D))), 1)];
    });
    out.rows.set(await readBack<'int32'>(rows), from);
    out.distances.set(await readBack(distances), from);
  }
  if (skip[1] - skip[0] >= k) out.distances.fill(Infinity);
  return out;
}

/** The distance of each row of x [n, d] to its nearest row of y [k, d], as one graph of tfjs ops for export: [n]. It holds n · k distances. */
export const nearestDistances = (x: Tensor2D, y: Tensor2D): Tensor1D =>
  tf.tidy(() => {
    // |x − y|² = |x|² + |y|² − 2 x·y
    const squares = tf.add(
      tf.add(tf.mul(tf.matMul(x, y, false, true), -2), tf.sum(tf.square(y), 1)),
      tf.sum(tf.square(x), 1, true),
    );
    return tf.sqrt(tf.relu(tf.min(squares, 1))) as Tensor1D;
  });

/**
 * Chooses `count` of the rows of `points` [n, d] so that the largest distance of a row to its nearest chosen row is small: each is the one farthest from those before
 * it (greedy k-centre; Gonzalez 1985). `first`: the first row. Returns positions in the order of choice.
 */
export async function farthestRows(
  points: Tensor2D,
  count: number,
  first: number,
  yieldToEventLoop: () => Promise<void>,
  onDone: (done: number) => void = () => undefined,
): Promise<Int32Array> {
  const [n, d] = points.shape;
  const chosen = new Int32Array(Math.min(count, n));
  const step = 100;
  const backend = owner('WinnowFarthestRows');
  if (backend) {
    let [nearest, next]: Tensor[] = [tf.fill([n], 1e30), tf.tensor1d([first], 'int32')];
    for (let done = 0; done < chosen.length; done += step) {
      const here = Math.min(step, chosen.length - done);
      const [rows, after, then] = backend.executeMultipleOutputs(
        'WinnowFarthestRows',
        ownAttributes(backend, { count: here }),
        [points, nearest, next],
        3,
      );
      tf.dispose([nearest, next]);
      [nearest, next] = [after, then];
      chosen.set(await readBack<'int32'>(rows), done);
      onDone(done + here);
      try {
        await yieldToEventLoop();
      } catch (error) {
        tf.dispose([nearest, next]);
        throw error;
      }
    }
    tf.dispose([nearest, next]);
    return chosen;
  }
  const values = await valuesOf(points);
  const nearest = new Float32Array(n).fill(1e30);
  let current = first;
  for (let done = 0; done < chosen.length; done++) {
    chosen[done] = current;
    let [farthest, most] = [0, -1];
    for (let row = 0; row < n; row++) {
      let sum = 0;
      for (let l = 0; l < d; l++) sum += (values[row * d + l] - values[current * d + l]) ** 2;
      if (sum < nearest[row]) nearest[row] = sum;
      if (nearest[row] > most) [farthest, most] = [row, nearest[row]];
    }
    current = farthest;
    if (done % step === step - 1) {
      onDone(done + 1);
      await yieldToEventLoop();
    }
  }
  onDone(chosen.length);
  return chosen;
}
