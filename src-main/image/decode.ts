/**
 * Decodes the bytes of a file to standard pixels, which thumbnails, training and error maps all use: EXIF orientation applied, 8-bit sRGB, transparency on white,
 * the first frame. Floating-point images are stretched from minimum to maximum; SVG is rendered at about 1,024 px. If a file cannot be decoded, a
 * `DecodeError` with the code and message of an issue is thrown.
 */
import sharp, { type Metadata, type OutputInfo, type Sharp } from 'sharp';
import { ownFault } from '../file/fault.ts';
import { decodeInWorker } from './decode-in-worker.ts';
import { largestOfIco } from './decode-ico.ts';
import { decodable, formatOfBytes, formatOfName, sniffBytes, type Format } from './format.ts';
import { countScans, maxScans, plainHeader } from './header.ts';
import { checkSize, DecodeError, withTimeout, maxPixels, maxSeconds, type Raw } from './raw.ts';
import { pixelBudget } from './budget.ts';
import { endsEarly, isFax } from './truncation.ts';

export { DecodeError };

sharp.cache(false); // each file is read once: a cache would only take memory
sharp.concurrency(1); // images are decoded in parallel, so one image uses one thread

const svgSidePx = 1024;

export interface Opened {
  format: Format;
  /** In pixels, after orientation. */
  width: number;
  height: number;
  frames: number;
  /** A new pipeline that yields the standard pixels: resize it, then read them. */
  standard(): Sharp;
}

/**
 * The format of a file that starts with `head`. The extension of `path` decides only for formats without a signature. Throws DecodeError if Winnow cannot
 * decode the format.
 */
export function decodableFormat(head: Buffer, path: string): Format {
  if (head.length === 0) throw new DecodeError('empty', 'The file is empty (0 bytes).');
  const named = formatOfName(path);
  const format = formatOfBytes(head.subarray(0, sniffBytes)) ?? (named === 'tga' ? named : null); // a TGA has no magic number
  if (!format) {
    if (named && !decodable.has(named))
      throw new DecodeError('unsupported-format', `Winnow does not read ${named.toUpperCase()} files.`);
    throw new DecodeError(
      'not-an-image',
      `The content is not an image${named ? `, though the name says ${named.toUpperCase()}` : ''}.`,
    );
  }
  if (!decodable.has(format))
    throw new DecodeError('unsupported-format', `Winnow does not read ${format.toUpperCase()} files.`);
  return format;
}

/** Opens an image. `bytes`: the whole file. Throws DecodeError. */
export async function openImage(bytes: Buffer, path: string): Promise<Opened> {
  const format = decodableFormat(bytes, path);
  try {
    switch (format) {
      case 'ico': {
        const largest = largestOfIco(bytes);
        return largest.isPng
          ? { ...(await fromSharp('png', largest.bytes)), format }
          : fromRaw(format, await decodeInWorker(format, bytes));
      }
      case 'heic':
      case 'bmp':
      case 'jp2':
      case 'pnm':
      case 'psd':
      case 'tga':
        return fromRaw(format, await decodeInWorker(format, bytes));
      default:
        return await fromSharp(format, bytes);
    }
  } catch (error) {
    throw toDecodeError(error, bytes);
  }
}

/**
 * Converts a decoder's error to a DecodeError. libvips has one error buffer for all threads, so its text may be about another file: therefore the file's own bytes
 * decide whether it is truncated, and only a text of a single line becomes part of the message. Throws WinnowError if the file is not the cause.
 */
export function toDecodeError(error: unknown, bytes?: Buffer): DecodeError {
  if (error instanceof DecodeError && error.code !== 'corrupt') return error;
  if (bytes && endsEarly(bytes)) return new DecodeError('truncated', 'The file ends before the end of the image.');
  if (error instanceof DecodeError) return error;
  const own = ownFault(error); // such as lack of memory: not an issue of the image
  if (own) throw own;
  const lines = (error instanceof Error ? error.message : String(error))
    .split('\n')
    .map((line) => line.trim().replace(/:$/, ''))
    .filter(Boolean);
  const detail = new Set(lines).size === 1 ? ` (${lines[0]})` : '';
  if (lines.some((line) => /timeout/i.test(line)))
    return new DecodeError('too-slow', `Reading took longer than ${maxSeconds} s.`);
  if (lines.some((line) => /pixel limit/i.test(line)))
    return new DecodeError('too-large', `The image is larger than ${Math.round(maxPixels / 1e6)} megapixels.`);
  // The file uses a TIFF feature that this libvips does not support: it is not damaged.
  if (
    lines.some((line) =>
      /^tiff2vips.*(support is not configured|not supported|not a whole number of bytes)|bad labq format/.test(line),
    )
  )
    return new DecodeError(
      'unsupported-format',
      'Winnow does not read this kind of TIFF (its compression, bit depth or colours).',
    );
  return new DecodeError('corrupt', `The image data is damaged${detail}.`);
}

async function fromSharp(format: Format, bytes: Buffer): Promise<Opened> {
  // Transmission errors in a fax are normal: like every viewer, Winnow reads it to its end.
  const options = {
    failOn: format === 'tiff' && isFax(bytes) ? 'truncated' : 'error',
    limitInputPixels: maxPixels,
    page: 0,
    pages: 1,
  } as const;
  const scans = format === 'jpeg' ? countScans(bytes) : 1;
  if (scans > maxScans)
    throw new DecodeError(
      'too-slow',
      `The JPEG has more than ${maxScans} scans and would take too long to read. Save it again with another program.`,
    );
  const plain = plainHeader(bytes);
  if (plain && plain.width * plain.height <= maxPixels) {
    const { width, height, hasAlpha } = plain;
    return {
      format,
      width,
      height,
      frames: 1,
      standard: () => standardise(sharp(bytes, options), { isTurned: false, hasAlpha }),
    };
  }
  const meta = await withTimeout(sharp(bytes, options).metadata());
  const frames = meta.pages ?? 1;
  if (format === 'svg') {
    // The density is chosen so that the longer side has enough pixels. An SVG that is rendered from memory cannot load other files.
    const density = Math.min(2400, Math.max(1, (72 * svgSidePx) / Math.max(meta.width, meta.height, 1)));
    const drawn = { ...options, density };
    const size = await withTimeout(sharp(bytes, drawn).metadata());
    return { format, width: size.width, height: size.height, frames, standard: () => standardise(sharp(bytes, drawn)) };
  }
  if (meta.depth === 'float' || meta.depth === 'double') return fromRaw(format, await stretchFloat(bytes, meta));
  const { width, height } = meta.autoOrient;
  return { format, width, height, frames, standard: () => standardise(sharp(bytes, options)) };
}

/** Converts to standard pixels. Each operation takes as long as decoding a small image, so unnecessary ones are skipped. */
function standardise(image: Sharp, { isTurned, hasAlpha } = { isTurned: true, hasAlpha: true }): Sharp {
  image.timeout({ seconds: maxSeconds });
  if (isTurned) image.autoOrient();
  if (hasAlpha) image.flatten({ background: '#fff' });
  return image.toColourspace('srgb');
}

function fromRaw(format: Format, { data, width, height, channels }: Raw): Opened {
  const raw = { width, height, channels };
  return {
    format,
    width,
    height,
    frames: 1,
    standard: () =>
      standardise(sharp(data, { raw, limitInputPixels: maxPixels }), { isTurned: false, hasAlpha: channels === 4 }),
  };
}

/** Floating-point images are often measurements without a natural black and white: finite values are stretched from minimum to maximum; others become black. */
async function stretchFloat(bytes: Buffer, meta: Metadata): Promise<Raw> {
  checkSize(meta.width, meta.height);
  const { data, info } = await withTimeout(
    sharp(bytes, { limitInputPixels: maxPixels }).raw({ depth: 'float' }).toBuffer({ resolveWithObject: true }),
  );
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
  for (let i = 0; i < values.length; i++)
    out[i] = Number.isFinite(values[i]) ? Math.round((values[i] - low) * scale) : 0;
  const channels = info.channels === 3 || info.channels === 4 ? info.channels : 1;
  if (channels !== info.channels)
    throw new DecodeError('unsupported-format', `Winnow does not read ${meta.channels}-channel floating-point images.`);
  return { data: out, width: info.width, height: info.height, channels };
}

/** Reads the standard pixels, after `shape` (such as a resize). Waits until the pixel budget allows it. */
export const takePixels = (
  image: Opened,
  shape: (pipeline: Sharp) => Sharp,
): Promise<{ data: Buffer; info: OutputInfo }> =>
  pixelBudget.hold(image.width * image.height, () =>
    withTimeout(shape(image.standard()).raw().toBuffer({ resolveWithObject: true })),
  );

/** The standard pixels as WebP with at most `sidePx` on the longer side, for originals that a browser cannot show. */
export const makePreview = (image: Opened, sidePx: number): Promise<Buffer> =>
  pixelBudget.hold(image.width * image.height, () =>
    withTimeout(
      image
        .standard()
        .resize(sidePx, sidePx, { fit: 'inside', withoutEnlargement: true })
        .webp({ quality: 92 })
        .toBuffer(),
    ),
  );
