/** Distances of different scorers are compared by their logarithms, in units of the median of normal images. */

/** A smaller deviation of the logarithms is chance. */
export const leastDeviation = 0.02;

/** A score of 0 counts as this fraction of the median, since it has no logarithm. */
export const leastRatio = 1e-6;

/** The logarithm of a score in units of the median. */
export const logRatio = (score: number, median: number): number => Math.log(Math.max(score / median, leastRatio));
