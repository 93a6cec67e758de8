/**
 * How measurements become gray levels. Images of floats, signed integers or more than 8 bits without a colour profile have no natural black and white. They are
 * stretched by one rule for the whole folder, so that levels can be compared between images: unsigned integers from 0 to the largest number with as many bits as
 * the folder's values use (4,095 for 12-bit data); other types from the folder's minimum to its maximum. Each type of values has its own levels.
 */
import type { ValueRange } from '../contract/types.ts';
import type { Samples } from './raw.ts';

/** Black and white by the type of values, such as 'uint16'. */
export type Levels = Readonly<Record<string, readonly [black: number, white: number]>>;

/** The smallest and largest finite value; null if there is none. */
export function rangeOfValues(kind: string, values: Samples): ValueRange | null {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value < low && value !== -Infinity) low = value;
    if (value > high && value !== Infinity) high = value;
  }
  return low <= high ? { kind, low, high } : null;
}

/** The levels of a folder whose images have these values. */
export function levelsOf(ranges: readonly ValueRange[]): Levels {
  const levels: Record<string, [number, number]> = {};
  for (const [kind, ofKind] of Map.groupBy(ranges, (range) => range.kind)) {
    let [low, high] = [Infinity, -Infinity];
    for (const range of ofKind) [low, high] = [Math.min(low, range.low), Math.max(high, range.high)];
    levels[kind] = kind.startsWith('uint') ? [0, 2 ** Math.max(1, Math.ceil(Math.log2(high + 1))) - 1] : [low, high];
  }
  return levels;
}

/** The levels of one image: those of its folder, or its own if the folder has none yet. */
export const levelsFor = (range: ValueRange, levels: Levels): readonly [black: number, white: number] =>
  levels[range.kind] ?? levelsOf([range])[range.kind];

/** Stretches values to 0..255. Values outside the levels are clipped; those that are not finite become black. */
export function stretch(values: Samples, [black, white]: readonly [number, number]): Uint8Array {
  const scale = white > black ? 255 / (white - black) : 0;
  const out = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const level = (values[i] - black) * scale;
    out[i] = level > 0 ? (level < 255 ? level + 0.5 : Number.isFinite(values[i]) ? 255 : 0) : 0;
  }
  return out;
}
