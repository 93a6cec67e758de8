/**
 * The one way from bytes to pixels. Thumbnail, training, explanation and export all come through `standard`, so they agree on
 * orientation (EXIF applied), colour (sRGB, 8 bits), transparency (laid on white) and frame (the first). A file that cannot be
 * decoded throws a `DecodeError` with an issue's code and a sentence.
 */
import sharp, { type Metadata, type Sharp } from 'sharp';
import type { IssueCode } from '../contract/types.ts';
import { decodable, formatOfBytes, formatOfName, sniffBytes, type Format } from './format.ts';

sharp.cache(false); // files are read once; the cache would only hold memory
sharp.concurrency(1); // parallel over images, not within one

/** Above this an image is refused unread: 16,384 × 16,384. */
export const maxPixels = 16_384 ** 2;
const maxSeconds = 10;
const svgSidePx = 1024;

export class DecodeError extends Error {
  code: IssueCode;
  constructor(code: IssueCode, message: string) {
    super(message);
    this.code = code;
  }
}

export interface Opened {
  format: Format;
  /** After orientation, pixels. */
  width: number;
  height: number;
  frames: number;
  /** A new pipeline that gives the standard pixels; resize it, then take them out. */
  standard(): Sharp;
}

interface Raw { data: Uint8Array; width: number; height: number; channels: 1 | 3 | 4 }

/** `bytes` is the whole file; `path` gives the extension where the bytes are silent. Throws DecodeError. */
export async function openImage(bytes: Buffer, path: string): Promise<Opened> {
  if (bytes.length === 0) throw new DecodeError('empty', 'The file is empty (0 bytes).');
  const format = formatOfBytes(bytes.subarray(0, sniffBytes));
  if (!format) {
    const named = formatOfName(path);
    if (named && !decodable.has(named)) throw new DecodeError('unsupported-format', `Winnow does not read ${named.toUpperCase()} files.`);
    throw new DecodeError('not-an-image', `The content is not an image${named ? `, though the name says ${named.toUpperCase()}` : ''}.`);
  }
  if (!decodable.has(format)) throw new DecodeError('unsupported-format', `Winnow does not read ${format.toUpperCase()} files.`);
  try {
    if (format === 'heic') return fromRaw(format, await decodeHeic(bytes));
    if (format === 'bmp') return fromRaw(format, await decodeBmp(bytes));
    return await fromSharp(format, bytes);
  } catch (error) {
    throw asDecodeError(error);
  }
}

/**
 * Puts any failure of a decoder into an issue's words. Whether a file was cut short is read from its own bytes: libvips keeps one buffer of
 * messages for all threads, so that what it says may be about another file. For the same reason only a message of one line is passed on.
 */
export function asDecodeError(error: unknown, bytes?: Buffer): DecodeError {
  if (error instanceof DecodeError) return error;
  if (bytes && endsEarly(bytes)) return new DecodeError('truncated', 'The file ends before the end of the image.');
  const lines = (error instanceof Error ? error.message : String(error)).split('\n').map((line) => line.trim().replace(/:$/, '')).filter(Boolean);
  const detail = new Set(lines).size === 1 ? ` (${lines[0]})` : '';
  if (lines.some((line) => /timeout/i.test(line))) return new DecodeError('too-slow', `Reading took longer than ${maxSeconds} s.`);
  if (lines.some((line) => /pixel limit/i.test(line))) return new DecodeError('too-large', `The image is larger than ${Math.round(maxPixels / 1e6)} megapixels.`);
  return new DecodeError('corrupt', `The image data is damaged${detail}.`);
}

/** Does the file lack the mark that ends its format? Says false where the format has none. */
function endsEarly(bytes: Buffer): boolean {
  switch (formatOfBytes(bytes.subarray(0, sniffBytes))) {
    case 'jpeg': return bytes.lastIndexOf(Buffer.of(0xff, 0xd9)) < Math.max(2, bytes.lastIndexOf(Buffer.of(0xff, 0xda)));
    case 'png': return !bytes.subarray(-1024).includes('IEND') && !bytes.includes('IEND');
    case 'webp': return bytes.length >= 8 && bytes.readUInt32LE(4) + 8 > bytes.length;
    case 'gif': return !bytes.subarray(-64).includes(0x3b);
    default: return false;
  }
}

async function fromSharp(format: Format, bytes: Buffer): Promise<Opened> {
  const options = { failOn: 'error', limitInputPixels: maxPixels, page: 0, pages: 1 } as const;
  const meta = await sharp(bytes, options).metadata();
  const frames = meta.pages ?? 1;
  if (format === 'svg') {
    // Drawn so that the longer side has a useful number of pixels. Read from memory: it can reach no other file.
    const density = Math.min(2400, Math.max(1, (72 * svgSidePx) / Math.max(meta.width, meta.height, 1)));
    const drawn = { ...options, density };
    const size = await sharp(bytes, drawn).metadata();
    return { format, width: size.width, height: size.height, frames, standard: () => standardise(sharp(bytes, drawn)) };
  }
  if (meta.depth === 'float' || meta.depth === 'double') return fromRaw(format, await stretchFloat(bytes, meta));
  const { width, height } = meta.autoOrient;
  return { format, width, height, frames, standard: () => standardise(sharp(bytes, options)) };
}

const standardise = (image: Sharp): Sharp =>
  image.timeout({ seconds: maxSeconds }).autoOrient().flatten({ background: '#fff' }).toColourspace('srgb');

function fromRaw(format: Format, { data, width, height, channels }: Raw): Opened {
  const raw = { width, height, channels };
  return { format, width, height, frames: 1, standard: () => standardise(sharp(data, { raw, limitInputPixels: maxPixels })) };
}

/** Measurements have no natural black and white: finite values are stretched from least to greatest, the rest is black. */
async function stretchFloat(bytes: Buffer, meta: Metadata): Promise<Raw> {
  const { data, info } = await sharp(bytes, { limitInputPixels: maxPixels }).raw({ depth: 'float' }).toBuffer({ resolveWithObject: true });
  const values = new Float32Array(data.buffer, data.byteOffset, data.byteLength / 4);
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const scale = high > low ? 255 / (high - low) : 0;
  const out = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) out[i] = Number.isFinite(values[i]) ? Math.round((values[i] - low) * scale) : 0;
  const channels = info.channels === 3 || info.channels === 4 ? info.channels : 1;
  if (channels !== info.channels) throw new DecodeError('unsupported-format', `Winnow does not read ${meta.channels}-channel floating-point images.`);
  return { data: out, width: info.width, height: info.height, channels };
}

/** libheif applies the file's own rotation and mirroring. */
async function decodeHeic(bytes: Buffer): Promise<Raw> {
  const { default: decode } = await import('heic-decode');
  const { width, height, data } = await decode({ buffer: bytes });
  return { data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength), width, height, channels: 4 };
}

async function decodeBmp(bytes: Buffer): Promise<Raw> {
  if (bytes.length < 26) throw new DecodeError('truncated', 'The file ends too early: the bitmap header is incomplete.');
  const width = bytes.readInt32LE(18);
  const height = Math.abs(bytes.readInt32LE(22));
  if (width <= 0 || height === 0) throw new DecodeError('corrupt', 'The bitmap header gives no size.');
  if (width * height > maxPixels) throw new DecodeError('too-large', `The header claims ${width} × ${height} pixels.`);
  const needed = (width * height * Math.max(1, bytes.readUInt16LE(28))) / 8;
  if (bytes.readUInt32LE(30) === 0 && needed > bytes.length * 1.01) throw new DecodeError('truncated', 'The file ends before its last row of pixels.');
  const { decode } = await import('bmp-ts');
  const image = decode(bytes, { toRGBA: true });
  const data = new Uint8Array(image.data);
  if (bytes.readUInt16LE(28) !== 32) for (let i = 3; i < data.length; i += 4) data[i] = 255; // only 32-bit bitmaps may carry transparency
  return { data, width: image.width, height: image.height, channels: 4 };
}

/** A WebP of the standard pixels, at most `sidePx` on the longer side, for originals that a browser cannot show. */
export const makePreview = (image: Opened, sidePx: number): Promise<Buffer> =>
  image.standard().resize(sidePx, sidePx, { fit: 'inside', withoutEnlargement: true }).webp({ quality: 92 }).toBuffer();
