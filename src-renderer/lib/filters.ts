/** The kernels of a layer as pictures and words. */
import type { Arrays } from '../../src-main/contract/arrays.ts';
import type { Filters } from '../../src-main/contract/inside.ts';
import { colourWeightPixels, weightPixels, type Pixels } from './pixels.ts';

type Kernels = Arrays<Filters>;
type Sides = Pick<Filters, 'rows' | 'columns' | 'inputs'>;

/** What of a kernel is shown: its mean over the inputs, or one input. Kernels with 3 inputs are shown in colour, those without places as all inputs. */
export type Slice = 'mean' | number;

export const isColour = ({ inputs, rows, columns }: Sides): boolean => inputs === 3 && rows * columns > 1;
/** Kernels of one place: each pixel is an input. */
export const isPlaceless = ({ rows, columns }: Sides): boolean => rows * columns === 1;

/** The largest magnitude of the kernels as they are shown: one scale for all. */
export function scaleOf({ header, arrays }: Kernels, slice: Slice): number {
  let limit = 0;
  for (let unit = 0; unit < header.outputs; unit++)
    for (const value of valuesOf({ header, arrays }, unit, slice)) limit = Math.max(limit, Math.abs(value));
  return limit;
}

/** Of one kernel: [rows, columns, inputs] of those in colour and those without places, otherwise [rows, columns]. */
function valuesOf({ header, arrays }: Kernels, unit: number, slice: Slice): Float32Array {
  const { rows, columns, inputs } = header;
  const size = rows * columns * inputs;
  const kernel = arrays.kernels.subarray(unit * size, (unit + 1) * size) as Float32Array;
  if (isColour(header) || isPlaceless(header)) return kernel;
  return Float32Array.from({ length: rows * columns }, (_, place) => {
    if (slice !== 'mean') return kernel[place * inputs + Math.min(slice, inputs - 1)];
    let sum = 0;
    for (let input = 0; input < inputs; input++) sum += kernel[place * inputs + input];
    return sum / inputs;
  });
}

/** `limit`: see `scaleOf`. */
export function kernelPixels(filters: Kernels, unit: number, slice: Slice, limit: number): Pixels {
  const { rows, columns, inputs } = filters.header;
  const values = valuesOf(filters, unit, slice);
  if (isColour(filters.header)) return colourWeightPixels(values, columns, rows, limit);
  if (!isPlaceless(filters.header)) return weightPixels(values, columns, rows, limit);
  const side = Math.ceil(Math.sqrt(inputs));
  const filled = new Float32Array(side * Math.ceil(inputs / side));
  filled.set(values);
  return weightPixels(filled, side, filled.length / side, limit);
}

/** The units of a layer, by the norm of their kernels or by number. */
export function unitsBy(norms: ArrayLike<number>, outputs: number, by: 'norm' | 'number'): number[] {
  const units = Array.from({ length: outputs }, (_, unit) => unit);
  return by === 'norm' ? units.sort((a, b) => norms[b] - norms[a] || a - b) : units;
}

/** What is wrong with a kernel, in words: that it is dead, or which one it repeats. Empty if nothing. */
export function faultOf({ dead, duplicates }: Pick<Filters, 'dead' | 'duplicates'>, unit: number): string {
  if (dead.includes(unit)) return 'dead';
  const pair = duplicates.find((own) => own.includes(unit));
  return pair ? `like ${pair[0] === unit ? pair[1] : pair[0]}` : '';
}
