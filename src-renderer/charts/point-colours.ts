/** Colours of map points by a number or a name, their legend, and the layers that they are drawn in. */
import { clamp } from '../../src-main/contract/numbers.ts';
import { inferno } from '../lib/colormap.ts';
import { categoryColours, pixelOf, type Layer } from './scatter.ts';

export interface LegendEntry {
  name: string;
  colour: string;
  count: number;
}
export interface PointColours {
  /** One pixel per point; see `pixelOf`. */
  pixels: Uint32Array;
  legend: readonly LegendEntry[];
  /** The numbers at the ends of the colour map; null for names. */
  range: { low: number; high: number } | null;
}

/** Starts above the darkest colours, which are not visible on a dark background. */
const darkestLevel = 40;

/** Maps values between the 1st and the 99th percentile to the colour map. NaN is drawn in `none`. */
export function coloursOfNumbers(values: Float64Array, none: string): PointColours {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort();
  const low = sorted[Math.floor(sorted.length * 0.01)] ?? 0;
  const high = sorted[Math.ceil(sorted.length * 0.99) - 1] ?? 1;
  const span = high - low || 1;
  const pixels = Uint32Array.from(values, (value) => {
    if (Number.isNaN(value)) return pixelOf(none);
    const at = 3 * (darkestLevel + Math.round(clamp((value - low) / span, 0, 1) * (255 - darkestLevel)));
    return (0xff000000 | (inferno[at + 2] << 16) | (inferno[at + 1] << 8) | inferno[at]) >>> 0;
  });
  return { pixels, legend: [], range: { low, high } };
}

/**
 * The most frequent names get a colour each; the others share `none` with the empty name, which the legend calls `nameless`. `fixed` gives
 * predefined colours by name.
 */
export function coloursOfNames(
  values: readonly string[],
  { none, nameless, fixed = {} }: { none: string; nameless: string; fixed?: Readonly<Record<string, string>> },
): PointColours {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  const names = [...counts].sort(
    ([a, countA], [b, countB]) => Number(a === '') - Number(b === '') || countB - countA || a.localeCompare(b),
  );
  const free = categoryColours.slice(0, -1).values();
  const entries = names.map(([name, count]) => ({
    name,
    colour: name === '' ? none : (fixed[name] ?? free.next().value ?? none),
    count,
  }));
  const pixelsOf = new Map(entries.map(({ name, colour }) => [name, pixelOf(colour)]));
  return {
    pixels: Uint32Array.from(values, (value) => pixelsOf.get(value) as number),
    legend: entries.slice(0, categoryColours.length).map((entry) => ({ ...entry, name: entry.name || nameless })),
    range: null,
  };
}

/** Points hidden by the filter are drawn first and small; marked points are drawn last, with a ring. */
export function layersOf(
  ids: Int32Array,
  pixels: Uint32Array,
  points: { isShown(id: number): boolean; isMarked(id: number): boolean },
  { hidden, ring, radiusPx, ringPx }: { hidden: string; ring: string; radiusPx: number; ringPx: number },
): Layer[] {
  const [below, normal, rings, marked] = Array.from({ length: 4 }, () => new Uint32Array(ids.length));
  ids.forEach((id, i) => {
    if (points.isShown(id)) normal[i] = pixels[i];
    else below[i] = pixelOf(hidden);
    if (!points.isMarked(id)) return;
    rings[i] = pixelOf(ring);
    marked[i] = normal[i] || pixelOf(hidden);
  });
  return [
    { colours: below, radiusPx: Math.max(1, radiusPx * 0.7) },
    { colours: normal, radiusPx },
    { colours: rings, radiusPx: radiusPx + ringPx },
    { colours: marked, radiusPx },
  ];
}
