/** Small views of a decoded image: the thumbnail with what can be measured on it, and the row of pixels that training reads. */
import sharp from 'sharp';
import type { Opened } from './decode.ts';

export const thumbSidePx = 256;

export interface Thumb {
  webp: Buffer;
  measures: Measures;
}

/** What the scan learns of every image; each becomes a column. */
export interface Measures {
  /** Mean luminance, 0..1. */
  brightness: number;
  /** Standard deviation of luminance, 0..0.5. */
  contrast: number;
  /** Shannon entropy of the luminance histogram, bits, 0..8. */
  entropy: number;
  /** Variance of the Laplacian of luminance (0..1) on the thumbnail; low is blurred. Pech-Pacheco et al., 2000. */
  sharpness: number;
}

/** One decode gives both. */
export async function makeThumb(image: Opened): Promise<Thumb> {
  const { data, info } = await image.standard()
    .resize(thumbSidePx, thumbSidePx, { fit: 'inside', withoutEnlargement: true })
    .raw().toBuffer({ resolveWithObject: true });
  const raw = { width: info.width, height: info.height, channels: info.channels };
  const webp = await sharp(data, { raw }).webp({ quality: 82, effort: 2 }).toBuffer();
  return { webp, measures: measure(data, info.width, info.height, info.channels) };
}

/** A row for the packed file: sizePx × sizePx × 3 bytes, sRGB, the whole image stretched to a square. */
export async function makeRow(image: Opened, sizePx: number): Promise<Buffer> {
  const { data, info } = await image.standard().resize(sizePx, sizePx, { fit: 'fill' }).raw().toBuffer({ resolveWithObject: true });
  if (info.channels === 3) return data;
  const row = Buffer.alloc(sizePx * sizePx * 3); // a gray image comes with one channel
  for (let i = 0; i < sizePx * sizePx; i++) row.fill(data[i * info.channels], i * 3, i * 3 + 3);
  return row;
}

function measure(data: Uint8Array, width: number, height: number, channels: number): Measures {
  const n = width * height;
  const luminance = new Float32Array(n);
  const histogram = new Uint32Array(256);
  let sum = 0;
  let squares = 0;
  for (let i = 0, at = 0; i < n; i++, at += channels) {
    const y = channels >= 3 ? 0.2126 * data[at] + 0.7152 * data[at + 1] + 0.0722 * data[at + 2] : data[at];
    luminance[i] = y / 255;
    histogram[Math.round(y)]++;
    sum += luminance[i];
    squares += luminance[i] ** 2;
  }
  let entropy = 0;
  for (const count of histogram) if (count) entropy -= (count / n) * Math.log2(count / n);
  const brightness = sum / n;
  return { brightness, contrast: Math.sqrt(Math.max(0, squares / n - brightness ** 2)), entropy, sharpness: laplacianVariance(luminance, width, height) };
}

function laplacianVariance(luminance: Float32Array, width: number, height: number): number {
  let count = 0;
  let sum = 0;
  let squares = 0;
  for (let y = 1; y < height - 1; y++) {
    for (let x = 1; x < width - 1; x++) {
      const i = y * width + x;
      const value = luminance[i - 1] + luminance[i + 1] + luminance[i - width] + luminance[i + width] - 4 * luminance[i];
      count++;
      sum += value;
      squares += value * value;
    }
  }
  return count ? squares / count - (sum / count) ** 2 : 0;
}
