/**
 * Correction for how busy an image is. Reconstruction error rises with texture and detail whether or not they are unusual; this compares an
 * image's error with what the training images of similar entropy have. It only re-ranks: the error maps stay as they are.
 */
import { clamp, partitionPoint } from '../../contract/numbers.ts';
import { medianAbsoluteDeviation, medianOf } from '../../contract/statistics.ts';

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
  const neighbours = Math.min(reference.length, clamp(Math.round(reference.length / 10), 31, 301));
  const spreadOfAll = medianAbsoluteDeviation(Float64Array.from(reference, (i) => logs[i]).sort());
  return logs.map((log, sample) => {
    const place = partitionPoint(reference.length, (i) => entropies[reference[i]] < entropies[sample]);
    const from = Math.min(reference.length - neighbours, Math.max(0, place - (neighbours >> 1)));
    const near = Float64Array.from(reference.slice(from, from + neighbours), (i) => logs[i]).sort();
    // Half of the spread comes from the whole set: thirty neighbours alone estimate it badly.
    const spread = (medianAbsoluteDeviation(near) + spreadOfAll) / 2;
    return (log - medianOf(near)) / (spread + 1e-3);
  });
}
