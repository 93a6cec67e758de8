/**
 * The one way from bytes to pixels. Thumbnails, training, maps and exports use the same standard pixels: EXIF orientation applied, sRGB with 8
 * bits, transparency on white, the first frame; floating-point images stretched from minimum to maximum; SVG rendered at about 1,024 px. A file
 * that cannot be decoded throws a `DecodeError` with an issue's code and message.
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

sharp.cache(false); // files are read once; the cache would only hold memory
sharp.concurrency(1); // parallel over images, not within one

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

/** The format of a file that starts with `head`. The extension of `path` decides where the bytes do not. Throws DecodeError where Winnow cannot decode it. */
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

/** `bytes` is the whole file. Throws DecodeError. */
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
 * Converts a decoder's error to an issue. Whether the file is truncated is read from its own bytes: libvips shares one error buffer among all
 * threads, so its text may be about another file. For the same reason only a single-line text is passed on. Throws WinnowError for an error
 * that is not the file's.
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
  // A TIFF feature that libvips was built without is not damage.
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
  // Line noise in a fax is not damage: a fax is read up to its end, as every viewer does.
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
    // Rendered so that the longer side has enough pixels. Rendered from memory, an SVG cannot load other files.
    const density = Math.min(2400, Math.max(1, (72 * svgSidePx) / Math.max(meta.width, meta.height, 1)));
    const drawn = { ...options, density };
    const size = await withTimeout(sharp(bytes, drawn).metadata());
    return { format, width: size.width, height: size.height, frames, standard: () => standardise(sharp(bytes, drawn)) };
  }
  if (meta.depth === 'float' || meta.depth === 'double') return fromRaw(format, await stretchFloat(bytes, meta));
  const { width, height } = meta.autoOrient;
  return { format, width, height, frames, standard: () => standardise(sharp(bytes, options)) };
}

/** Each operation costs as much as decoding a small image, so those that the header makes unnecessary are skipped. sharp outputs sRGB by default. */
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

/** Measurements have no natural black and white: finite values are stretched from minimum to maximum; the rest is black. */
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

/** Reads the standard pixels of a pipeline, when the pixel budget allows it. */
export const takePixels = (
  image: Opened,
  shape: (pipeline: Sharp) => Sharp,
): Promise<{ data: Buffer; info: OutputInfo }> =>
  pixelBudget.hold(image.width * image.height, () =>
    withTimeout(shape(image.standard()).raw().toBuffer({ resolveWithObject: true })),
  );

/** The standard pixels as WebP, at most `sidePx` on the longer side, for originals that a browser cannot show. */
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
