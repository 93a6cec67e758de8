/** Detects image formats by their first bytes. The extension is only used for formats without a signature, and to decide whether an unreadable file is reported. */
import { extname } from 'node:path';

export type Format =
  | 'jpeg'
  | 'png'
  | 'webp'
  | 'gif'
  | 'tiff'
  | 'bmp'
  | 'avif'
  | 'heic'
  | 'svg'
  | 'ico'
  | 'jp2'
  | 'jxl'
  | 'psd'
  | 'tga'
  | 'exr'
  | 'pnm'
  | 'dds'
  | 'raw';

/** Formats that Winnow decodes. A file in another format becomes an issue. */
export const decodable: ReadonlySet<Format> = new Set([
  'jpeg',
  'png',
  'webp',
  'gif',
  'tiff',
  'bmp',
  'avif',
  'heic',
  'svg',
  'ico',
  'jp2',
  'pnm',
  'psd',
  'tga',
]);
/** Formats that every browser can show. */
export const browserFormats: ReadonlySet<string> = new Set(['jpeg', 'png', 'webp', 'gif', 'avif', 'bmp', 'svg']);

const extensions: Record<string, Format> = {
  jpg: 'jpeg',
  jpeg: 'jpeg',
  jpe: 'jpeg',
  jfif: 'jpeg',
  png: 'png',
  apng: 'png',
  webp: 'webp',
  gif: 'gif',
  tif: 'tiff',
  tiff: 'tiff',
  bmp: 'bmp',
  dib: 'bmp',
  avif: 'avif',
  heic: 'heic',
  heif: 'heic',
  hif: 'heic',
  svg: 'svg',
  ico: 'ico',
  cur: 'ico',
  jp2: 'jp2',
  j2k: 'jp2',
  jpx: 'jp2',
  jpf: 'jp2',
  j2c: 'jp2',
  jpc: 'jp2',
  jxl: 'jxl',
  psd: 'psd',
  tga: 'tga',
  exr: 'exr',
  ppm: 'pnm',
  pgm: 'pnm',
  pbm: 'pnm',
  pnm: 'pnm',
  pam: 'pnm',
  dds: 'dds',
  cr2: 'raw',
  cr3: 'raw',
  nef: 'raw',
  arw: 'raw',
  dng: 'raw',
  orf: 'raw',
  rw2: 'raw',
};

/** The media types of formats that browsers can show. */
export const mediaTypes: Partial<Record<Format, string>> = {
  jpeg: 'image/jpeg',
  png: 'image/png',
  webp: 'image/webp',
  gif: 'image/gif',
  avif: 'image/avif',
  bmp: 'image/bmp',
  svg: 'image/svg+xml',
};

/** The format by the extension; null if it is not one of an image. */
export const formatOfName = (path: string): Format | null => extensions[extname(path).slice(1).toLowerCase()] ?? null;

/** The number of bytes at the start of a file that `formatOfBytes` needs. */
export const sniffBytes = 512;

const starts = (head: Buffer, ...bytes: number[]) => bytes.every((byte, i) => head[i] === byte);
const ascii = (head: Buffer, from: number, to: number) => head.toString('latin1', from, to);

/**
 * Checks the first entry of an icon's directory: a reserved byte is zero, and the image comes after the directory. The four magic bytes alone would match other
 * files.
 */
const isDirectory = (head: Buffer) =>
  head[4] > 0 && head[5] === 0 && head[9] === 0 && head.readUInt32LE(18) >= 6 + head[4] * 16;

/** The format by the first bytes of the file (`sniffBytes`); null if they are not those of an image. */
export function formatOfBytes(head: Buffer): Format | null {
  if (head.length < 4) return null;
  if (starts(head, 0xff, 0xd8, 0xff)) return 'jpeg';
  if (starts(head, 0x89, 0x50, 0x4e, 0x47)) return 'png';
  if (ascii(head, 0, 4) === 'GIF8') return 'gif';
  if (ascii(head, 0, 4) === 'RIFF' && ascii(head, 8, 12) === 'WEBP') return 'webp';
  if (
    starts(head, 0x49, 0x49, 0x2a, 0) ||
    starts(head, 0x4d, 0x4d, 0, 0x2a) ||
    starts(head, 0x49, 0x49, 0x2b, 0) ||
    starts(head, 0x4d, 0x4d, 0, 0x2b)
  )
    return 'tiff';
  // 'BM' and four reserved zeros: the two letters alone would match many text files.
  if (ascii(head, 0, 2) === 'BM' && head.length >= 14 && head.readUInt32LE(6) === 0) return 'bmp';
  if (ascii(head, 4, 8) === 'ftyp') {
    const brands = ascii(head, 8, Math.min(head.length, Math.max(16, head.readUInt32BE(0))));
    if (/avif|avis/.test(brands)) return 'avif';
    if (/heic|heix|hevc|heim|heis|mif1|msf1/.test(brands)) return 'heic';
  }
  if (starts(head, 0, 0, 0, 0x0c, 0x6a, 0x50, 0x20, 0x20) || starts(head, 0xff, 0x4f, 0xff, 0x51)) return 'jp2';
  if (starts(head, 0, 0, 0, 0x0c, 0x4a, 0x58, 0x4c) || (starts(head, 0xff, 0x0a) && head.length > 12)) return 'jxl';
  if (ascii(head, 0, 4) === '8BPS') return 'psd';
  if (starts(head, 0x76, 0x2f, 0x31, 0x01)) return 'exr';
  if (ascii(head, 0, 4) === 'DDS ') return 'dds';
  if (/^P(?:[1-6]\s+[#\d]|7\n)/.test(ascii(head, 0, 16))) return 'pnm';
  if ((starts(head, 0, 0, 1, 0) || starts(head, 0, 0, 2, 0)) && head.length >= 22 && isDirectory(head)) return 'ico';
  if (
    /^\uFEFF?\s*(?:<\?xml[^>]*>\s*)?(?:<!--[\s\S]*?-->\s*)*(?:<!DOCTYPE svg[^>]*>\s*)?<svg[\s>]/i.test(
      head.toString('utf8'),
    )
  )
    return 'svg';
  return null;
}
