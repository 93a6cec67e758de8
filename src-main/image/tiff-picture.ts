/**
 * Which picture of a TIFF is shown, and who reads it: sharp, if libvips reads its kind right, or our own decoder (`decode-tiff.ts`). Kinds that neither reads are
 * named. This depends on the file's own tags only: libvips has one text of errors for all threads, which may be about another file.
 */
import type { Plane } from '../contract/plane.ts';
import { DecodeError, checkSize, maxPixels } from './raw.ts';
import { stackOf } from './tiff-stack.ts';
import { Directory, tag, Tiff } from './tiff.ts';

export interface Picture {
  directory: Directory;
  page: number;
  /** The picture is this part (SubIFD) of the page. */
  part?: number;
  /** Pages of full resolution. */
  frames: number;
  /** Which of several pages, channels or planes it is. */
  notice?: string;
}

/** Bits of NewSubfileType. */
const [reduced, mask] = [1, 4];

const kindOf = (directory: Directory) =>
  directory.has(tag.newSubfileType) || directory.number(tag.subfileType, 1) !== 2
    ? directory.number(tag.newSubfileType, 0)
    : reduced;

/** A picture of full resolution: neither a reduced version nor a mask of another one. */
export const isFull = (directory: Directory) => !(kindOf(directory) & (reduced | mask)) && directory.has(tag.width);

const areaOf = (directory: Directory) => directory.number(tag.width, 0) * directory.number(tag.height, 0);

/** The page of full resolution that is the chosen plane; if there is none, the first such part of a page; else the largest page. Throws DecodeError. */
export function pictureOf(tiff: Tiff, plane: Plane = {}): Picture {
  const pages = tiff.directories;
  const full = pages.flatMap((directory, page) => (isFull(directory) ? [page] : []));
  if (full.length) {
    const stack = stackOf(pages[full[0]], full, plane);
    return { directory: pages[stack.page], ...stack };
  }
  const parts = pages.flatMap((directory, page) =>
    tiff.partsOf(directory).map((inner, part) => ({ directory: inner, page, part })),
  );
  const fullParts = parts.filter(({ directory }) => isFull(directory));
  if (fullParts.length)
    return {
      ...fullParts[0],
      frames: fullParts.length,
      ...(fullParts.length > 1 && { notice: `part 1 of ${fullParts.length}` }),
    };
  const largest = pages.reduce((best, directory, page) => (areaOf(directory) > areaOf(pages[best]) ? page : best), 0);
  return { directory: pages[largest], page: largest, frames: 1 };
}

/** How the samples of a directory are stored. */
export interface Layout {
  width: number;
  height: number;
  bits: number;
  /** Of the sample format: unsigned and signed integers, floating point. */
  type: 'uint' | 'int' | 'float';
  samples: number;
  photometric: number;
  compression: number;
  isPlanar: boolean;
  predictor: number;
  /** The number of samples that are colours by the photometric interpretation; those after them are extra. */
  colours: number;
  /** The sample that is alpha; -1 for none. */
  alpha: number;
  orientation: number;
  profile: Buffer | null;
}

export const photometrics = {
  whiteIsZero: 0,
  blackIsZero: 1,
  rgb: 2,
  palette: 3,
  mask: 4,
  cmyk: 5,
  yCbCr: 6,
  lab: 8,
  iccLab: 9,
} as const;
const p = photometrics;
const coloursOf: Readonly<Record<number, number>> = {
  [p.whiteIsZero]: 1,
  [p.blackIsZero]: 1,
  [p.rgb]: 3,
  [p.palette]: 1,
  [p.mask]: 1,
  [p.cmyk]: 4,
  [p.yCbCr]: 3,
  [p.lab]: 3,
  [p.iccLab]: 3,
};
const otherPhotometrics: Readonly<Record<number, string>> = {
  10: 'ITU Lab colours',
  32803: 'samples of a colour filter array',
  32844: 'LogL values',
  32845: 'LogLuv colours',
  34892: 'linear raw samples',
  51177: 'depths of a DNG',
  52527: 'semantic masks',
};
export const compressions = {
  none: 1,
  lzw: 5,
  jpegOld: 6,
  jpeg: 7,
  deflate: 8,
  deflateOld: 32946,
  packBits: 32773,
  jp2Aperio: 33003,
  jp2AperioRgb: 33005,
  lerc: 34887,
  jp2: 34712,
  zstd: 50000,
  webp: 50001,
} as const;
const c = compressions;
const otherCompressions: Readonly<Record<number, string>> = {
  2: 'CCITT',
  3: 'fax',
  4: 'fax',
  [c.jpegOld]: 'old-style JPEG',
  [c.jpeg]: 'JPEG',
  [c.webp]: 'WebP',
  9: 'JBIG',
  10: 'JBIG',
  32766: 'NeXT',
  32771: 'CCITT',
  32809: 'ThunderScan',
  32895: 'IT8',
  32896: 'IT8',
  32897: 'IT8',
  32898: 'IT8',
  32908: 'Pixar film',
  32909: 'Pixar log',
  32947: 'DCS',
  34661: 'JBIG',
  34676: 'SGI log',
  34677: 'SGI log',
  34713: 'Nikon NEF',
  34715: 'JBIG2',
  34718: 'MDI',
  34892: 'lossy JPEG',
  34925: 'LZMA',
  34926: 'Zstandard of an old number',
  34927: 'WebP of an old number',
  34933: 'PNG',
  34934: 'JPEG XR',
  22610: 'JPEG XR',
  34887: 'LERC',
  50002: 'JPEG XL',
  52546: 'JPEG XL',
  65000: 'Kodak',
};

const unsupported = (what: string) =>
  new DecodeError('unsupported-format', `Winnow does not read TIFF with ${what} yet.`);
const compressionName = (compression: number) =>
  otherCompressions[compression] ? `${otherCompressions[compression]} compression` : `compression ${compression}`;

/** Throws DecodeError if the picture is of a kind that Winnow does not read at all. */
export function layoutOf(directory: Directory): Layout {
  const [width, height] = [directory.number(tag.width, 0), directory.number(tag.height, 0)];
  const samples = directory.number(tag.samples, 1);
  const allBits = directory.numbers(tag.bits);
  const bits = allBits[0] ?? 1;
  const formats = directory.numbers(tag.sampleFormat);
  const compression = directory.number(tag.compression, 1);
  const photometric = directory.number(tag.photometric, samples === 3 || samples === 4 ? p.rgb : p.blackIsZero);
  if (otherPhotometrics[photometric]) throw unsupported(otherPhotometrics[photometric]);
  if (!(photometric in coloursOf)) throw unsupported(`photometric interpretation ${photometric}`);
  if (allBits.slice(0, samples).some((n) => n !== bits))
    throw unsupported(`samples of different sizes (${allBits.slice(0, samples).join(', ')} bits)`);
  const format = formats[0] ?? 1;
  if (formats.slice(0, samples).some((n) => n !== format)) throw unsupported('samples of different types');
  if (format === 5 || format === 6) throw unsupported('complex numbers');
  if (![1, 2, 3, 4].includes(format)) throw unsupported(`sample format ${format}`);
  const type = format === 2 ? 'int' : format === 3 ? 'float' : 'uint';
  if (photometric === p.cmyk && (samples < 4 || directory.number(tag.inkSet, 1) !== 1))
    throw unsupported('inks other than cyan, magenta, yellow and black');
  // A file that calls two samples RGB has no colours.
  const colours = Math.min(coloursOf[photometric], samples) === coloursOf[photometric] ? coloursOf[photometric] : 1;
  const extra = directory.numbers(tag.extraSamples).slice(0, samples - colours);
  const alpha = extra.findIndex((kind) => kind === 1 || kind === 2);
  return {
    width,
    height,
    bits,
    type,
    samples,
    photometric: colours === 1 && coloursOf[photometric] > 1 ? p.blackIsZero : photometric,
    compression,
    isPlanar: directory.number(tag.planar, 1) === 2 && samples > 1,
    predictor: directory.number(tag.predictor, 1),
    colours,
    alpha: alpha < 0 ? -1 : colours + alpha,
    orientation: directory.number(tag.orientation, 1),
    profile: directory.blob(tag.profile),
  };
}

/** The values are measurements (`levels.ts`): not unsigned, of more than 16 bits, or gray of more than 8 bits without a profile. */
export const isMeasured = ({ type, bits, colours, photometric, profile }: Layout): boolean =>
  type !== 'uint' || bits > 16 || (bits > 8 && colours === 1 && photometric !== p.palette && !profile);

export interface SharpPlan {
  options: {
    page: number;
    pages: 1;
    tiff?: { subifd: number };
    failOn: 'truncated' | 'error';
    limitInputPixels: number;
  };
  steps: { isTurned: boolean; hasAlpha: boolean; isDeep: boolean };
  /** Of RGB of 16 bits. */
  deepProfile: Buffer | null;
  /** After orientation. */
  width: number;
  height: number;
  frames: number;
  notice?: string;
}

/** True if one of the two decoders reads such a picture. */
export const isReadable = (layout: Layout): boolean => suitsSharp(layout) || ownCompressions.has(layout.compression);

/** How sharp reads the picture of a TIFF; null if our own decoder reads it. Throws DecodeError. */
export function sharpPlan(bytes: Buffer, plane?: Plane): SharpPlan | null {
  const { directory, page, part, frames, notice } = pictureOf(new Tiff(bytes), plane);
  const layout = layoutOf(directory);
  const { width, height, compression, orientation, bits } = layout;
  if (!suitsSharp(layout)) {
    if (!ownCompressions.has(compression)) throw unsupported(compressionName(compression) + wrongFor(layout));
    return null;
  }
  if (width * height > maxPixels)
    throw new DecodeError('too-large', `The image is larger than ${Math.round(maxPixels / 1e6)} megapixels.`);
  if (!width || !height) checkSize(width, height);
  const isFax = compression >= 2 && compression <= 4;
  const [wide, high] = orientation > 4 && orientation <= 8 ? [height, width] : [width, height];
  return {
    // Transmission errors in a fax are normal: like every viewer, Winnow reads it to its end.
    options: {
      page,
      pages: 1,
      ...(part !== undefined && { tiff: { subifd: part } }),
      failOn: isFax ? 'truncated' : 'error',
      limitInputPixels: maxPixels,
    },
    steps: { isTurned: orientation > 1, hasAlpha: layout.alpha >= 0, isDeep: bits > 8 && !!layout.profile },
    deepProfile: bits > 8 && layout.photometric === p.rgb ? layout.profile : null,
    width: wide,
    height: high,
    frames,
    notice,
  };
}

/** The compressions of `unpack.ts`. */
const ownCompressions: ReadonlySet<number> = new Set([
  c.none,
  c.lzw,
  c.deflate,
  c.deflateOld,
  c.packBits,
  c.zstd,
  c.lerc,
  c.jp2,
  c.jp2Aperio,
  c.jp2AperioRgb,
]);
const sharpCompressions: ReadonlySet<number> = new Set([
  c.none,
  2,
  3,
  4,
  c.lzw,
  c.jpeg,
  c.deflate,
  c.deflateOld,
  c.packBits,
  c.webp,
]);
const isJpegLike = (compression: number) => compression === c.jpeg || compression === c.webp;

/** Of a compression that sharp reads: why it does not read this picture. */
const wrongFor = ({ compression, bits, samples, type }: Layout) =>
  sharpCompressions.has(compression)
    ? ` of ${samples} ${samples > 1 ? 'bands' : 'band'} with ${bits} bits${type === 'uint' ? '' : ' of another type'}`
    : '';

function suitsSharp(layout: Layout): boolean {
  const { bits, type, samples, photometric, compression, isPlanar, colours, alpha, predictor } = layout;
  if (!sharpCompressions.has(compression) || isMeasured(layout) || type !== 'uint' || predictor > 2) return false;
  const isPlain = samples === colours || (samples === colours + 1 && alpha === colours);
  if (!isPlain || (isPlanar && !isJpegLike(compression))) return false;
  switch (photometric) {
    case p.whiteIsZero:
    case p.blackIsZero:
      // sharp applies no profile to gray of 16 bits.
      return bits === 8 || (bits === 16 && !layout.profile) || (samples === 1 && [1, 2, 4].includes(bits));
    case p.palette:
      return samples === 1 && [1, 2, 4, 8].includes(bits);
    case p.rgb:
    case p.cmyk:
      return bits === 8 || bits === 16;
    case p.yCbCr:
      return bits === 8 && isJpegLike(compression);
    default:
      return false;
  }
}
