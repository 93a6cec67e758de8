/**
 * Every number of a code in its own unit of spread, so that no one number decides alone who is near whom: what a network's codes are
 * measured in is chance, and the first principal component of photographs is mostly how bright they are.
 */

export interface Scale {
  mean: Float64Array;
  factor: Float64Array;
}

/** A standard deviation below this share of the largest one is raised to it: such a number is noise and must not become as large as the others. */
const leastShare = 1e-3;

/**
 * Mean and 1 / standard deviation of each number (population variance), the deviation at least `leastShare` of the largest. This one is for distances between
 * codes. The heads of classifiers have their own, `scaleDroppingConstants`: a regularised fit learns by itself how much a number with little spread
 * tells, so there is no floor, and only constant numbers are dropped. Their results are stored, so the two also keep their own order of sums and precision.
 */
export function scaleWithFloor(codes: Float32Array, size: number): Scale {
  const count = codes.length / size;
  const mean = new Float64Array(size);
  const variance = new Float64Array(size);
  for (let i = 0; i < codes.length; i++) mean[i % size] += codes[i] / count;
  for (let i = 0; i < codes.length; i++) variance[i % size] += (codes[i] - mean[i % size]) ** 2 / count;
  const least = leastShare * Math.sqrt(variance.reduce((a, b) => Math.max(a, b), 0));
  return { mean, factor: variance.map((v) => 1 / (Math.max(Math.sqrt(v), least) || 1)) };
}

export function standardise(codes: Float32Array, size: number, { mean, factor }: Scale): Float32Array<ArrayBuffer> {
  const out = new Float32Array(codes.length);
  for (let i = 0; i < codes.length; i++) out[i] = (codes[i] - mean[i % size]) * factor[i % size];
  return out;
}
