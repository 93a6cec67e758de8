/** Small versions of a decoded image: the thumbnail with its measures, and the square of pixels for training. */
import sharp from 'sharp';
import { fingerprint, type Pixels } from '../duplicate/fingerprint.ts';
import { native } from '../native/index.ts';
import { pixelBudget } from './budget.ts';
import { takePixels, type Opened } from './decode.ts';
import { measure, measuresOf, type Measures } from './measure.ts';
import { withTimeout } from './raw.ts';
import { thumbQuality, thumbSidePx } from './thumb-file.ts';

export type { Measures };

export interface Thumb {
  /** The thumbnail as JPEG. */
  bytes: Buffer;
  width: number;
  height: number;
  measures: Measures;
  fingerprint: Uint8Array;
}

/** Makes the thumbnail and what is computed from its pixels before they are encoded, in one decode. */
export async function makeThumb(image: Opened): Promise<Thumb> {
  const made = await natively(image, (reader, file) => reader.thumbnail(file, thumbSidePx, thumbQuality));
  if (made) return { ...made, measures: measuresOf(made.tally, made.width, made.height) };
  const { data, info } = await takePixels(image, (pipeline) =>
    pipeline.resize(thumbSidePx, thumbSidePx, { fit: 'inside', withoutEnlargement: true }),
  );
  const { width, height } = info;
  const rgb = asRgb(data, width * height, info.channels);
  // Optimised Huffman tables would save 5 % of the bytes but double the time.
  const bytes = await sharp(rgb, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: thumbQuality, optimiseCoding: false })
    .toBuffer();
  return {
    bytes,
    width,
    height,
    measures: measure(rgb, width, height, 3),
    fingerprint: fingerprint(rgb, width, height, 3),
  };
}

/** Asks the native reader for a plain image. Null if there is none, or if it finds that the image is not plain. */
async function natively<Result>(
  { plain, width, height }: Opened,
  ask: (reader: NonNullable<typeof native>, file: Buffer) => Promise<Result | null>,
): Promise<Result | null> {
  const reader = native;
  return reader && plain ? pixelBudget.hold(width * height, () => withTimeout(ask(reader, plain))) : null;
}

/** How an image becomes a square: stretched, cropped to its centre, or letterboxed with black. */
export type Fit = 'stretch' | 'cover' | 'contain';

/** The image stretched to these sides: height × width × 3 bytes, sRGB. */
export async function makeRectangle(image: Opened, width: number, height: number): Promise<Buffer> {
  const made = await natively(image, (reader, file) => reader.rectangle(file, width, height));
  if (made) return made;
  const { data, info } = await takePixels(image, (pipeline) => pipeline.resize(width, height, { fit: 'fill' }));
  return asRgb(data, width * height, info.channels);
}

/** The pixels of a training row: sizePx × sizePx × 3 bytes, sRGB. */
export async function makeRow(image: Opened, sizePx: number, fit: Fit = 'stretch'): Promise<Buffer> {
  if (fit === 'stretch') return makeRectangle(image, sizePx, sizePx);
  const { data, info } = await takePixels(image, (pipeline) =>
    pipeline.resize(sizePx, sizePx, { fit, background: '#000' }),
  );
  return asRgb(data, sizePx * sizePx, info.channels);
}

/** Repeats the one channel of a gray image. */
export function asRgb(data: Buffer, pixels: number, channels: number): Buffer {
  if (channels === 3) return data;
  const rgb = Buffer.allocUnsafe(pixels * 3);
  for (let i = 0, to = 0; i < pixels; i++, to += 3) rgb[to] = rgb[to + 1] = rgb[to + 2] = data[i * channels];
  return rgb;
}

/** The pixels of a thumbnail, RGB. */
export async function readThumb(thumb: string | Buffer): Promise<Pixels> {
  const { data, info } = await sharp(thumb).raw().toBuffer({ resolveWithObject: true });
  return {
    data: asRgb(data, info.width * info.height, info.channels),
    width: info.width,
    height: info.height,
    channels: 3,
  };
}
