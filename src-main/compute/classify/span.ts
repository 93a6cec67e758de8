/**
 * Fewer coordinates for a fit with fewer images than numbers per embedding. The weights of a linear model with an L2 penalty are a sum of its training rows
 * (Kimeldorf & Wahba 1971), so the rows are written in an orthonormal basis of what they span. Lengths and angles stay the same, and with them the minimum and
 * the steps of L-BFGS; each step takes a fraction of the time. The basis is from a Cholesky factor with pivots of the Gram matrix (Higham 1990).
 */
import { tf } from '../backend.ts';
import { readBack } from '../read-back.ts';

export interface Span {
  /** The rows in the new coordinates, [rows, width]. */
  values: Float32Array;
  width: number;
  /** Converts weights [width + 1, outputs], with the bias in the last row, to the original coordinates: [size + 1, outputs]. */
  original(weights: Float64Array, outputs: number): Float64Array;
}

/** With more rows than this fraction of the size, the new coordinates are hardly fewer, and cost more than they save. */
const mostRows = 0.5;
/** A row whose squared distance to the span of the others is at most this fraction of the largest squared length adds no coordinate: float32 does not resolve it. */
const resolution = 1e-6;

/** `x`: [rows, size]. */
export async function spanOf(x: Float32Array, size: number, yieldToEventLoop: () => Promise<void>): Promise<Span> {
  const count = x.length / size;
  if (count > mostRows * size) return { values: x, width: size, original: (weights) => weights };
  const gram = await readBack(
    tf.tidy(() => {
      const rows = tf.tensor2d(x, [count, size]);
      return tf.matMul(rows, rows, false, true);
    }),
  );
  const { factor, pivots } = await pivotedCholesky(gram, count, yieldToEventLoop);
  const width = pivots.length;
  const values = new Float32Array(count * width);
  for (let i = 0; i < count; i++) for (let k = 0; k < width; k++) values[i * width + k] = factor[k][i];
  return { values, width, original };

  /** The basis is the inverse of the factor's triangle times the pivot rows, so the weights are solved backwards for their shares of these rows. */
  function original(weights: Float64Array, outputs: number): Float64Array {
    const shares = weights.slice(0, width * outputs);
    for (let k = width - 1; k >= 0; k--) {
      for (let c = 0; c < outputs; c++) {
        let sum = shares[k * outputs + c];
        for (let j = k + 1; j < width; j++) sum -= factor[k][pivots[j]] * shares[j * outputs + c];
        shares[k * outputs + c] = sum / factor[k][pivots[k]];
      }
    }
    const all = new Float64Array((size + 1) * outputs);
    pivots.forEach((row, k) => {
      for (let d = 0; d < size; d++)
        for (let c = 0; c < outputs; c++) all[d * outputs + c] += x[row * size + d] * shares[k * outputs + c];
    });
    all.set(weights.subarray(width * outputs), size * outputs);
    return all;
  }
}

/** Columns of the factor, each with a value per row, and the row that each column was made of. As many as the matrix has rank. */
async function pivotedCholesky(
  gram: Float32Array,
  n: number,
  yieldToEventLoop: () => Promise<void>,
): Promise<{ factor: Float64Array[]; pivots: number[] }> {
  const left = Float64Array.from({ length: n }, (_, i) => gram[i * n + i]);
  const least = resolution * left.reduce((a, b) => Math.max(a, b), 0);
  const factor: Float64Array[] = [];
  const pivots: number[] = [];
  while (pivots.length < n) {
    await yieldToEventLoop();
    let pivot = 0;
    for (let i = 1; i < n; i++) if (left[i] > left[pivot]) pivot = i;
    if (!(left[pivot] > least)) break;
    const column = Float64Array.from(gram.subarray(pivot * n, (pivot + 1) * n));
    for (const earlier of factor) {
      const by = earlier[pivot];
      for (let i = 0; i < n; i++) column[i] -= by * earlier[i];
    }
    const length = Math.sqrt(left[pivot]);
    for (let i = 0; i < n; i++) column[i] /= length;
    for (const done of pivots) column[done] = 0;
    column[pivot] = length;
    for (let i = 0; i < n; i++) left[i] -= column[i] ** 2;
    left[pivot] = 0;
    factor.push(column);
    pivots.push(pivot);
  }
  return { factor, pivots };
}
