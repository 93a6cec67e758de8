/**
 * Shrinkage of a covariance towards equal variances in all directions (Ledoit & Wolf 2004). There are often fewer training images than dimensions, and then a
 * covariance cannot be inverted without it.
 */

/** Minimum shrinkage: a direction without variance among the training images keeps some, since another image may differ in it. */
const minShare = 1e-4;

/**
 * Shrinks a covariance [width, width] in place. It may also be the Gram matrix of the same data, which has the same trace; `size` is the number of dimensions.
 * Returns the variance that it is shrunk towards and the weight of that variance, 0..1.
 */
export function shrink(
  matrix: Float64Array,
  width: number,
  size: number,
  shrinkage: number,
): { level: number; share: number } {
  const level = trace(matrix, width) / size || 1; // the mean variance; 1 if all training images are equal
  const share = Math.max(minShare, shrinkage);
  for (let i = 0; i < matrix.length; i++) matrix[i] *= 1 - share;
  for (let i = 0; i < width; i++) matrix[i * width + i] += share * level;
  return { level, share };
}

function trace(matrix: Float64Array, width: number): number {
  let sum = 0;
  for (let i = 0; i < width; i++) sum += matrix[i * width + i];
  return sum;
}

/**
 * The squared Mahalanobis distance of a training image to the Gaussian of the others, from its squared distance to the Gaussian of all `images` (Sherman &
 * Morrison 1950). `share`: the weight of the shrinkage, which is kept. With one image there are no others: the distance stays as it is.
 */
export const withoutItself = (squared: number, images: number, share: number): number =>
  images < 2
    ? squared
    : ((images / (images - 1)) * squared) / Math.max(1e-6, 1 - ((1 - share) * squared) / (images - 1));

/** The shrinkage, 0..1, with the least expected squared error of the covariance (Ledoit & Wolf 2004). `matrix`: the covariance or the Gram matrix. */
export function ledoitWolf(matrix: Float64Array, fourth: number, images: number, size: number): number {
  const squares = matrix.reduce((sum, value) => sum + value ** 2, 0);
  const dispersion = squares - trace(matrix, Math.sqrt(matrix.length)) ** 2 / size; // squared distance to equal variances
  const noise = Math.min((fourth - squares) / images, dispersion);
  return noise > 0 ? noise / dispersion : 0;
}
