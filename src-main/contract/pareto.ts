/** The tail of a distribution: what exceeds a high threshold follows a generalised Pareto distribution (Coles 2001, chapter 4). */
import { meanOf, sumOf } from './numbers.ts';

/** `shape` > 0: heavy tail; 0: exponential; < 0: the tail ends at `-scale / shape`. */
export interface Pareto {
  scale: number;
  shape: number;
}

/**
 * Fits the distribution to excesses over a threshold, ascending, by probability-weighted moments: stable for 20 to 200 excesses, where maximum likelihood
 * often does not converge (Hosking & Wallis 1987). Null if they do not vary.
 */
export function fitPareto(excesses: ArrayLike<number>): Pareto | null {
  const n = excesses.length;
  const mean = meanOf(excesses);
  const weighted = sumOf(Array.from({ length: n }, (_, i) => (1 - (i + 0.65) / n) * excesses[i])) / n; // plotting position (i - 0.35) / n
  const spread = mean - 2 * weighted;
  if (!(excesses[n - 1] > excesses[0]) || !(spread > 1e-9 * mean)) return null;
  return { scale: (2 * mean * weighted) / spread, shape: 2 - mean / spread };
}

/** The excess that a fraction `share` (0 to 1) of the excesses exceeds. */
export const excessAt = ({ scale, shape }: Pareto, share: number): number =>
  Math.abs(shape) < 1e-6 ? -scale * Math.log(share) : (scale / shape) * (share ** -shape - 1);
