/**
 * Decodes the bytes of a file to standard pixels, which thumbnails, training and error maps all use: EXIF orientation applied, 8-bit sRGB, transparency on white,
 * the first frame. Measurements are stretched (`levels.ts`); SVG is rendered at about 1,024 px. If a file cannot be decoded, a `DecodeError` with the code and
 * message of an issue is thrown.
 */
import sharp, { type OutputInfo, type Sharp, type SharpOptions } from 'sharp';
import { ownFault } from '../file/fault.ts';
import { decodeInWorker } from './decode-in-worker.ts';
import { findPictures, isCameraRaw, shownAs } from './camera-raw.ts';
import { withOrientation } from './embedded-jpeg.ts';
import { largestOfIco } from './decode-ico.ts';
import { native } from '../native/index.ts';
import { heifFrames } from './boxes.ts';
import { withPngProfile } from './colour-png.ts';
import { asStill, readSamples, samplesFromSharp } from './colour-sharp.ts';
import { prepareSvg } from './decode-svg.ts';
import { formatOfBytes, formatOfName, formats, type Format } from './format.ts';
import { countScans, maxScans, plainHeader, pngFrames, unreadJpeg } from './header.ts';
import {
  checkSides,
  corrupt,
  DecodeError,
  DecoderHung,
  truncated,
  withTimeout,
  maxPixels,
  maxPixelsWhole,
  maxSeconds,
  type Raw,
} from './raw.ts';
import { pixelBudget } from './budget.ts';
import { levelsFor, rangeOfValues, stretch, type Levels } from './levels.ts';
import { usualRendering, type Rendering } from './rendering.ts';
import { inSrgb, matrixConversion } from './profile-matrix.ts';
import { wrapTiff } from './wrap-tiff.ts';
import type { WorkerFormat } from './decode-worker.ts';
import type { ValueRange } from '../contract/types.ts';
import { isMeasuredPng, readMeasuredPng } from './measured-png.ts';
import { sharpPlan } from './tiff-picture.ts';
import { damagedChunk, endsEarly } from './truncation.ts';

export { DecodeError };

sharp.cache(false); // each file is read once: a cache would only take memory
sharp.concurrency(1); // images are decoded in parallel, so one image uses one thread

/** Pixels times scans that the native reader may decode: it cannot be interrupted. */
const maxPlainWork = 500_000_000;

export interface Opened {
  format: Format;
  /** In pixels, after orientation. */
  width: number;
  height: number;
  frames: number;
  /** What the picture is, if it is not all of the file; see `Raw`. */
  notice?: string;
  /** The values of an image of measurements. */
  values?: ValueRange;
  /** The file, if the native reader can decode it. */
  plain?: Buffer;
  /** The samples, if a decoder of our own has read them. */
  decoded?: Raw;
  /** A new pipeline that yields the standard pixels: resize it, then read them. It may hold all samples, so ask for it within the pixel budget. */
  standard(): Promise<Sharp>;
}

/**
 * The format of a file that starts with `head`. The extension of `path` decides only for formats without a signature. Throws DecodeError if Winnow cannot
 * decode the format.
 */
export function decodableFormat(head: Buffer, path: string): Format {
  if (head.length === 0) throw new DecodeError('empty', 'The file is empty (0 bytes).');
  const named = formatOfName(path);
  const format =
    named && formats[named].isIndex
      ? named
      : (formatOfBytes(head) ?? (named && !('matches' in formats[named]) ? named : null));
  if (!format) {
    throw new DecodeError(
      'not-an-image',
      `The content is not an image${named ? `, though the name says ${formats[named].title}` : ''}.`,
    );
  }
  if (format === 'tiff' && isCameraRaw(head)) return 'raw';
  if (!formats[format].decoder)
    throw new DecodeError('unsupported-format', `Winnow does not read ${formats[format].title} files yet.`);
  return format;
}

/** Opens an image. `bytes`: the whole file. `rendering`: that of its folder. Throws DecodeError. */
export async function openImage(bytes: Buffer, path: string, rendering: Partial<Rendering> = {}): Promise<Opened> {
  const format = decodableFormat(bytes, path);
  try {
    const opened = await openAs(format, bytes, { ...usualRendering, ...rendering });
    checkSides(opened.width, opened.height);
    return opened;
  } catch (error) {
    throw toDecodeError(error, bytes);
  }
}

async function openAs(format: Format, bytes: Buffer, rendering: Rendering): Promise<Opened> {
  const { levels } = rendering;
  if (format === 'ico') {
    const largest = largestOfIco(bytes);
    if (largest.isPng) return { ...(await fromSharp('png', largest.bytes, levels)), format };
  }
  if (format === 'tiff') return await openTiff(bytes, rendering);
  if (format === 'svg' || format === 'svgz') return await openSvg(format, bytes);
  if (format === 'raw') return await openCameraRaw(bytes, levels);
  return formats[format].decoder === 'worker'
    ? await openInWorker(format as WorkerFormat, bytes, rendering)
    : await fromSharp(format, bytes, levels);
}

/**
 * Converts a decoder's error to a DecodeError. No text of a library is shown, and that of libvips may even be about another file: the file's own bytes decide what is wrong
 * with it. Throws WinnowError if the file is not the cause.
 */
export function toDecodeError(error: unknown, bytes?: Buffer): DecodeError {
  if (error instanceof DecodeError && error.code !== 'corrupt') return error;
  const own = error instanceof DecodeError ? null : ownFault(error); // such as lack of memory: not an issue of the image
  if (own) throw own;
  if (bytes && endsEarly(bytes)) return truncated();
  if (error instanceof DecodeError) return error;
  if (error instanceof Error && error.message === pixelLimit)
    return new DecodeError('too-large', `The image is larger than ${Math.round(maxPixels / 1e6)} megapixels.`);
  const part = bytes && damagedChunk(bytes);
  return corrupt(part ? `the checksum of its ${part} part is wrong` : undefined);
}

/** sharp's own message, which does not come from libvips. */
const pixelLimit = 'Input image exceeds pixel limit';

async function openInWorker(format: WorkerFormat, bytes: Buffer, { levels, plane }: Rendering): Promise<Opened> {
  const decoded = await decodeInWorker(format, bytes, plane);
  if (!('file' in decoded)) return fromRaw(format, decoded, levels);
  const png = Buffer.from(decoded.file.buffer, decoded.file.byteOffset, decoded.file.length); // in sRGB
  const options = { failOn: 'error', limitInputPixels: maxPixels } as const;
  const { width, height, depth } = await withTimeout(sharp(png, options).metadata());
  const isDeep = depth !== 'uchar';
  return {
    format,
    width,
    height,
    frames: decoded.frames,
    standard: async () => standardise(sharp(png, options), { isDeep }),
  };
}

/** A TIFF: sharp reads the plain kinds, our own decoder the others. */
async function openTiff(bytes: Buffer, rendering: Rendering): Promise<Opened> {
  const plan = sharpPlan(bytes, rendering.plane);
  if (!plan) return openInWorker('tiff', bytes, rendering);
  const { options, steps, deepProfile, ...opened } = plan;
  return {
    format: 'tiff',
    ...opened,
    standard: () => standardOf(bytes, options, steps, { ...opened, profile: deepProfile }),
  };
}

async function openSvg(format: Format, bytes: Buffer): Promise<Opened> {
  const { drawing, options, width, height } = await prepareSvg(bytes);
  return { format, width, height, frames: 1, standard: async () => standardise(sharp(drawing, options)) };
}

/** A camera raw file: the largest picture in it that can be read. */
async function openCameraRaw(bytes: Buffer, levels: Levels): Promise<Opened> {
  const raw = findPictures(bytes);
  const notice = 'preview of a raw file';
  for (const found of raw.jpegs) {
    if (raw.picture && raw.picture.width * raw.picture.height > found.width * found.height) break;
    const jpeg = bytes.subarray(found.at, found.end);
    const own = await orientationOfJpeg(jpeg);
    if (!own) continue; // damaged, or other bytes that look like JPEG
    const { orientation, ...size } = shownAs(raw, found, own);
    return { ...(await fromSharp('jpeg', withOrientation(jpeg, orientation), levels)), ...size, format: 'raw', notice };
  }
  if (raw.picture) {
    const picture = (await decodeInWorker('raw', bytes)) as Raw;
    const { orientation, ...size } = shownAs(raw, picture, picture.orientation ?? 1);
    const opened = fromRaw('raw', { ...picture, orientation }, levels);
    return raw.picture.isWhole ? opened : { ...opened, ...size, notice };
  }
  if (endsEarly(bytes)) throw truncated();
  throw new DecodeError('unsupported-format', 'Winnow does not read RAW files without a preview.');
}

/** Decodes a JPEG at a small size; null if it is damaged. */
async function orientationOfJpeg(jpeg: Buffer): Promise<number | null> {
  try {
    if (countScans(jpeg) > maxScans) return null;
    const image = sharp(jpeg, { failOn: 'error', limitInputPixels: maxPixels }).timeout({ seconds: maxSeconds });
    const { orientation = 1 } = await withTimeout(image.metadata());
    await withTimeout(image.resize(8, 8, { fit: 'fill' }).raw().toBuffer());
    return orientation;
  } catch (error) {
    if (error instanceof DecoderHung || ownFault(error)) throw error;
    return null;
  }
}

async function fromSharp(format: Format, file: Buffer, levels: Levels): Promise<Opened> {
  const options = { failOn: 'error', limitInputPixels: maxPixels, page: 0, pages: 1 } as const;
  if (format === 'png' && isMeasuredPng(file)) return fromRaw(format, await readMeasuredPng(file), levels);
  const { bytes, notice } =
    format === 'png' ? withPngProfile(file) : { bytes: format === 'avif' ? asStill(file) : file, notice: undefined };
  const scans = format === 'jpeg' ? countScans(bytes) : 1;
  if (scans > maxScans)
    throw new DecodeError(
      'too-slow',
      `The JPEG has more than ${maxScans} scans and would take too long to read. Save it again with another program.`,
    );
  const still = { format, frames: 1, notice };
  const size = native?.head(bytes);
  if (size && size[0] * size[1] * scans <= maxPlainWork) {
    const [width, height] = size;
    return { ...still, width, height, plain: bytes, standard: async () => standardise(sharp(bytes, options)) };
  }
  const plain = plainHeader(bytes);
  if (plain && plain.width * plain.height <= maxPixels) {
    const { width, height, hasAlpha } = plain;
    return {
      ...still,
      width,
      height,
      standard: async () => standardise(sharp(bytes, options), { isTurned: false, hasAlpha }),
    };
  }
  const unread = format === 'jpeg' ? unreadJpeg(bytes) : null;
  if (unread) throw new DecodeError('unsupported-format', `Winnow does not read ${unread} files yet.`);
  const meta = await withTimeout(sharp(bytes, options).metadata());
  const counted = format === 'png' ? pngFrames(bytes) : format === 'avif' ? heifFrames(bytes) : 1;
  const frames = Math.max(counted, meta.pages ?? 1);
  const samples = await samplesFromSharp(bytes, options, meta);
  if (samples) return fromRaw(format, { notice, ...samples, frames }, levels);
  const { width, height } = meta.autoOrient;
  const isDeep = meta.depth !== 'uchar' && meta.icc !== undefined;
  const deep = { width, height, profile: isDeep && meta.space === 'rgb16' ? meta.icc : null };
  return { format, width, height, frames, notice, standard: () => standardOf(bytes, options, { isDeep }, deep) };
}

interface Steps {
  isTurned?: boolean;
  hasAlpha?: boolean;
  /** More than 8 bits per sample, and a profile. */
  isDeep?: boolean;
}

interface Deep {
  width: number;
  height: number;
  /** Of RGB of 16 bits. */
  profile?: Uint8Array | null;
}

/** The standard pixels of a file that sharp reads. Deep samples are converted here, if their profile is a matrix and they fit in memory. */
async function standardOf(
  file: Buffer,
  options: SharpOptions,
  steps: Steps,
  { width, height, profile }: Deep,
): Promise<Sharp> {
  if (!profile || width * height > maxPixelsWhole || !matrixConversion(profile))
    return standardise(sharp(file, options), steps);
  return ofSamples(await readSamples(file, options, { depth: 'ushort', width, height }, { profile }));
}

/** Converts to standard pixels. Each operation takes as long as decoding a small image, so unnecessary ones are skipped. */
function standardise(image: Sharp, { isTurned = true, hasAlpha = true, isDeep = false }: Steps = {}): Sharp {
  image.timeout({ seconds: maxSeconds });
  if (isTurned) image.autoOrient();
  if (hasAlpha) image.flatten({ background: '#fff' });
  image.toColourspace('srgb');
  // sharp converts deep images with a profile to Display P3 for its own work, and only an output profile brings them back.
  return isDeep ? image.withIccProfile('srgb') : image;
}

/** An image from the samples of a decoder: measurements are stretched, then the profile and the orientation are applied. */
function fromRaw(format: Format, decoded: Raw, levels: Levels): Opened {
  const { width, height, notice, frames = 1 } = decoded;
  const values = decoded.measured && rangeOfValues(decoded.measured.kind, decoded.data);
  const data = decoded.measured
    ? stretch(decoded.data, values ? levelsFor(values, levels) : [0, 1])
    : (decoded.data as Uint8Array | Uint16Array);
  const isTurned = (decoded.orientation ?? 1) > 4;
  return {
    format,
    width: isTurned ? height : width,
    height: isTurned ? width : height,
    frames,
    notice,
    decoded,
    ...(values && { values }),
    standard: async () => ofSamples({ ...decoded, data }),
  };
}

/** `raw`: 8 or 16 bits per sample. */
function ofSamples(raw: Raw): Sharp {
  const { data, width, height, channels, profile, orientation = 1, isCmyk = false } = inSrgb(raw);
  const isDeep = data.BYTES_PER_ELEMENT > 1;
  const steps = { isTurned: orientation > 1, hasAlpha: channels === 4 && !isCmyk, isDeep: isDeep && !!profile };
  const isPlain = !profile && !steps.isTurned && !isDeep && !isCmyk;
  const input = isPlain ? data : wrapTiff({ data, width, height, channels, profile, orientation, isCmyk });
  return standardise(
    sharp(input, { limitInputPixels: maxPixels, ...(isPlain && { raw: { width, height, channels } }) }),
    steps,
  );
}

/** Reads the standard pixels, after `shape` (such as a resize). Waits until the pixel budget allows it. */
export const takePixels = (
  image: Opened,
  shape: (pipeline: Sharp) => Sharp,
): Promise<{ data: Buffer; info: OutputInfo }> =>
  pixelBudget.hold(image.width * image.height, async () =>
    withTimeout(
      shape(await image.standard())
        .raw()
        .toBuffer({ resolveWithObject: true }),
    ),
  );

/** The standard pixels as WebP with at most `sidePx` on the longer side, for originals that a browser cannot show. */
export const makePreview = (image: Opened, sidePx: number): Promise<Buffer> =>
  pixelBudget.hold(image.width * image.height, async () =>
    withTimeout(
      (await image.standard())
        .resize(sidePx, sidePx, { fit: 'inside', withoutEnlargement: true })
        .webp({ quality: 92 })
        .toBuffer(),
    ),
  );
