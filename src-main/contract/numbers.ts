/** The largest and the smallest of any number of values. `Math.max(...values)` throws from about 120,000 values on: each is put on the stack. */

/** `least` where there are none. */
export function largestOf(values: Iterable<number>, least = -Infinity): number {
  let most = least;
  for (const value of values) most = Math.max(most, value);
  return most;
}

/** `most` where there are none. */
export function smallestOf(values: Iterable<number>, most = Infinity): number {
  let least = most;
  for (const value of values) least = Math.min(least, value);
  return least;
}
