/** Small versions of a decoded image: the thumbnail with its measures, and the square of pixels for training. */
import { createHash } from 'node:crypto';
import sharp from 'sharp';
import { takePixels, type Opened } from './decode.ts';
import { measure, type Measures } from './measure.ts';

export type { Measures };

export const thumbSidePx = 256;

export interface Thumb {
  /** The thumbnail as JPEG, which encodes four times as fast as WebP. */
  bytes: Buffer;
  /** Its pixels before encoding, RGB. */
  data: Uint8Array;
  width: number;
  height: number;
  channels: 3;
  measures: Measures;
}

/** Makes the thumbnail and its pixels in one decode. */
export async function makeThumb(image: Opened): Promise<Thumb> {
  const { data, info } = await takePixels(image, (pipeline) =>
    pipeline.resize(thumbSidePx, thumbSidePx, { fit: 'inside', withoutEnlargement: true }),
  );
  const { width, height } = info;
  const rgb = asRgb(data, width * height, info.channels);
  // Optimised Huffman tables would save 5 % of the bytes but double the time.
  const bytes = await sharp(rgb, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 85, optimiseCoding: false })
    .toBuffer();
  return { bytes, data: rgb, width, height, channels: 3, measures: measure(rgb, width, height, 3) };
}

/** How an image becomes a square: stretched, cropped to its centre, or letterboxed with black. */
export type Fit = 'stretch' | 'cover' | 'contain';
const sharpFits = { stretch: 'fill', cover: 'cover', contain: 'contain' } as const;

/** The image stretched to these sides: height × width × 3 bytes, sRGB. */
export async function makeRectangle(image: Opened, width: number, height: number): Promise<Buffer> {
  const { data, info } = await takePixels(image, (pipeline) => pipeline.resize(width, height, { fit: 'fill' }));
  return asRgb(data, width * height, info.channels);
}

/** The pixels of a training row: sizePx × sizePx × 3 bytes, sRGB. */
export async function makeRow(image: Opened, sizePx: number, fit: Fit = 'stretch'): Promise<Buffer> {
  const { data, info } = await takePixels(image, (pipeline) =>
    pipeline.resize(sizePx, sizePx, { fit: sharpFits[fit], background: '#000' }),
  );
  return asRgb(data, sizePx * sizePx, info.channels);
}

/** Repeats the one channel of a gray image. */
function asRgb(data: Buffer, pixels: number, channels: number): Buffer {
  if (channels === 3) return data;
  const rgb = Buffer.allocUnsafe(pixels * 3);
  for (let i = 0, to = 0; i < pixels; i++, to += 3) rgb[to] = rgb[to + 1] = rgb[to + 2] = data[i * channels];
  return rgb;
}

/** The pixels of a stored thumbnail, RGB. */
export async function readThumb(file: string): Promise<Pick<Thumb, 'data' | 'width' | 'height' | 'channels'>> {
  const { data, info } = await sharp(file).raw().toBuffer({ resolveWithObject: true });
  return {
    data: asRgb(data, info.width * info.height, info.channels),
    width: info.width,
    height: info.height,
    channels: 3,
  };
}

/** A hash of all standard pixels, to test whether two files have equal pixels. It decodes the full image, so it is used for few images. Throws DecodeError. */
export async function hashPixels(image: Opened): Promise<string> {
  const { data, info } = await takePixels(image, (pipeline) => pipeline);
  return createHash('sha256')
    .update(`${info.width} ${info.height} `)
    .update(asRgb(data, info.width * info.height, info.channels))
    .digest('hex');
}
