/**
 * The structure of a TIFF: its directories and their tags, classic and BigTIFF, in both byte orders. Values are read when they are asked for; a file that ends
 * before them is truncated. Camera raw files with another magic number (Olympus, Panasonic) have the same structure.
 */
import { corrupt, truncated } from './raw.ts';

export const tag = {
  newSubfileType: 254,
  subfileType: 255,
  width: 256,
  height: 257,
  bits: 258,
  compression: 259,
  photometric: 262,
  fillOrder: 266,
  description: 270,
  make: 271,
  stripOffsets: 273,
  orientation: 274,
  samples: 277,
  rowsPerStrip: 278,
  stripBytes: 279,
  planar: 284,
  predictor: 317,
  colourMap: 320,
  tileWidth: 322,
  tileHeight: 323,
  tileOffsets: 324,
  tileBytes: 325,
  subDirectories: 330,
  inkSet: 332,
  extraSamples: 338,
  sampleFormat: 339,
  jpegTables: 347,
  jpegOffset: 513,
  jpegBytes: 514,
  yCbCrCoefficients: 529,
  yCbCrSubsampling: 530,
  referenceBlackWhite: 532,
  metaMorphPlanes: 33629,
  profile: 34675,
  noData: 42113,
  dngVersion: 50706,
  lercParameters: 50674,
} as const;

/** Bytes of one value by its type in the file; types that are not listed are skipped. */
const valueBytes: Readonly<Record<number, number>> = {
  1: 1, // byte
  2: 1, // ASCII
  3: 2, // short
  4: 4, // long
  5: 8, // rational
  6: 1, // signed byte
  7: 1, // undefined
  8: 2, // signed short
  9: 4, // signed long
  10: 8, // signed rational
  11: 4, // float
  12: 8, // double
  13: 4, // directory
  16: 8, // long8
  17: 8, // signed long8
  18: 8, // directory8
};

/** More directories are not read: a file of 1 GiB can name millions. */
const maxDirectories = 100_000;

interface Field {
  type: number;
  count: number;
  at: number;
}

export class Directory {
  readonly #tiff: Tiff;
  readonly #fields = new Map<number, Field>();
  /** The offset of the next directory of the chain; 0 for none. */
  readonly next: number;

  /** Throws DecodeError if the file ends before the directory does. */
  constructor(tiff: Tiff, at: number) {
    this.#tiff = tiff;
    const { isBig } = tiff;
    const [counted, entryBytes, inline] = isBig ? [8, 20, 8] : [2, 12, 4];
    const count = isBig ? tiff.long8(at) : tiff.short(at);
    const end = at + counted + count * entryBytes;
    if (end + inline > tiff.bytes.length) throw truncated();
    for (let entry = at + counted; entry < end; entry += entryBytes) {
      const type = tiff.short(entry + 2);
      const values = isBig ? tiff.long8(entry + 4) : tiff.long(entry + 4);
      const size = valueBytes[type];
      if (!size) continue;
      const place = entry + entryBytes - inline;
      const far = values * size > inline;
      const id = tiff.short(entry);
      if (!this.#fields.has(id)) this.#fields.set(id, { type, count: values, at: far ? tiff.offset(place) : place });
    }
    this.next = tiff.offset(end);
  }

  has = (id: number): boolean => this.#fields.has(id);

  /** The number of values of a tag. */
  count = (id: number): number => this.#fields.get(id)?.count ?? 0;

  /** All values of a tag as numbers; none if the directory lacks it. Throws DecodeError. */
  numbers(id: number): number[] {
    const field = this.#fields.get(id);
    if (!field) return [];
    const { type, count, at } = this.#within(field);
    const values = new Array<number>(count);
    for (let i = 0; i < count; i++) values[i] = this.#tiff.value(type, at + i * valueBytes[type]);
    return values;
  }

  /** The first value of a tag. Throws DecodeError. */
  number(id: number, otherwise: number): number {
    const field = this.#fields.get(id);
    return field?.count ? this.#tiff.value(field.type, this.#within(field, 1).at) : otherwise;
  }

  /** The bytes of a tag; null if the directory lacks it. Throws DecodeError. */
  blob(id: number): Buffer | null {
    const field = this.#fields.get(id);
    if (!field) return null;
    const { type, count, at } = this.#within(field);
    return this.#tiff.bytes.subarray(at, at + count * valueBytes[type]);
  }

  text = (id: number): string =>
    this.blob(id)
      ?.toString('utf8')
      .replace(/\0[^]*$/, '')
      .trim() ?? '';

  #within(field: Field, count = field.count): Field {
    if (field.at + count * valueBytes[field.type] > this.#tiff.bytes.length) throw truncated();
    return field;
  }
}

export class Tiff {
  readonly bytes: Buffer;
  readonly isLittle: boolean;
  readonly isBig: boolean;
  /** The chain of directories. */
  readonly directories: readonly Directory[];
  /** True if the file ends before the chain does. The first directory is always there. */
  readonly isCut: boolean;

  /** Throws DecodeError. */
  constructor(bytes: Buffer) {
    if (bytes.length < 8) throw truncated();
    this.bytes = bytes;
    this.isLittle = bytes[0] === 0x49;
    this.isBig = this.short(2) === 43;
    if (this.isBig && bytes.length < 16) throw truncated();
    const directories: Directory[] = [];
    const seen = new Set<number>();
    let isCut = false;
    for (let at = this.offset(this.isBig ? 8 : 4); at && !seen.has(at) && seen.size < maxDirectories;) {
      seen.add(at);
      try {
        const directory: Directory = new Directory(this, at);
        directories.push(directory);
        at = directory.next;
      } catch (error) {
        if (!directories.length) throw error;
        isCut = true;
        break;
      }
    }
    if (!directories.length) throw corrupt('it has no directory');
    this.directories = directories;
    this.isCut = isCut;
  }

  /** The directories that a directory names as its parts (SubIFDs), such as levels of a pyramid or the picture of a raw file. Those that cannot be read are left out. */
  partsOf(directory: Directory): Directory[] {
    const parts: Directory[] = [];
    for (const at of directory.numbers(tag.subDirectories)) {
      try {
        parts.push(new Directory(this, at));
      } catch {
        // The others can still be read.
      }
    }
    return parts;
  }

  short = (at: number) => (
    this.#need(at, 2),
    this.isLittle ? this.bytes.readUInt16LE(at) : this.bytes.readUInt16BE(at)
  );
  long = (at: number) => (this.#need(at, 4), this.isLittle ? this.bytes.readUInt32LE(at) : this.bytes.readUInt32BE(at));
  long8(at: number): number {
    this.#need(at, 8);
    return Number(this.isLittle ? this.bytes.readBigUInt64LE(at) : this.bytes.readBigUInt64BE(at));
  }
  offset = (at: number) => (this.isBig ? this.long8(at) : this.long(at));

  /** One value of a type of the file. */
  value(type: number, at: number): number {
    const { bytes, isLittle } = this;
    switch (type) {
      case 1:
      case 2:
      case 7:
        return bytes[at];
      case 3:
        return this.short(at);
      case 5:
        return this.long(at) / this.long(at + 4);
      case 6:
        return bytes.readInt8(at);
      case 8:
        return isLittle ? bytes.readInt16LE(at) : bytes.readInt16BE(at);
      case 9:
        return this.long(at) | 0;
      case 10:
        return (this.long(at) | 0) / (this.long(at + 4) | 0);
      case 11:
        return isLittle ? bytes.readFloatLE(at) : bytes.readFloatBE(at);
      case 12:
        return isLittle ? bytes.readDoubleLE(at) : bytes.readDoubleBE(at);
      case 16:
      case 17:
      case 18:
        return this.long8(at);
      default:
        return this.long(at);
    }
  }

  #need(at: number, size: number) {
    if (at + size > this.bytes.length) throw truncated();
  }
}

/** True if the file ends before its first directory, or a strip or tile of a directory ends after the file. */
export function tiffEndsEarly(bytes: Buffer): boolean {
  try {
    const tiff = new Tiff(bytes);
    return tiff.isCut || tiff.directories.some((directory) => chunksEndLate(directory, bytes.length));
  } catch {
    return true;
  }
}

/** True if a strip or tile of a directory ends after `length` bytes. Throws DecodeError. */
export function chunksEndLate(directory: Directory, length: number): boolean {
  for (const [offsets, sizes] of [
    [tag.stripOffsets, tag.stripBytes],
    [tag.tileOffsets, tag.tileBytes],
  ]) {
    const [starts, lengths] = [directory.numbers(offsets), directory.numbers(sizes)];
    if (starts.some((start, i) => start + (lengths[i] ?? 0) > length)) return true;
  }
  return false;
}
