/** Small functions on numbers and ordered lists, for the engine and the page alike. */

/** The largest of any number of values; `least` if there are none. `Math.max(...values)` overflows the stack from about 120,000 values on. */
export function largestOf(values: Iterable<number>, least = -Infinity): number {
  let most = least;
  for (const value of values) most = Math.max(most, value);
  return most;
}

/** The smallest of any number of values; `most` if there are none. */
export function smallestOf(values: Iterable<number>, most = Infinity): number {
  let least = most;
  for (const value of values) least = Math.min(least, value);
  return least;
}

/** The sum, added from first to last in double precision; 0 if there are no values. */
export function sumOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum;
}

/** Arithmetic mean; NaN if there are no values. */
export const meanOf = (values: ArrayLike<number>): number => sumOf(values) / values.length;

/** `value`, limited to the bounds; `low` if the bounds cross. NaN stays NaN. */
export const clamp = (value: number, low: number, high: number): number => Math.max(low, Math.min(high, value));

/** The first index from 0 to `length` where `isBefore` no longer holds, by binary search. It must hold up to some index and nowhere after. */
export function partitionPoint(length: number, isBefore: (index: number) => boolean): number {
  let [low, high] = [0, length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBefore(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The first index of an ascending list whose value is at least `value` (NumPy's `searchsorted`, side 'left'). */
export const lowerBound = (sorted: ArrayLike<number>, value: number): number =>
  partitionPoint(sorted.length, (i) => sorted[i] < value);

/** The first index of an ascending list whose value is above `value` (`searchsorted`, side 'right'). */
export const upperBound = (sorted: ArrayLike<number>, value: number): number =>
  partitionPoint(sorted.length, (i) => sorted[i] <= value);
