/** Finds JPEG images inside other files by their structure, and gives them another orientation. */

export interface FoundJpeg {
  /** Where it starts and ends in the file. */
  at: number;
  end: number;
  width: number;
  height: number;
}

const start = Buffer.of(0xff, 0xd8, 0xff);

/** All complete JPEG images of 8 bits with one or three components, also those inside of others. */
export function jpegsIn(bytes: Buffer): FoundJpeg[] {
  const found: FoundJpeg[] = [];
  for (let at = bytes.indexOf(start); at >= 0; at = bytes.indexOf(start, at + 2)) {
    const jpeg = jpegAt(bytes, at);
    if (jpeg) found.push(jpeg);
  }
  return found;
}

const [startOfScan, endOfImage] = [0xda, 0xd9];
const isRestart = (kind: number) => kind >= 0xd0 && kind <= 0xd7;

/** The JPEG that starts at `from`; null if there is none, it is incomplete, lossless (raw samples) or of another kind. */
function jpegAt(bytes: Buffer, from: number): FoundJpeg | null {
  let size: { width: number; height: number } | null = null;
  let hasScan = false;
  for (let at = from + 2; at + 4 <= bytes.length || bytes[at + 1] === endOfImage;) {
    if (bytes[at] !== 0xff) return null;
    const kind = bytes[at + 1];
    if (kind === 0xff) {
      at++; // a fill byte
      continue;
    }
    if (kind === endOfImage) return size && hasScan ? { at: from, end: at + 2, ...size } : null;
    if (kind < 0xc0 || kind === 0xd8) return null;
    const length = bytes.readUInt16BE(at + 2);
    if (length < 2) return null;
    if (kind >= 0xc0 && kind <= 0xcf && kind !== 0xc4 && kind !== 0xc8 && kind !== 0xcc) {
      if (kind > 0xc2 || at + 10 > bytes.length || bytes[at + 4] !== 8 || ![1, 3].includes(bytes[at + 9])) return null;
      size = { height: bytes.readUInt16BE(at + 5), width: bytes.readUInt16BE(at + 7) };
      if (!size.width || !size.height) return null;
    }
    at += 2 + length;
    if (kind !== startOfScan) continue;
    if (!size) return null;
    hasScan = true;
    // Coded data: up to the next marker that is neither an escaped byte nor a restart.
    do {
      at = bytes.indexOf(0xff, at);
      if (at < 0 || at + 1 >= bytes.length) return null;
      if (bytes[at + 1] !== 0 && !isRestart(bytes[at + 1])) break;
      at += 2;
    } while (at > 0);
  }
  return null;
}

/** The JPEG with this EXIF orientation in place of its own EXIF. */
export function withOrientation(jpeg: Buffer, orientation: number): Buffer {
  const parts: Buffer[] = [jpeg.subarray(0, 2), exifOf(orientation)];
  let at = 2;
  while (at + 4 <= jpeg.length && jpeg[at] === 0xff && (jpeg[at + 1] & 0xf0) === 0xe0) {
    const end = at + 2 + jpeg.readUInt16BE(at + 2);
    if (jpeg[at + 1] !== 0xe1 || jpeg.toString('latin1', at + 4, at + 8) !== 'Exif') parts.push(jpeg.subarray(at, end));
    at = end;
  }
  return Buffer.concat([...parts, jpeg.subarray(at)]);
}

/** A segment with nothing but the orientation: TIFF, big-endian, one entry. */
function exifOf(orientation: number): Buffer {
  const tiff = Buffer.from('4d4d002a00000008000101120003000000010000000000000000', 'hex');
  tiff.writeUInt16BE(orientation, 18);
  const segment = Buffer.concat([Buffer.from([0xff, 0xe1, 0, 0]), Buffer.from('Exif\0\0', 'latin1'), tiff]);
  segment.writeUInt16BE(segment.length - 2, 2);
  return segment;
}
