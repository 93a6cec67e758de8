/**
 * Shrinkage of a covariance towards equal variances in all directions (Ledoit & Wolf 2004). There are often fewer training images than dimensions, and then a
 * covariance cannot be inverted without it.
 */

/** Minimum shrinkage: a direction without variance among the training images keeps some, since another image may differ in it. */
export const minShare = 1e-4;

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

export function trace(matrix: Float64Array, width: number): number {
  let sum = 0;
  for (let i = 0; i < width; i++) sum += matrix[i * width + i];
  return sum;
}

/** Products by the inverse covariance: of a centred image y with itself, of y with the centred training image x, and of x with itself. */
export interface Products {
  yy: number;
  xy: number;
  xx: number;
}

/**
 * The squared Mahalanobis distance of y to the Gaussian without the training image x, from products by the Gaussian of all `images` (Sherman & Morrison 1950). y is x
 * itself, or x with a planted defect. `share`: the weight of the shrinkage, which is kept. With one image nothing would be left: y's distance stays as it is.
 */
export function withoutImage({ yy, xy, xx }: Products, images: number, share: number): number {
  if (images < 2) return yy;
  const others = images - 1;
  // Without x the mean moves by x / others, and the covariance loses k · x xᵀ.
  const moved = { yy: yy + (2 * xy) / others + xx / others ** 2, xy: xy + xx / others };
  const k = (1 - share) / others;
  return (others / images) * (moved.yy + (k * moved.xy ** 2) / Math.max(1e-6, 1 - k * xx));
}

/** The shrinkage, 0..1, with the least expected squared error of the covariance (Ledoit & Wolf 2004). `matrix`: the covariance or the Gram matrix. */
export function ledoitWolf(matrix: Float64Array, fourth: number, images: number, size: number): number {
  const squares = matrix.reduce((sum, value) => sum + value ** 2, 0);
  const dispersion = squares - trace(matrix, Math.sqrt(matrix.length)) ** 2 / size; // squared distance to equal variances
  const noise = Math.min((fourth - squares) / images, dispersion);
  return noise > 0 ? noise / dispersion : 0;
}

/**
 * How much larger the mean variance `level` is with a training image than without it, ≥ 1. `length`: its squared distance to the mean. An image that is unlike the others raises
 * the variance that the covariance is shrunk towards, and so makes itself look normal. Where there are fewer images than dimensions, distances
 * rest on that variance, and the squared distance without the image is larger by this factor; with many images it is near 1.
 */
export function levelWithout(level: number | undefined, length: number, images: number, size: number): number {
  if (!level || images < 3) return 1;
  const others = (images * level - ((images / (images - 1)) * length) / size) / (images - 1);
  return Math.max(1, level / Math.max(others, 1e-3 * level));
}
