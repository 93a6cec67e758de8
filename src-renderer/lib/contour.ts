/** A surface over two parameters as a picture: places on its axes from 0 to 1, and its ticks. */
import { largestOf, smallestOf } from '../../src-main/contract/numbers.ts';
import type { SurrogateAxis } from '../../src-main/contract/search.ts';
import { valueText } from '../../src-main/contract/space.ts';

/** Where a value of the axis is, 0..1 from its start; categories are bands of the same width. */
export function placeAlong({ domain }: Pick<SurrogateAxis, 'domain'>, value: number): number {
  if (domain.type === 'categorical') return (value + 0.5) / domain.choices.length;
  const { low, high, log } = domain;
  return log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
}

/** Labels: all categories, or both ends and the middle. */
export function endsOf({ domain }: Pick<SurrogateAxis, 'domain'>): { at: number; text: string }[] {
  if (domain.type === 'categorical')
    return domain.choices.map((choice, i) => ({ at: (i + 0.5) / domain.choices.length, text: valueText(choice) }));
  const { low, high, log } = domain;
  const middle = log ? Math.sqrt(low * high) : (low + high) / 2;
  return [
    { at: 0, text: valueText(low) },
    { at: 0.5, text: valueText(Number(middle.toPrecision(2))) },
    { at: 1, text: valueText(high) },
  ];
}

/**
 * Values as they are painted: rows from the top, so the second axis is turned around, and columns along the first; scaled to 0..1. The surface is row-major with the
 * first axis outermost.
 */
export function pictureOf(surface: readonly number[], columns: number, rows: number) {
  const [low, high] = [smallestOf(surface), largestOf(surface)];
  const values = new Float32Array(columns * rows);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      values[row * columns + column] = (surface[column * rows + (rows - 1 - row)] - low) / (high - low || 1);
  return { values, low, high };
}
