/** Paints maps of numbers in the colours of `contract/colour-scales.ts`. */
import { divergingStops, infernoStops, scaleOf } from '../../src-main/contract/colour-scales.ts';

/** 256 × RGB. */
export const inferno = scaleOf(infernoStops, 256);
/** 255 × RGB: entry 127 is zero. */
export const diverging = scaleOf(divergingStops, 255);

const gradientOf = (stops: typeof infernoStops) =>
  `linear-gradient(90deg, ${stops.map((rgb) => `rgb(${rgb.join(' ')})`).join(', ')})`;
export const infernoGradient = gradientOf(infernoStops);
export const divergingGradient = gradientOf(divergingStops);

/** The colours of a table as pixels, 0xAABBGGRR. */
const pixels = (table: Uint8Array, alphaOf: (entry: number) => number): Uint32Array =>
  Uint32Array.from({ length: table.length / 3 }, (_, entry) => {
    const [r, g, b] = table.subarray(3 * entry);
    return ((alphaOf(entry) << 24) | (b << 16) | (g << 8) | r) >>> 0;
  });
/** Half of the scale is covered more than 0.8: weak values are seen, and zero is transparent. */
const veiled = (strength: number) => Math.round(255 * Math.min(1, strength * 1.6));
const colours = {
  opaque: pixels(inferno, () => 255),
  veil: pixels(inferno, (entry) => veiled(entry / 255)),
  signedOpaque: pixels(diverging, () => 255),
  signedVeil: pixels(diverging, (entry) => veiled(Math.abs(entry - 127) / 127)),
};

/** The entry of the table for a value; `top` is the end of the scale. */
const entryOf = (value: number, top: number, isSigned: boolean): number =>
  isSigned
    ? 127 + Math.round(Math.max(-1, Math.min(1, value / top)) * 127)
    : Math.round(Math.max(0, Math.min(1, value / top)) * 255);

export interface Painting {
  /** The top of the scale; of signed values, both ends. */
  white: number;
  /** Values of both signs, on the scale from blue to red. */
  isSigned?: boolean;
  /** Values near zero are transparent, for the overlay on the image. */
  isVeil: boolean;
}

/** Paints `values` on a canvas of their size. */
export function paint(
  canvas: HTMLCanvasElement,
  values: Float32Array,
  width: number,
  height: number,
  { white, isSigned = false, isVeil }: Painting,
) {
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  colourInto(new Uint32Array(image.data.buffer), values, { white, isSigned, isVeil });
  canvas.getContext('2d')?.putImageData(image, 0, 0);
}

/** Writes the colour of each value, 0xAABBGGRR. Values that are not numbers are transparent. */
export function colourInto(out: Uint32Array, values: Float32Array, { white, isSigned = false, isVeil }: Painting) {
  const own = isSigned ? (isVeil ? colours.signedVeil : colours.signedOpaque) : isVeil ? colours.veil : colours.opaque;
  for (let i = 0; i < values.length; i++)
    out[i] = Number.isNaN(values[i]) ? 0 : own[entryOf(values[i], white, isSigned)];
}
