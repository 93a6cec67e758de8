/**
 * Every number of a code in its own unit of spread, so that no one number decides alone who is near whom: what a network's codes are
 * measured in is chance, and the first principal component of photographs is mostly how bright they are.
 */

export interface Scale {
  mean: Float64Array;
  factor: Float64Array;
}

/** Below this share of the largest spread a number is taken for noise and not blown up to a full unit. */
const leastShare = 1e-3;

export function scaleOf(codes: Float32Array, size: number): Scale {
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
