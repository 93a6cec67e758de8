/** Feature maps of an image: one channel, how active it is, and a place in it. */
import type { Arrays, Values } from '../../src-main/contract/arrays.ts';
import type { FeatureMaps } from '../../src-main/contract/inside.ts';
import { clamp } from '../../src-main/contract/numbers.ts';
import type { Box } from '../../src-main/contract/unlike.ts';

type Maps = Arrays<FeatureMaps>;

/** [rows, columns] of one channel. */
export function mapOf({ header: { rows, columns }, arrays }: Maps, unit: number): Values {
  return arrays.maps.subarray(unit * rows * columns, (unit + 1) * rows * columns);
}

/** The mean magnitude of a channel over its places, and its largest value. */
export function activityOf(maps: Maps, unit: number): { mean: number; max: number } {
  const values = mapOf(maps, unit);
  let [sum, max] = [0, -Infinity];
  for (const value of values) {
    sum += Math.abs(value);
    max = Math.max(max, value);
  }
  return { mean: sum / values.length, max };
}

export function unitsByActivity(maps: Maps, by: 'activity' | 'number'): number[] {
  const units = Array.from({ length: maps.header.channels }, (_, unit) => unit);
  if (by === 'number') return units;
  const means = units.map((unit) => activityOf(maps, unit).mean);
  return units.sort((a, b) => means[b] - means[a] || a - b);
}

/** The value at a place, which is in fractions of the map, and its cell. */
export function atPlace(
  maps: Maps,
  unit: number,
  x: number,
  y: number,
): { row: number; column: number; value: number; cell: Box } {
  const { rows, columns } = maps.header;
  const [row, column] = [clamp(Math.floor(y * rows), 0, rows - 1), clamp(Math.floor(x * columns), 0, columns - 1)];
  return {
    row,
    column,
    value: mapOf(maps, unit)[row * columns + column],
    cell: { x: column / columns, y: row / rows, width: 1 / columns, height: 1 / rows },
  };
}
