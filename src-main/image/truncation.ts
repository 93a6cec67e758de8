/**
 * Tests by its structure whether a file that could not be decoded is truncated: its end marker is missing, or a part extends beyond the end of the file. False for
 * formats without such a structure.
 */
import { crc32 } from 'node:zlib';
import { formatOfBytes, sniffBytes } from './format.ts';
import { tiffEndsEarly } from './tiff.ts';

/** True if the file is truncated. */
export function endsEarly(bytes: Buffer): boolean {
  switch (formatOfBytes(bytes.subarray(0, sniffBytes))) {
    case 'jpeg':
      return bytes.lastIndexOf(Buffer.of(0xff, 0xd9)) < Math.max(2, bytes.lastIndexOf(Buffer.of(0xff, 0xda)));
    case 'png':
      return !bytes.subarray(-1024).includes('IEND') && !bytes.includes('IEND');
    case 'webp':
      return bytes.length >= 8 && bytes.readUInt32LE(4) + 8 > bytes.length;
    case 'gif':
      return !bytes.subarray(-64).includes(0x3b);
    case 'tiff':
      return tiffEndsEarly(bytes);
    case 'raw': // CR3 has boxes, most others are TIFF
      if (bytes[4] === 0x66) return boxesEndEarly(bytes);
      return /^(II|MM)/.test(bytes.toString('latin1', 0, 2)) && tiffEndsEarly(bytes);
    case 'avif':
    case 'heic':
      return boxesEndEarly(bytes);
    case 'jp2':
      return bytes[0] === 0 ? boxesEndEarly(bytes) : bytes.lastIndexOf(Buffer.of(0xff, 0xd9)) < bytes.length - 16;
    default:
      return false;
  }
}

/** The kind of the first chunk of a PNG whose checksum is wrong, such as 'IDAT'; null for other files. */
export function damagedChunk(bytes: Buffer): string | null {
  if (formatOfBytes(bytes.subarray(0, sniffBytes)) !== 'png') return null;
  for (let at = 8; at + 12 <= bytes.length; at += 12 + bytes.readUInt32BE(at)) {
    const end = at + 8 + bytes.readUInt32BE(at);
    if (end + 4 > bytes.length) return null;
    const kind = bytes.toString('latin1', at + 4, at + 8);
    if (crc32(bytes.subarray(at + 4, end)) !== bytes.readUInt32BE(end)) return /^[A-Za-z]{4}$/.test(kind) ? kind : null;
  }
  return null;
}

/** A file of boxes (ISO 14496-12). Each box starts with its length: 0 means up to the end of the file, 1 means that a 64-bit length follows. */
function boxesEndEarly(bytes: Buffer): boolean {
  let at = 0;
  while (at + 8 <= bytes.length) {
    const short = bytes.readUInt32BE(at);
    if (short === 0)
      return bytes.toString('latin1', at + 4, at + 8) === 'jp2c' && bytes.lastIndexOf(Buffer.of(0xff, 0xd9)) < at;
    if (short === 1 && at + 16 > bytes.length) return true;
    const length = short === 1 ? Number(bytes.readBigUInt64BE(at + 8)) : short;
    if (length < 8) return false;
    at += length;
  }
  return at !== bytes.length;
}
