/** How the units of a layer answer to images: counted image by image, so that memory does not grow with their number. Loads no tensors. */

/** So many images are kept of each unit. */
export const mostKept = 12;
export const leastKept = 6;
/** Numbers of an entry of these lists: value, image, and the place as fractions of the input's width and height. */
export const entrySize = 4;

export interface Tally {
  units: number;
  classes: number;
  /** Of the largest value in an image, [units]. */
  sums: Float64Array;
  max: Float32Array;
  /** Images in which no value is above zero, [units]. */
  silent: Float64Array;
  /** Sum over the images of the fraction of values at a limit of the activation, [units]. */
  saturated: Float64Array;
  /** Sums by class, [units, classes]. */
  byClass: Float64Array;
  /** [units, mostKept, entrySize], the highest first; the image −1 is none. */
  most: Float32Array;
  /** [units, leastKept, entrySize], the lowest first. */
  least: Float32Array;
}

export function emptyTally(units: number, classes: number): Tally {
  const list = (kept: number): Float32Array => new Float32Array(units * kept * entrySize).fill(-1);
  return {
    units,
    classes,
    sums: new Float64Array(units),
    max: new Float32Array(units).fill(-Infinity),
    silent: new Float64Array(units),
    saturated: new Float64Array(units),
    byClass: new Float64Array(units * classes),
    most: list(mostKept),
    least: list(leastKept),
  };
}

/** How the activation of a layer limits its values. */
export interface Limits {
  /** Values from `high` on, and up to `low`, are saturated. */
  low: number;
  high: number;
}

/** One image: `values` [rows, columns, units]. `label`: index of its class, or −1. */
export function addImage(
  tally: Tally,
  values: Float32Array,
  { rows, columns }: { rows: number; columns: number },
  { image, label, limits }: { image: number; label: number; limits: Limits | null },
): void {
  const { units } = tally;
  const places = rows * columns;
  const largest = values.slice(0, units);
  const at = new Int32Array(units);
  for (let place = 1, i = units; place < places; place++)
    for (let unit = 0; unit < units; unit++, i++)
      if (values[i] > largest[unit]) {
        largest[unit] = values[i];
        at[unit] = place;
      }
  if (limits) {
    const { low, high } = limits;
    const counts = new Int32Array(units);
    for (let place = 0, i = 0; place < places; place++)
      for (let unit = 0; unit < units; unit++, i++) counts[unit] += Number(values[i] >= high || values[i] <= low);
    counts.forEach((count, unit) => (tally.saturated[unit] += count / places));
  }
  for (let unit = 0; unit < units; unit++) {
    const value = largest[unit];
    tally.sums[unit] += value;
    if (value > tally.max[unit]) tally.max[unit] = value;
    if (value <= 0) tally.silent[unit]++;
    if (label >= 0) tally.byClass[unit * tally.classes + label] += value;
    const isMost = fits(tally.most, unit, mostKept, value, 1);
    const isLeast = fits(tally.least, unit, leastKept, value, -1);
    if (!isMost && !isLeast) continue;
    const [x, y] = [((at[unit] % columns) + 0.5) / columns, (Math.floor(at[unit] / columns) + 0.5) / rows];
    const entry = [value, image, x, y];
    if (isMost) insert(tally.most, unit, mostKept, entry, 1);
    if (isLeast) insert(tally.least, unit, leastKept, entry, -1);
  }
}

/** Adds a tally of later images. */
export function addTally(tally: Tally, other: Tally): void {
  for (const name of ['sums', 'silent', 'saturated', 'byClass'] as const)
    other[name].forEach((value, i) => (tally[name][i] += value));
  other.max.forEach((value, i) => (tally.max[i] = Math.max(tally.max[i], value)));
  for (let unit = 0; unit < tally.units; unit++)
    for (const [name, kept, sign] of [
      ['most', mostKept, 1],
      ['least', leastKept, -1],
    ] as const)
      for (const entry of entriesOf(other[name], unit, kept))
        if (fits(tally[name], unit, kept, entry[0], sign)) insert(tally[name], unit, kept, entry, sign);
}

/** The entries of a unit's list. */
export function entriesOf(list: Float32Array, unit: number, kept: number): number[][] {
  return Array.from({ length: kept }, (_, i) => {
    const at = (unit * kept + i) * entrySize;
    return [...list.subarray(at, at + entrySize)];
  }).filter(([, image]) => image >= 0);
}

/** Whether a value comes before the entry at an offset; of equal values the earlier one stays in front. `sign`: 1 for the highest first. */
const isBefore = (list: Float32Array, at: number, value: number, sign: 1 | -1): boolean =>
  list[at + 1] < 0 || sign * value > sign * list[at];

/** Whether a value belongs in the list of a unit. */
const fits = (list: Float32Array, unit: number, kept: number, value: number, sign: 1 | -1): boolean =>
  isBefore(list, ((unit + 1) * kept - 1) * entrySize, value, sign);

/** Puts an entry that fits in its place; the last one falls out. */
function insert(list: Float32Array, unit: number, kept: number, entry: readonly number[], sign: 1 | -1): void {
  const start = unit * kept * entrySize;
  let at = start + (kept - 1) * entrySize;
  for (; at > start && isBefore(list, at - entrySize, entry[0], sign); at -= entrySize)
    list.copyWithin(at, at - entrySize, at);
  list.set(entry, at);
}
