/**
 * Correction for how busy an image is. Reconstruction error rises with texture and detail whether or not they are unusual; this compares an
 * image's error with what the training images of like entropy have. It only re-ranks: the error maps stay as they are.
 */
import { quantileOf } from './error-map.ts';

/**
 * Robust z-score of the log error among the training images of most similar entropy (their median and median absolute deviation).
 * With few training images the neighbours are all of them, and the order is that of the error.
 */
export function relativeToEntropy(
  errors: ArrayLike<number>,
  entropies: ArrayLike<number>,
  train: ArrayLike<number>,
): Float64Array {
  const logs = Float64Array.from(errors, (e) => Math.log(Math.max(e, 1e-12)));
  const reference = Array.from(train).sort((i, j) => entropies[i] - entropies[j]);
  const neighbours = Math.min(reference.length, Math.max(31, Math.min(301, Math.round(reference.length / 10))));
  const spreadOfAll = deviation(Float64Array.from(reference, (i) => logs[i]).sort());
  return logs.map((log, sample) => {
    const place = placeOf(reference, entropies, entropies[sample]);
    const from = Math.min(reference.length - neighbours, Math.max(0, place - (neighbours >> 1)));
    const near = Float64Array.from(reference.slice(from, from + neighbours), (i) => logs[i]).sort();
    // Half of the spread comes from the whole set: thirty neighbours alone estimate it badly.
    const spread = (deviation(near) + spreadOfAll) / 2;
    return (log - quantileOf(near, 0.5)) / (spread + 1e-3);
  });
}

/** First place in `reference`, which rises in entropy, that is not below `entropy`. */
function placeOf(reference: readonly number[], entropies: ArrayLike<number>, entropy: number): number {
  let [low, high] = [0, reference.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (entropies[reference[middle]] < entropy) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Median absolute deviation, scaled to the standard deviation of a normal distribution. */
function deviation(sorted: Float64Array): number {
  const median = quantileOf(sorted, 0.5);
  return 1.4826 * quantileOf(Float64Array.from(sorted, (v) => Math.abs(v - median)).sort(), 0.5);
}
