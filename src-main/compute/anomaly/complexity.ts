/**
 * Correction of scores for complexity (the parameter `complexity: entropy`). The reconstruction error rises with texture and detail, whether or not they are
 * unusual. So the error of an image is compared with the errors of the training images of similar entropy. Only scores are corrected, not error maps.
 */
import { clamp, partitionPoint } from '../../contract/numbers.ts';
import { medianAbsoluteDeviation, medianOf } from '../../contract/statistics.ts';

/**
 * The robust z-score of the log error among the training images of most similar entropy, by their median and median absolute deviation. `errors`, `entropies`:
 * one per image; `train`: positions of the training images. With at most 31 training images all are neighbours, and the order of the errors does not change.
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
    // Half of the spread is that of all training images: thirty neighbours alone are too few to estimate it.
    const spread = (medianAbsoluteDeviation(near) + spreadOfAll) / 2;
    return (log - medianOf(near)) / (spread + 1e-3);
  });
}

/** The training images of a correction: two numbers for each. They are saved with the model. */
export interface Reference {
  errors: Float32Array;
  entropies: Float32Array;
}

export const referenceOf = (errors: ArrayLike<number>, entropies: ArrayLike<number>, train: Int32Array): Reference => ({
  errors: Float32Array.from(train, (i) => errors[i]),
  entropies: Float32Array.from(train, (i) => entropies[i]),
});

const prefix = 'complexity.';

/** The arrays to save, by names that no model has. */
export const savedReference = ({ errors, entropies }: Reference): Record<string, Float32Array> => ({
  [`${prefix}errors`]: errors,
  [`${prefix}entropies`]: entropies,
});

/** Null if the model was saved without them. */
export function readReference(arrays: Readonly<Record<string, Float32Array>>): Reference | null {
  const [errors, entropies] = [arrays[`${prefix}errors`], arrays[`${prefix}entropies`]];
  return errors && entropies ? { errors, entropies } : null;
}

/** The correction of images that are not among the training images. */
export function relativeToReference(errors: Float64Array, entropies: Float64Array, reference: Reference): Float64Array {
  const { length } = errors;
  return relativeToEntropy(
    [...errors, ...reference.errors],
    [...entropies, ...reference.entropies],
    Array.from(reference.errors, (_, i) => length + i),
  ).subarray(0, length);
}
