/**
 * The formats that Winnow knows, one record each: their names, extensions and signatures. A file is recognised by its first bytes; the extension decides only for
 * formats without a signature. Formats without a decoder (here and in `format-unread.ts`) are recognised too, so that their files are listed with the reason and never
 * passed over.
 */
import { basename } from 'node:path';
import { isJpegLs, unread } from './format-unread.ts';
import { startOfDicom } from './dicom-start.ts';
import { ascii, brands, starts, startsWith, type FormatRecord } from './signature.ts';
import { inflatedHead, isSvg } from './xml.ts';

/** The number of bytes at the start of a file that `formatOfBytes` needs. */
export const sniffBytes = 4096;

/**
 * Checks the first entry of an icon's directory: a reserved byte is zero, and the image comes after the directory. The four magic bytes alone would match other
 * files.
 */
const isDirectory = (head: Buffer) =>
  head[4] > 0 && head[5] === 0 && head[9] === 0 && head.readUInt32LE(18) >= 6 + head[4] * 16;

/**
 * The two letters 'BM' alone would match many text files: the size of the second header must be a known one, and the pixels come after it. The four bytes between belong to
 * the program that wrote the file.
 */
function isBitmap(head: Buffer): boolean {
  if (!startsWith(head, 'BM') || head.length < 18) return false;
  const [pixelsAt, size] = [head.readUInt32LE(10), head.readUInt32LE(14)];
  return [12, 16, 40, 52, 56, 64, 108, 124].includes(size) && (pixelsAt === 0 || pixelsAt >= 14 + size);
}

// The order matters where one signature is the start of another.
const records = {
  jpeg: {
    title: 'JPEG',
    decoder: 'sharp',
    extensions: ['jpg', 'jpeg', 'jpe', 'jfif'],
    media: 'image/jpeg',
    matches: (head) => starts(head, 0xff, 0xd8, 0xff) && !isJpegLs(head),
  },
  png: {
    title: 'PNG',
    decoder: 'sharp',
    extensions: ['png', 'apng'],
    media: 'image/png',
    matches: (head) => starts(head, 0x89, 0x50, 0x4e, 0x47),
  },
  gif: {
    title: 'GIF',
    decoder: 'sharp',
    extensions: ['gif'],
    media: 'image/gif',
    matches: (head) => startsWith(head, 'GIF8'),
  },
  webp: {
    title: 'WebP',
    decoder: 'sharp',
    extensions: ['webp'],
    media: 'image/webp',
    matches: (head) => startsWith(head, 'RIFF') && ascii(head, 8, 12) === 'WEBP',
  },
  raw: {
    title: 'camera raw',
    decoder: 'worker',
    extensions: ['dng', 'nef', 'cr2', 'cr3', 'arw', 'raf', 'orf', 'rw2', 'pef', 'srw', 'nrw', '3fr', 'iiq', 'x3f'],
    matches: (head) =>
      startsWith(head, 'FUJIFILMCCD-RAW') ||
      startsWith(head, 'FOVb') ||
      startsWith(head, 'IIRO') ||
      startsWith(head, 'MMOR') ||
      startsWith(head, 'IIRS') ||
      startsWith(head, 'IIU\0') ||
      (startsWith(head, 'II*\0') && ascii(head, 8, 10) === 'CR') ||
      /crx /.test(brands(head)),
  },
  tiff: {
    title: 'TIFF',
    decoder: 'sharp',
    extensions: ['tif', 'tiff'],
    matches: (head) =>
      starts(head, 0x49, 0x49, 0x2a, 0) ||
      starts(head, 0x4d, 0x4d, 0, 0x2a) ||
      starts(head, 0x49, 0x49, 0x2b, 0) ||
      starts(head, 0x4d, 0x4d, 0, 0x2b),
  },
  bmp: {
    title: 'BMP',
    decoder: 'worker',
    extensions: ['bmp', 'dib'],
    media: 'image/bmp',
    matches: isBitmap,
  },
  avif: {
    title: 'AVIF',
    decoder: 'sharp',
    extensions: ['avif'],
    media: 'image/avif',
    matches: (head) => /avif|avis/.test(brands(head)),
  },
  heic: {
    title: 'HEIC',
    decoder: 'worker',
    extensions: ['heic', 'heif', 'hif'],
    matches: (head) => /hei[cxms]|hev[cxms]|mif1|msf1/.test(brands(head)),
  },
  jp2: {
    title: 'JPEG 2000',
    decoder: 'worker',
    extensions: ['jp2', 'j2k', 'jpx', 'jpf', 'j2c', 'jpc'],
    matches: (head) => starts(head, 0, 0, 0, 0x0c, 0x6a, 0x50, 0x20, 0x20) || starts(head, 0xff, 0x4f, 0xff, 0x51),
  },
  jxl: {
    title: 'JPEG XL',
    decoder: 'worker',
    extensions: ['jxl'],
    matches: (head) => starts(head, 0, 0, 0, 0x0c, 0x4a, 0x58, 0x4c) || (starts(head, 0xff, 0x0a) && head.length > 12),
  },
  psd: {
    title: 'Photoshop',
    decoder: 'worker',
    extensions: ['psd', 'psb'],
    matches: (head) => startsWith(head, '8BPS'),
  },
  exr: {
    title: 'OpenEXR',
    decoder: 'worker',
    extensions: ['exr'],
    matches: (head) => starts(head, 0x76, 0x2f, 0x31, 0x01),
  },
  hdr: {
    title: 'Radiance HDR',
    decoder: 'worker',
    extensions: ['hdr', 'rgbe'],
    matches: (head) => startsWith(head, '#?RADIANCE') || startsWith(head, '#?RGBE'),
  },
  dds: { title: 'DDS', decoder: 'worker', extensions: ['dds'], matches: (head) => startsWith(head, 'DDS ') },
  qoi: { title: 'QOI', decoder: 'worker', extensions: ['qoi'], matches: (head) => startsWith(head, 'qoif') },
  pfm: {
    title: 'PFM',
    decoder: 'worker',
    extensions: ['pfm'],
    matches: (head) => /^P[Ff]\s+\d/.test(ascii(head, 0, 16)),
  },
  pnm: {
    title: 'PNM',
    decoder: 'worker',
    extensions: ['ppm', 'pgm', 'pbm', 'pnm', 'pam'],
    matches: (head) => /^P(?:[1-6]\s+[#\d]|7\n)/.test(ascii(head, 0, 16)),
  },
  ico: {
    title: 'ICO',
    decoder: 'worker',
    extensions: ['ico', 'cur'],
    matches: (head) => (starts(head, 0, 0, 1, 0) || starts(head, 0, 0, 2, 0)) && head.length >= 22 && isDirectory(head),
  },
  jpegls: { title: 'JPEG-LS', decoder: 'worker', extensions: ['jls'], matches: isJpegLs },
  dicom: {
    title: 'DICOM',
    decoder: 'worker',
    extensions: ['dcm', 'dicom', 'ima'],
    matches: (head) => startOfDicom(head) !== null,
  },
  svg: { title: 'SVG', decoder: 'sharp', extensions: ['svg'], media: 'image/svg+xml', matches: isSvg },
  svgz: {
    title: 'SVGZ',
    decoder: 'sharp',
    extensions: ['svgz'],
    matches: (head) => starts(head, 0x1f, 0x8b) && isSvg(inflatedHead(head)),
  },
  tga: { title: 'TGA', decoder: 'worker', extensions: ['tga'] },
  ...unread,
} as const satisfies Record<string, FormatRecord>;

export type Format = keyof typeof records;

/** The formats in the order in which signatures are tried. */
export const formats: Readonly<Record<Format, FormatRecord>> = records;

const all = Object.entries(formats) as [Format, FormatRecord][];
const byExtension = new Map(all.flatMap(([id, { extensions }]) => extensions.map((name) => [name, id] as const)));

/** Formats that every browser can show. */
export const browserFormats: ReadonlySet<string> = new Set(all.filter(([, { media }]) => media).map(([id]) => id));

/** The format by the extension; null if it is not one of an image. */
export function formatOfName(path: string): Format | null {
  const [stem, ...parts] = basename(path).toLowerCase().split('.');
  if (!stem && parts.length < 2) return null; // '.png' is a hidden file without an extension
  return byExtension.get(parts.slice(-2).join('.')) ?? byExtension.get(parts.at(-1) ?? '') ?? null;
}

/** The format by the first bytes of the file (at least `sniffBytes`, if it has as many); null if they are not those of an image. */
export function formatOfBytes(head: Buffer): Format | null {
  if (head.length < 4) return null;
  return all.find(([, { matches }]) => matches?.(head))?.[0] ?? null;
}
