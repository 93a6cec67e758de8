/** Resizes grids of numbers, such as error maps, for the engine and the page alike. */
import { clamp } from './numbers.ts';

export interface Size {
  width: number;
  height: number;
}

/** The size, reduced to this longest side if it is larger; the aspect ratio is kept, and no side is below 1. */
export function limitedSize({ width, height }: Size, longest: number): Size {
  const factor = Math.min(1, longest / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * factor)), height: Math.max(1, Math.round(height * factor)) };
}

/**
 * Resizes a grid to cover the same area with other numbers of rows and columns: bilinear between the centres of the cells. When it shrinks, each value is a
 * weighted mean of all cells below it, so that no cell is lost (a triangle filter, as `Image.BILINEAR` of Pillow). Values stay within the range of the grid.
 * `values`: [rows, columns]. Returns [toRows, toColumns].
 */
export function resample(
  values: Float32Array,
  rows: number,
  columns: number,
  toRows: number,
  toColumns: number,
): Float32Array {
  const out = new Float32Array(toRows * toColumns);
  let at = 0;
  for (const row of resampledRows(values, rows, columns, toRows, toColumns)) {
    out.set(row, at);
    at += toColumns;
  }
  return out;
}

/** The rows of `resample`, one at a time, for images of many pixels. Each row is overwritten by the next. */
export function* resampledRows(
  values: Float32Array,
  rows: number,
  columns: number,
  toRows: number,
  toColumns: number,
): Generator<Float32Array> {
  const width = toColumns;
  const across = weightsOf(columns, width);
  const wide = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++)
    for (let x = 0; x < width; x++) {
      const { first, weights } = across[x];
      let sum = 0;
      for (let k = 0; k < weights.length; k++) sum += weights[k] * values[row * columns + first + k];
      wide[row * width + x] = sum;
    }
  const out = new Float32Array(width);
  for (const { first, weights } of weightsOf(rows, toRows)) {
    out.fill(0);
    for (let k = 0; k < weights.length; k++) {
      const [weight, from] = [weights[k], (first + k) * width];
      for (let x = 0; x < width; x++) out[x] += weight * wide[from + x];
    }
    yield out;
  }
}

/** For each of `to` positions: the first of the `from` cells that it reads, and the weights of that cell and the next ones. */
function weightsOf(from: number, to: number): { first: number; weights: Float64Array }[] {
  const step = from / to;
  const reach = Math.max(1, step);
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * step;
    const first = clamp(Math.floor(centre - reach + 0.5), 0, from - 1);
    const end = clamp(Math.floor(centre + reach + 0.5), first + 1, from);
    const weights = Float64Array.from({ length: end - first }, (_, k) =>
      Math.max(0, 1 - Math.abs(first + k + 0.5 - centre) / reach),
    );
    const sum = weights.reduce((a, b) => a + b, 0);
    return { first, weights: weights.map((weight) => weight / sum) };
  });
}
