/**
 * Corrections for how busy an image is. Reconstruction error rises with texture and detail whether or not they are unusual; these
 * compare an image's error with what one like it usually has. Both only re-rank: the error maps stay as they are.
 */
import { quantileOf } from './error-map.ts';

/**
 * Robust z-score of the log error among the images of most similar entropy (a running median and median absolute deviation).
 * With few images the neighbours are all of them, and the order is that of the error.
 */
export function relativeToEntropy(errors: ArrayLike<number>, entropies: ArrayLike<number>): Float64Array {
  const n = errors.length;
  const logs = Float64Array.from(errors, (e) => Math.log(Math.max(e, 1e-12)));
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => entropies[i] - entropies[j]);
  const neighbours = Math.min(n, Math.max(31, Math.min(301, Math.round(n / 10))));
  const spreadOfAll = deviation(logs.slice().sort());
  const out = new Float64Array(n);
  order.forEach((sample, place) => {
    const from = Math.min(n - neighbours, Math.max(0, place - (neighbours >> 1)));
    const near = Float64Array.from(order.slice(from, from + neighbours), (i) => logs[i]).sort();
    // Half of the spread comes from the whole set: thirty neighbours alone estimate it badly.
    const spread = (deviation(near) + spreadOfAll) / 2;
    out[sample] = (logs[sample] - quantileOf(near, 0.5)) / (spread + 1e-3);
  });
  return out;
}

/** Log of the error over the error that principal components leave. */
export function relativeToPca(errors: ArrayLike<number>, left: ArrayLike<number>): Float64Array {
  return Float64Array.from(errors, (e, i) => Math.log(Math.max(e, 1e-12) / Math.max(left[i], 1e-12)));
}

/** Median absolute deviation, scaled to the standard deviation of a normal distribution. */
function deviation(sorted: Float64Array): number {
  const median = quantileOf(sorted, 0.5);
  return 1.4826 * quantileOf(Float64Array.from(sorted, (v) => Math.abs(v - median)).sort(), 0.5);
}
