/** Numbers as pixels: RGBA bytes of small pictures, painted one pixel per number and enlarged by the page. */
import type { Values } from '../../src-main/contract/arrays.ts';
import { inferno } from './colormap.ts';

export interface Pixels {
  width: number;
  height: number;
  /** RGBA, row by row. */
  data: Uint8ClampedArray<ArrayBuffer>;
}

function pixelsOf(
  width: number,
  height: number,
  colourOf: (at: number, out: (r: number, g: number, b: number) => void) => void,
): Pixels {
  const data = new Uint8ClampedArray(width * height * 4);
  for (let i = 0; i < width * height; i++)
    colourOf(i, (r, g, b) => {
      data[4 * i] = r;
      data[4 * i + 1] = g;
      data[4 * i + 2] = b;
      data[4 * i + 3] = 255;
    });
  return { width, height, data };
}

/** A feature map [height, width] in the colours of Inferno from `min` to `max`. */
export function mapPixels(values: Values, width: number, height: number, min: number, max: number): Pixels {
  const scale = max > min ? 255 / (max - min) : 0;
  return pixelsOf(width, height, (i, out) => {
    const level = 3 * Math.round(Math.max(0, Math.min(255, (values[i] - min) * scale)));
    out(inferno[level], inferno[level + 1], inferno[level + 2]);
  });
}

/** Weights [height, width] in grey: zero is the middle, `limit` white, −`limit` black. */
export function weightPixels(values: Values, width: number, height: number, limit: number): Pixels {
  return pixelsOf(width, height, (i, out) => {
    const grey = 127.5 + (limit ? (127.5 * values[i]) / limit : 0);
    out(grey, grey, grey);
  });
}

/** Weights [height, width, 3] as colours: zero is grey, `limit` the full colour, −`limit` none of it. */
export function colourWeightPixels(values: Values, width: number, height: number, limit: number): Pixels {
  const level = (value: number) => 127.5 + (limit ? (127.5 * value) / limit : 0);
  return pixelsOf(width, height, (i, out) =>
    out(level(values[3 * i]), level(values[3 * i + 1]), level(values[3 * i + 2])),
  );
}

/** Bytes [height, width, 3]. */
export const imagePixels = (bytes: Values, width: number, height: number): Pixels =>
  pixelsOf(width, height, (i, out) => out(bytes[3 * i], bytes[3 * i + 1], bytes[3 * i + 2]));
