/** The background of a map without sign: the values that most places have. Subtracted, the evidence stands out. */
import { z } from 'zod';
import { largestOf, smallestOf } from '../../../contract/numbers.ts';

export const backgroundParameter = z
  .enum(['subtract', 'keep'])
  .default('subtract')
  .describe(
    'subtract: values up to the background level become 0 (by Otsu’s threshold); keep: the values of the publication.',
  )
  .meta({ title: 'Background' });

const bins = 256;

/** Otsu's threshold (1979): it divides the values into two classes with the least variance within them. */
export function otsu(values: Float32Array): number {
  const [low, high] = [smallestOf(values), largestOf(values)];
  if (!(high > low)) return low;
  const counts = new Float64Array(bins);
  for (const value of values) counts[Math.min(bins - 1, Math.floor(((value - low) / (high - low)) * bins))]++;
  const total = values.length;
  const sum = counts.reduce((all, count, i) => all + count * i, 0);
  let [best, at, below, sumBelow] = [-1, 0, 0, 0];
  for (let i = 0; i < bins - 1; i++) {
    below += counts[i];
    sumBelow += counts[i] * i;
    if (!below || below === total) continue;
    const difference = sumBelow / below - (sum - sumBelow) / (total - below);
    const between = below * (total - below) * difference * difference;
    if (between > best) [best, at] = [between, i];
  }
  return low + ((at + 1) / bins) * (high - low);
}

/** The values above the background level, by their absolute value: smaller ones become 0, the others move towards 0 by it. */
export function aboveBackground(values: Float32Array, background: 'subtract' | 'keep'): Float32Array {
  if (background === 'keep') return values;
  const floor = otsu(values.map(Math.abs));
  return values.map((value) => Math.sign(value) * Math.max(0, Math.abs(value) - floor));
}
