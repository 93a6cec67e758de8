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
  let size: PlainHeader | null = null;
  for (let at = 2; at + 10 <= bytes.length;) {
    const [mark, kind, length] = [bytes[at], bytes[at + 1], bytes.readUInt16BE(at + 2)];
    if (mark !== 0xff || length < 2) return null;
    // APP1 can contain EXIF, also behind the frame header.
    if (kind === 0xe1) return null;
    if (kind === 0xda) return size;
    if (kind === 0xc0 || kind === 0xc1 || kind === 0xc2) {
      const [height, width, components] = [bytes.readUInt16BE(at + 5), bytes.readUInt16BE(at + 7), bytes[at + 9]];
      if (size || bytes[at + 4] !== 8 || !width || !height || (components !== 1 && components !== 3)) return null;
      size = { width, height, hasAlpha: false };
    }
    const isTable = kind === 0xdb || kind === 0xc4 || kind === 0xdd || kind === 0xfe || (kind >= 0xe0 && kind <= 0xef);
    if (!isTable && kind > 0xc2) return null;
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

/** The name of a kind of JPEG that libjpeg does not read, such as '12-bit JPEG', by the frame header; null for the usual kinds. */
export function unreadJpeg(bytes: Buffer): string | null {
  for (let at = 2; at + 5 <= bytes.length && bytes[at] === 0xff;) {
    const kind = bytes[at + 1];
    if (kind === 0xff) {
      at++; // fill bytes
      continue;
    }
    if (kind === 0xda || kind === 0xd9) return null;
    if (kind === 0xf7) return 'JPEG-LS';
    if (kind === 0xde) return 'hierarchical JPEG';
    if (kind >= 0xc0 && kind <= 0xcf && kind !== 0xc4 && kind !== 0xc8 && kind !== 0xcc) {
      if (kind === 0xc3 || kind === 0xcb) return 'lossless JPEG';
      if (kind > 0xcb || (kind > 0xc3 && kind < 0xc8)) return 'hierarchical JPEG';
      const bits = bytes[at + 4];
      return bits === 8 ? null : `${bits}-bit JPEG`;
    }
    at += 2 + bytes.readUInt16BE(at + 2);
  }
  return null;
}

/** The frames of an animated PNG, by its acTL chunk, which stands in front of the image data; 1 for other files. A default image outside of the animation is not counted. */
export function pngFrames(bytes: Buffer): number {
  for (let at = 8; at + 16 <= bytes.length; at += 12 + bytes.readUInt32BE(at)) {
    const kind = bytes.toString('latin1', at + 4, at + 8);
    if (kind === 'acTL') return Math.max(1, bytes.readUInt32BE(at + 8));
    if (kind === 'IDAT') return 1;
  }
  return 1;
}
