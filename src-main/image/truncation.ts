/**
 * Tests by its structure whether a file that could not be decoded is truncated: its end marker is missing, or a part extends beyond the end of the file. False for
 * formats without such a structure.
 */
import { formatOfBytes, sniffBytes } from './format.ts';

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
    case 'avif':
    case 'heic':
      return boxesEndEarly(bytes);
    case 'jp2':
      return bytes[0] === 0 ? boxesEndEarly(bytes) : bytes.lastIndexOf(Buffer.of(0xff, 0xd9)) < bytes.length - 16;
    default:
      return false;
  }
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

const tag = { compression: 259, stripOffsets: 273, stripBytes: 279, tileOffsets: 324, tileBytes: 325 } as const;

function tiffEndsEarly(bytes: Buffer): boolean {
  const directory = readDirectory(bytes);
  if (!directory) return true;
  for (const [offsets, sizes] of [
    [tag.stripOffsets, tag.stripBytes],
    [tag.tileOffsets, tag.tileBytes],
  ]) {
    const [starts, lengths] = [directory.get(offsets) ?? [], directory.get(sizes) ?? []];
    if (starts.some((start, i) => start + (lengths[i] ?? 0) > bytes.length)) return true;
  }
  return false;
}

/** True if the first directory of a TIFF names a fax compression (CCITT, 2 to 4). */
export function isFax(tiff: Buffer): boolean {
  const [compression] = readDirectory(tiff)?.get(tag.compression) ?? [];
  return compression >= 2 && compression <= 4;
}

/** The values of the tags above in the first directory of a TIFF (empty for BigTIFF); null if the file ends before them. */
function readDirectory(bytes: Buffer): Map<number, number[]> | null {
  const isLittle = bytes[0] === 0x49;
  const word = (at: number) => (isLittle ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at));
  const long = (at: number) => (isLittle ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  const found = new Map<number, number[]>();
  if (bytes.length < 8) return null;
  if (word(2) !== 42) return found;
  const at = long(4);
  if (at + 2 > bytes.length) return null;
  const end = at + 2 + word(at) * 12;
  if (end + 4 > bytes.length || long(end) > bytes.length) return null; // the offset of the next directory follows this one
  for (let entry = at + 2; entry < end; entry += 12) {
    if (!Object.values<number>(tag).includes(word(entry))) continue;
    const [step, count] = [word(entry + 2) === 3 ? 2 : 4, long(entry + 4)];
    const values = count * step > 4 ? long(entry + 8) : entry + 8;
    if (values + count * step > bytes.length) return null;
    found.set(
      word(entry),
      Array.from({ length: count }, (_, i) => (step === 2 ? word(values + i * 2) : long(values + i * 4))),
    );
  }
  return found;
}
