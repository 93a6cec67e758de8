/** Two classifiers on the same images: whether their accuracies differ. Only images that one of them predicts correctly tell. */
import { binomialAtMost } from '../../contract/binomial.ts';
import { z } from '../../contract/normal.ts';

/** Halvings of the interval: below the resolution of a double. */
const halvings = 60;

/** The exact two-sided McNemar test (1947): the p-value of `gained` against `lost` images if each were equally probable. 1 without any. */
export const mcnemar = (gained: number, lost: number): number =>
  Math.min(1, 2 * binomialAtMost(Math.min(gained, lost), gained + lost, 0.5));

/**
 * The 95 % score interval (Tango 1998) of the difference of two accuracies, (gained − lost) / images. It stays within −1..1, and has a width also if no image was
 * gained or lost. `images` is at least 1.
 */
export function tangoInterval(gained: number, lost: number, images: number): { low: number; high: number } {
  return { low: -limit(lost, gained, images), high: limit(gained, lost, images) };
}

/** The largest difference that the score test does not reject. */
function limit(gained: number, lost: number, n: number): number {
  const difference = (gained - lost) / n;
  let [accepted, rejected] = [difference, 1];
  if (accepted >= 1) return 1;
  for (let i = 0; i < halvings; i++) {
    const middle = (accepted + rejected) / 2;
    if (Math.abs(score(gained, lost, n, middle)) < z) accepted = middle;
    else rejected = middle;
  }
  return (accepted + rejected) / 2;
}

/** The score statistic of the hypothesis that the difference is `delta`, with the most likely probability of a loss under it. */
function score(gained: number, lost: number, n: number, delta: number): number {
  const a = 2 * n;
  const b = (2 * n - gained + lost) * delta - gained - lost;
  const c = -lost * delta * (1 - delta);
  const loss = (Math.sqrt(Math.max(0, b * b - 4 * a * c)) - b) / (2 * a);
  return (gained - lost - n * delta) / Math.sqrt(n * (2 * loss + delta * (1 - delta)));
}
