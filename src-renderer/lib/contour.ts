/** A surface over two parameters as a picture: places on its axes from 0 to 1, and its ticks. */
import { clamp, largestOf, lowerBound, smallestOf } from '../../src-main/contract/numbers.ts';
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

/** For each pixel along an axis: the values before and after it, and its share of the second. Categories have no share. */
function samplesAlong(axis: SurrogateAxis, pixels: number): { before: number; after: number; share: number }[] {
  const places = axis.values.map((value) => placeAlong(axis, value));
  const isCategory = axis.domain.type === 'categorical';
  const last = places.length - 1;
  return Array.from({ length: pixels }, (_, i) => {
    const at = (i + 0.5) / pixels;
    if (isCategory) {
      const own = Math.min(last, Math.floor(at * places.length));
      return { before: own, after: own, share: 0 };
    }
    const after = clamp(lowerBound(places, at), 0, last);
    const before = Math.max(0, after - 1);
    const span = places[after] - places[before];
    return { before, after, share: span > 0 ? clamp((at - places[before]) / span, 0, 1) : 0 };
  });
}

/**
 * The surface as it is painted: rows from the top, so that the second axis is upwards; scaled to 0..1; linear between its values. The surface is row-major with the first axis
 * outermost. NaN where one of the parameters is not used: a gap.
 */
export function pictureOf(
  surface: readonly (number | null)[],
  [across, up]: readonly SurrogateAxis[],
  { width, height }: { width: number; height: number },
) {
  const known = surface.filter((value) => value !== null);
  const [low, high] = [smallestOf(known), largestOf(known)];
  const at = (i: number, j: number) => surface[i * up.values.length + j] ?? NaN;
  const columns = samplesAlong(across, width);
  const rows = samplesAlong(up, height).reverse();
  const values = new Float32Array(width * height);
  rows.forEach((row, y) =>
    columns.forEach((column, x) => {
      const below = mix(at(column.before, row.before), at(column.after, row.before), column.share);
      const above = mix(at(column.before, row.after), at(column.after, row.after), column.share);
      values[y * width + x] = (mix(below, above, row.share) - low) / (high - low || 1);
    }),
  );
  return { values, low, high };
}

/** Beside a gap, the nearer value decides. */
const mix = (a: number, b: number, share: number): number =>
  Number.isNaN(a) || Number.isNaN(b) ? (share < 0.5 ? a : b) : a + (b - a) * share;
