/**
 * Functions of columns, to compare rankings: `percentile(pca.error)`, `agreement(pca.error, padim.error)`, `flagged(pca.error, padim.error)`. A function with its columns is a name like that of a
 * column: in expressions, in orders and in captions of tiles.
 */
import { largestOf, lowerBound, smallestOf, upperBound } from './numbers.ts';

interface ColumnFunction {
  fewestColumns: number;
  mostColumns: number;
  /** What it takes of each column: the percentile of the image, or whether its score is at or above the threshold of the ranking (1 or 0). */
  takes: 'percentile' | 'flag';
  of(values: readonly number[]): number;
}

export const columnFunctions: Readonly<Record<string, ColumnFunction>> = {
  percentile: { fewestColumns: 1, mostColumns: 1, takes: 'percentile', of: ([percentile]) => percentile },
  /** All rankings place the image at least this high. */
  agreement: {
    fewestColumns: 2,
    mostColumns: Infinity,
    takes: 'percentile',
    of: (percentiles) => smallestOf(percentiles),
  },
  /** How far apart the rankings place the image. */
  disagreement: {
    fewestColumns: 2,
    mostColumns: Infinity,
    takes: 'percentile',
    of: (percentiles) => largestOf(percentiles) - smallestOf(percentiles),
  },
  /** How many of the rankings flag the image: of two, 2 if they agree that it is anomalous, 1 if they disagree. */
  flagged: {
    fewestColumns: 1,
    mostColumns: Infinity,
    takes: 'flag',
    of: (flags) => flags.reduce((count, flag) => count + flag, 0),
  },
};

/** The name of a function with its columns: `agreement(pca-1.error, padim-1.error)`. */
export const callOf = (name: string, columns: readonly string[]): string => `${name}(${columns.join(', ')})`;

/** The function and the columns of such a name; null if it is another name, or if the function takes another number of columns. */
export function parseCall(
  name: string,
): (Pick<ColumnFunction, 'of' | 'takes'> & { columns: readonly string[] }) | null {
  const [, called, list] = /^([^()]+)\((.*)\)$/.exec(name) ?? [];
  if (called === undefined || !Object.hasOwn(columnFunctions, called)) return null;
  const { of, takes, fewestColumns, mostColumns } = columnFunctions[called];
  const columns = list.split(',').map((column) => column.trim());
  return columns.length >= fewestColumns && columns.length <= mostColumns ? { of, takes, columns } : null;
}

/** Values of each column, sorted; a changed column has a new array. */
const sortedValues = new WeakMap<Float64Array, Float64Array>();

/**
 * `values` by sample id. The percentile of each image in a column, 0 to 1: the share of the images whose value is lower, where equal values, its own too, count half. NaN without a
 * value.
 */
export function percentileReader(values: Float64Array): (id: number) => number {
  let sorted = sortedValues.get(values);
  if (!sorted) sortedValues.set(values, (sorted = values.filter((value) => !Number.isNaN(value)).sort()));
  const known = sorted;
  return (id) => {
    const value = values[id];
    return value === undefined || Number.isNaN(value)
      ? NaN
      : (lowerBound(known, value) + upperBound(known, value)) / 2 / known.length;
  };
}

/** 1 for an image whose value is at or above the threshold, else 0; NaN without a value. */
export const flagReader =
  (values: Float64Array, threshold: number) =>
  (id: number): number => {
    const value = values[id] ?? NaN;
    return Number.isNaN(value) ? NaN : Number(value >= threshold);
  };
