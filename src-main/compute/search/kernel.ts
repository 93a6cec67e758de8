/**
 * The Matérn 5/2 kernel with one length scale per axis. With r² = Σ (difference / length scale)², k = a·(1 + √5·r + 5/3·r²)·exp(−√5·r). On an axis of categories the difference is
 * 0 or 1 (Hamming); that is the distance of one-hot vectors, so the kernel stays positive definite.
 */
export interface Kernel {
  isCategory: readonly boolean[];
  /** By axis. */
  lengthScales: Float64Array;
  /** Variance of the function. */
  amplitude: number;
}

const root5 = Math.sqrt(5);

/** k / amplitude at the scaled squared distance r². */
export function matern(r2: number): number {
  const s = root5 * Math.sqrt(r2);
  return (1 + s + (5 / 3) * r2) * Math.exp(-s);
}

/** −2 · d(k / amplitude) / d(r²). */
export function maternSlope(r2: number): number {
  const s = root5 * Math.sqrt(r2);
  return (5 / 3) * (1 + s) * Math.exp(-s);
}

/** The squared difference of two coordinates. */
export const squaredDifference = (isCategory: boolean, a: number, b: number): number =>
  isCategory ? Number(a !== b) : (a - b) ** 2;

/** The scaled squared distances from `x` [d] to each row of `rows` [n, d]. */
export function squaredDistances(
  { isCategory, lengthScales }: Kernel,
  x: Float64Array,
  rows: Float64Array,
): Float64Array {
  const d = x.length;
  const weights = lengthScales.map((scale) => scale ** -2);
  const out = new Float64Array(rows.length / d);
  for (let i = 0, at = 0; i < out.length; i++) {
    let sum = 0;
    for (let axis = 0; axis < d; axis++, at++)
      sum += weights[axis] * squaredDifference(isCategory[axis], x[axis], rows[at]);
    out[i] = sum;
  }
  return out;
}
