/**
 * Functions drawn from the posterior of a Gaussian process (Wilson et al. 2021): a draw from the prior by random Fourier features (Rahimi & Recht 2007), corrected by what the observations say
 * about it (Matheron's rule). The spectrum of the Matérn 5/2 kernel is a t distribution of 5 degrees of freedom; an axis of categories is one-hot, as the kernel sees it.
 */
import { fillNormal, type Random } from '../random.ts';
import type { GaussianProcess } from './gaussian-process.ts';
import type { Kernel } from './kernel.ts';
import { applyInverse } from './marginal-likelihood.ts';

const features = 400;
/** Draws that share their features; others even out the error of few features. */
const drawsPerBasis = 10;
const degrees = 5;

/** The values [draws][points] of as many drawn functions at the points, given by their coordinates. */
export function drawAtPoints(
  process: GaussianProcess,
  points: readonly Float64Array[],
  draws: number,
  next: Random,
): Float64Array[] {
  const covariances = points.map((point) => process.covariances(point));
  const out: Float64Array[] = [];
  while (out.length < draws) {
    const batch = Math.min(drawsPerBasis, draws - out.length);
    for (const values of drawWithOneBasis(process, points, covariances, batch, next)) out.push(values);
  }
  return out;
}

function drawWithOneBasis(
  { observations, alpha, half, noise, kernel }: GaussianProcess,
  points: readonly Float64Array[],
  covariances: readonly Float64Array[],
  draws: number,
  next: Random,
): Float64Array[] {
  const d = observations.isCategory.length;
  const n = observations.y.length;
  const basisOf = fourierBasis(kernel, next);
  const rows = Array.from({ length: n }, (_, i) => basisOf(observations.x.subarray(i * d, (i + 1) * d)));
  const bases = points.map(basisOf);
  return Array.from({ length: draws }, () => {
    const weights = fillNormal(new Float64Array(features), next);
    const error = fillNormal(new Float64Array(n), next, Math.sqrt(noise));
    // What the observations would be under the draw; the rest corrects it.
    const drawn = error.map((e, i) => e + dot(rows[i], weights));
    const byDraw = applyInverse(half, drawn);
    const correction = alpha.map((a, i) => a - byDraw[i]);
    return Float64Array.from(bases, (basis, i) => dot(basis, weights) + dot(covariances[i], correction));
  });
}

/** A function from coordinates to features [400], whose products have the kernel as their mean. */
function fourierBasis(
  { isCategory, lengthScales, amplitude }: Kernel,
  next: Random,
): (x: Float64Array) => Float64Array {
  const shrink = Float64Array.from({ length: features }, () => {
    const normals = fillNormal(new Float64Array(degrees), next);
    return Math.sqrt(degrees / dot(normals, normals));
  });
  const phase = Float64Array.from({ length: features }, () => 2 * Math.PI * next());
  const scale = Math.sqrt((2 * amplitude) / features);
  /** By axis and category: frequencies [400]. Numbers have one. */
  const known = isCategory.map(() => new Map<number, Float64Array>());
  const frequencies = (axis: number, category: number): Float64Array => {
    let found = known[axis].get(category);
    if (!found) {
      const spread = 1 / (lengthScales[axis] * (isCategory[axis] ? Math.SQRT2 : 1));
      found = fillNormal(new Float64Array(features), next, spread).map((z, i) => z * shrink[i]);
      known[axis].set(category, found);
    }
    return found;
  };
  return (x) => {
    const angle = phase.slice();
    for (let axis = 0; axis < x.length; axis++) {
      const [by, factor] = isCategory[axis] ? [frequencies(axis, x[axis]), 1] : [frequencies(axis, 0), x[axis]];
      for (let f = 0; f < features; f++) angle[f] += factor * by[f];
    }
    return angle.map((a) => scale * Math.cos(a));
  };
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
