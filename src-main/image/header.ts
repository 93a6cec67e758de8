/**
 * Reads the size of a JPEG or PNG from its first segments, since libvips takes as long for this as for decoding a small image. If the header is unusual (EXIF, which
 * may rotate the image; an unexpected marker), the result is null, and the caller uses libvips.
 */
export interface PlainHeader {
  width: number;
  height: number;
  hasAlpha: boolean;
}

/** `bytes`: a JPEG or PNG file; for other formats the result is null. */
export function plainHeader(bytes: Buffer): PlainHeader | null {
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return jpegHeader(bytes);
  if (bytes.length > 33 && bytes.readUInt32BE(0) === 0x89504e47) return pngHeader(bytes);
  return null;
}

function jpegHeader(bytes: Buffer): PlainHeader | null {
  for (let at = 2; at + 10 <= bytes.length;) {
    const [mark, kind, length] = [bytes[at], bytes[at + 1], bytes.readUInt16BE(at + 2)];
    if (mark !== 0xff || length < 2) return null;
    // APP1 can contain EXIF.
    if (kind === 0xe1) return null;
    if (kind === 0xc0 || kind === 0xc1 || kind === 0xc2) {
      const [height, width, components] = [bytes.readUInt16BE(at + 5), bytes.readUInt16BE(at + 7), bytes[at + 9]];
      return width && height && (components === 1 || components === 3) ? { width, height, hasAlpha: false } : null;
    }
    const isTable = kind === 0xdb || kind === 0xc4 || kind === 0xdd || kind === 0xfe || (kind >= 0xe0 && kind <= 0xef);
    if (!isTable) return null;
    at += 2 + length;
  }
  return null;
}

/** A JPEG with more scans is refused: a scan of a few bytes can cover the whole image, so a small file would take minutes. */
export const maxScans = 500;

/** Counts the scans of a JPEG, up to one above the limit. Most JPEGs have one scan; for them only the header is read. */
export function countScans(bytes: Buffer): number {
  let components = 0;
  let isProgressive = false;
  let at = 2;
  for (; at + 10 <= bytes.length; at += 2 + bytes.readUInt16BE(at + 2)) {
    while (bytes[at] === 0xff && bytes[at + 1] === 0xff) at++; // fill bytes
    if (bytes[at] !== 0xff || at + 10 > bytes.length) return 1;
    const kind = bytes[at + 1];
    if (kind === 0xda) break;
    if (kind >= 0xc0 && kind <= 0xcf && kind !== 0xc4 && kind !== 0xc8 && kind !== 0xcc) {
      components = bytes[at + 9];
      isProgressive = (kind & 3) === 2;
    }
  }
  // As in libjpeg: if the first scan contains all components, nothing after it is read.
  if (!isProgressive && bytes[at + 4] >= components) return 1;
  let scans = 0;
  for (; at >= 0 && scans <= maxScans; at = bytes.indexOf(startOfScan, at + 2)) scans++;
  return scans;
}

const startOfScan = Buffer.of(0xff, 0xda);

function pngHeader(bytes: Buffer): PlainHeader | null {
  const [width, height, depth, colour] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20), bytes[24], bytes[25]];
  if (bytes.toString('latin1', 12, 16) !== 'IHDR' || !width || !height || depth > 8) return null;
  let hasAlpha = colour === 4 || colour === 6;
  for (let at = 33; at + 8 <= bytes.length;) {
    const kind = bytes.toString('latin1', at + 4, at + 8);
    if (kind === 'IDAT') return { width, height, hasAlpha };
    if (kind === 'eXIf' || kind === 'acTL' || kind === 'zTXt' || kind === 'iTXt' || kind === 'tEXt') return null; // text chunks may contain EXIF
    if (kind === 'tRNS') hasAlpha = true;
    at += 12 + bytes.readUInt32BE(at);
  }
  return null;
}
