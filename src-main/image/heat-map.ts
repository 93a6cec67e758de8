/** Draws a map over its image: the image in gray, the map in colours where it has values. */
import { divergingStops, infernoStops, scaleOf } from '../contract/colour-scales.ts';
import { largestOf } from '../contract/numbers.ts';
import { encodeRgbPng } from './encode.ts';
import { makeRectangle } from './pixels.ts';
import type { Opened } from './decode.ts';

const [unsigned, signed] = [scaleOf(infernoStops, 256), scaleOf(divergingStops, 255)];
/** The most that the map covers the image. */
const opacity = 0.8;

/** A PNG of the size of the map. `values`: [height, width]. `isSigned`: blue for negative, red for positive values; both ends at the largest absolute value. */
export async function drawHeatMap(
  image: Opened,
  values: Float32Array,
  width: number,
  height: number,
  isSigned: boolean,
): Promise<Buffer> {
  const pixels = await makeRectangle(image, width, height);
  const most = largestOf(values.map(Math.abs), 0) || 1;
  const scale = isSigned ? signed : unsigned;
  const out = new Uint8Array(pixels.length);
  for (let i = 0; i < values.length; i++) {
    const share = Math.max(-1, Math.min(1, values[i] / most));
    const level = isSigned ? 127 + Math.round(127 * share) : Math.round(255 * Math.max(0, share));
    const cover = opacity * Math.min(1, 1.6 * (isSigned ? Math.abs(share) : Math.max(0, share)));
    const gray = 0.299 * pixels[3 * i] + 0.587 * pixels[3 * i + 1] + 0.114 * pixels[3 * i + 2];
    for (let c = 0; c < 3; c++) out[3 * i + c] = Math.round((1 - cover) * gray + cover * scale[3 * level + c]);
  }
  return encodeRgbPng(out, width, height);
}
