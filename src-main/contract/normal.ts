/** Tails of the standard normal distribution. */

/** 97.5 % of the distribution are below it: for 95 % intervals. */
export const z = 1.959963984540054;

/** From here on the continued fraction converges faster than the series. */
const seriesUpTo = 2.5;
const maxTerms = 200;

/** The probability of a value above `z`. Relative error below 1e-12 for z ≥ 0; for z < 0, 1 minus the tail of −z. */
export function normalTail(z: number): number {
  if (z < 0) return 1 - normalTail(-z);
  const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
  if (z > seriesUpTo) {
    // Laplace's continued fraction: density / (z + 1/(z + 2/(z + 3/…))).
    let below = z;
    for (let k = maxTerms; k >= 1; k--) below = z + k / below;
    return density / below;
  }
  // Φ(z) − 1/2 = density · (z + z³/3 + z⁵/(3·5) + …) (Marsaglia 2004).
  let [term, sum] = [z, z];
  for (let k = 3; k < maxTerms && term > 1e-17 * sum; k += 2) sum += term *= (z * z) / k;
  return 0.5 - density * sum;
}

/** The two-sided p-value of a statistic that is standard normal if there is no difference. */
export const twoSided = (z: number): number => Math.min(1, 2 * normalTail(Math.abs(z)));
