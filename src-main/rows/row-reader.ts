/**
 * Reads rows of a set by position: any positions in any order. Only the requested rows are in memory, so the file may be larger than memory; the operating system
 * caches recently read parts. Each row is verified against its checksum when it is read for the first time.
 */
import { appendFileSync, closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { rowBytesOf, widthOf, type RowSet, type RowType } from './row-set.ts';

/** Path of the file that marks a set as damaged. If it exists, the store verifies all rows before it uses the set again. */
export const damageMark = (file: string): string => `${file}.damaged`;

const again = 'Start again: missing rows are made again.';
/** Maximum bytes of one `read` call. */
const mostBytes = 2 ** 26;

export class RowReader {
  readonly set: RowSet;
  readonly count: number;
  readonly rowBytes: number;
  #file: number;
  #buffer = new Uint8Array(0);
  /** 1 for each position whose row has passed its checksum. */
  #verified: Uint8Array;

  /** Throws if the file is shorter than the rows of the set require. */
  constructor(set: RowSet) {
    this.set = set;
    this.count = set.rows.length;
    this.rowBytes = rowBytesOf(set);
    this.#verified = new Uint8Array(set.checksums ? this.count : 0);
    this.#file = openSync(set.file, 'r');
    const rowsInFile = fstatSync(this.#file).size / this.rowBytes;
    const last = set.rows.reduce((a, b) => Math.max(a, b), -1);
    if (last + 1 > rowsInFile) {
      this.close();
      throw this.#endsEarly(last);
    }
  }

  /** The bytes of the rows at these positions, [positions × rowBytes]. The buffer is reused by the next call. Throws if a row is damaged or missing. */
  read(positions: Int32Array): Uint8Array {
    const bytes = positions.length * this.rowBytes;
    if (this.#buffer.length < bytes) this.#buffer = new Uint8Array(bytes);
    const out = this.#buffer.subarray(0, bytes);
    this.#load(positions, out);
    if (this.set.checksums) this.#verify(positions, out);
    return out;
  }

  /** The rows at these positions as a copy in float32, [positions, width]. */
  readFloats(positions: Int32Array): Float32Array {
    return floatsOf(this.set.type, this.read(positions));
  }

  /** The first `width` numbers of each row, [positions, width]. Only these are read, so they are not verified. */
  readStarts(positions: Int32Array, width: number): Float32Array {
    const rowBytes = (width * this.rowBytes) / widthOf(this.set);
    const out = new Uint8Array(positions.length * rowBytes);
    positions.forEach((position, i) => {
      const row = this.set.rows[position];
      if (readSync(this.#file, out, i * rowBytes, rowBytes, row * this.rowBytes) < rowBytes) throw this.#endsEarly(row);
    });
    return floatsOf(this.set.type, out);
  }

  /** Yields all positions in order, in blocks of at most `size`. */
  *blocks(size: number): Generator<Int32Array> {
    for (let from = 0; from < this.count; from += size)
      yield Int32Array.from({ length: Math.min(size, this.count - from) }, (_, i) => from + i);
  }

  close(): void {
    closeSync(this.#file);
  }

  /** Reads rows that are adjacent in the file with one call. */
  #load(positions: Int32Array, out: Uint8Array): void {
    const { rows } = this.set;
    for (let i = 0; i < positions.length;) {
      let run = 1;
      while (i + run < positions.length && rows[positions[i + run]] === rows[positions[i]] + run) run++;
      const start = rows[positions[i]] * this.rowBytes;
      for (let done = 0; done < run * this.rowBytes;) {
        const most = Math.min(mostBytes, run * this.rowBytes - done);
        const got = readSync(this.#file, out, i * this.rowBytes + done, most, start + done);
        if (!got) throw this.#endsEarly(rows[positions[i]] + Math.floor(done / this.rowBytes));
        done += got;
      }
      i += run;
    }
  }

  #verify(positions: Int32Array, bytes: Uint8Array): void {
    const { rows, checksums, file } = this.set;
    for (let i = 0; i < positions.length; i++) {
      const position = positions[i];
      if (this.#verified[position]) continue;
      if (crc32(bytes.subarray(i * this.rowBytes, (i + 1) * this.rowBytes)) !== checksums?.[position]) {
        const damage = new Error(`Row ${rows[position]} in ${file} is damaged. ${again}`);
        try {
          appendFileSync(damageMark(file), `${rows[position]}\n`);
        } catch {
          // The disk is full or read-only. The next reader will find the damage again.
        }
        throw damage;
      }
      this.#verified[position] = 1;
    }
  }

  #endsEarly = (row: number): Error => new Error(`The rows in ${this.set.file} end before row ${row}. ${again}`);
}

/** A copy, since the bytes are in a buffer that is reused. */
function floatsOf(type: RowType, { buffer, byteOffset, byteLength }: Uint8Array): Float32Array {
  switch (type) {
    case 'uint8':
      return new Float32Array(new Uint8Array(buffer, byteOffset, byteLength));
    case 'float16':
      return new Float32Array(new Float16Array(buffer, byteOffset, byteLength / 2));
    case 'float32':
      return new Float32Array(buffer, byteOffset, byteLength / 4).slice();
  }
}

/** Bytes per block of `floatBlocks`, in the file. */
const blockBytes = 2 ** 24;

/**
 * Yields the first `width` numbers of each row as float32, [block, width], in order. A block is 16 MiB of the file, or one row. `from` is the block's first
 * position.
 */
export function* floatBlocks(set: RowSet, width = widthOf(set)): Generator<{ from: number; values: Float32Array }> {
  if (!set.rows.length) return;
  const reader = new RowReader(set);
  try {
    for (const positions of reader.blocks(Math.max(1, Math.floor(blockBytes / reader.rowBytes))))
      yield { from: positions[0], values: firstOf(reader.readFloats(positions), widthOf(set), width) };
  } finally {
    reader.close();
  }
}

function firstOf(values: Float32Array, size: number, width: number): Float32Array {
  if (width === size) return values;
  const out = new Float32Array((values.length / size) * width);
  for (let i = 0; i < values.length / size; i++) out.set(values.subarray(i * size, i * size + width), i * width);
  return out;
}

/** The first `width` numbers of each row as float32, [rows, width]. For sets that fit into memory. */
export function readFloats(set: RowSet, width = widthOf(set)): Float32Array {
  const out = new Float32Array(set.rows.length * width);
  for (const { from, values } of floatBlocks(set, width)) out.set(values, from * width);
  return out;
}
