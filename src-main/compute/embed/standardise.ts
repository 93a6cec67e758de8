/**
 * Standardises codes: each dimension gets mean 0 and deviation 1, so that none dominates the distances. The scales of a network's codes are arbitrary, and the first
 * principal component of photographs is mostly their brightness.
 */

export interface Scale {
  mean: Float64Array;
  factor: Float64Array;
}

/** A standard deviation below this fraction of the largest one is raised to it: such a dimension is noise and must not become as large as the others. */
const minFraction = 1e-3;

/**
 * Mean and 1 / standard deviation of each dimension of `codes` [n, size] (population variance); the deviation is at least `minFraction` of the largest. This
 * scale is for distances between codes. The heads of classifiers use `scaleDroppingConstants`: a regularised fit learns the weight of a dimension with
 * little spread itself, so there is no minimum, and only constant dimensions are dropped. Results of both are stored, so each keeps its order of sums and
 * its precision.
 */
export function scaleWithFloor(codes: Float32Array, size: number): Scale {
  const count = codes.length / size;
  const mean = new Float64Array(size);
  const variance = new Float64Array(size);
  for (let i = 0; i < codes.length; i++) mean[i % size] += codes[i] / count;
  for (let i = 0; i < codes.length; i++) variance[i % size] += (codes[i] - mean[i % size]) ** 2 / count;
  const least = minFraction * Math.sqrt(variance.reduce((a, b) => Math.max(a, b), 0));
  return { mean, factor: variance.map((v) => 1 / (Math.max(Math.sqrt(v), least) || 1)) };
}

/** Returns (codes − mean) · factor, in a new array [n, size]. */
export function standardise(codes: Float32Array, size: number, { mean, factor }: Scale): Float32Array<ArrayBuffer> {
  const out = new Float32Array(codes.length);
  for (let i = 0; i < codes.length; i++) out[i] = (codes[i] - mean[i % size]) * factor[i % size];
  return out;
}
