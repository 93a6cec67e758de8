/** Encodes arrays as image files. */
import sharp from 'sharp';

/** A 16-bit PNG. `values`: [height, width]; 0 becomes black and `white` becomes 65535; values outside are clipped. */
export function encodeGray16(values: Float32Array, width: number, height: number, white: number): Promise<Buffer> {
  const out = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++)
    out[i] = Math.max(0, Math.min(65535, Math.round((values[i] / white) * 65535)));
  return sharp(out, { raw: { width, height, channels: 1 } })
    .toColourspace('grey16')
    .png()
    .toBuffer();
}

/** An 8-bit PNG. `values`: [height, width]. */
export const encodeGray = (values: Uint8Array, width: number, height: number): Promise<Buffer> =>
  sharp(values, { raw: { width, height, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toBuffer();

/** Lossless WebP of RGB bytes. */
export const encodeRgb = (data: Uint8Array, width: number, height: number): Promise<Buffer> =>
  sharp(data, { raw: { width, height, channels: 3 } })
    .webp({ lossless: true })
    .toBuffer();

/** A PNG of RGB bytes. */
export const encodeRgbPng = (data: Uint8Array, width: number, height: number): Promise<Buffer> =>
  sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
