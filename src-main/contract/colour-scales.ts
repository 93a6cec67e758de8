/** Colour scales of maps, perceptually uniform: stops are interpolated linearly. Page and written pictures share them. */

type Stops = readonly (readonly number[])[];

const stopsOf = (...hexes: readonly string[]): Stops =>
  hexes.map((hex) => [0, 2, 4].map((i) => Number.parseInt(hex.slice(i, i + 2), 16)));

/** Nine stops of matplotlib's Inferno (CC0), readable in grayscale: for values from zero. */
export const infernoStops = stopsOf(
  '000004',
  '1b0c41',
  '4a0c6b',
  '781c6d',
  'a52c60',
  'cf4446',
  'ed6925',
  'fb9b06',
  'fcffa4',
);

/** Nine stops of ColorBrewer's RdBu (Apache 2.0), from blue over white to red, which people with a colour vision deficiency tell apart: for values of both signs. */
export const divergingStops = stopsOf(
  '053061',
  '2166ac',
  '4393c3',
  '92c5de',
  'f7f7f7',
  'f4a582',
  'd6604d',
  'b2182b',
  '67001f',
);

/** `count` × RGB. With an odd `count` the middle entry is the middle stop. */
export const scaleOf = (stops: Stops, count: number): Uint8Array =>
  Uint8Array.from({ length: count * 3 }, (_, i) => {
    const at = (Math.floor(i / 3) / (count - 1)) * (stops.length - 1);
    const low = Math.min(stops.length - 2, Math.floor(at));
    const [from, to] = [stops[low][i % 3], stops[low + 1][i % 3]];
    return Math.round(from + (to - from) * (at - low));
  });
