/**
 * Reads the rows of a set by position, in any order, in blocks that the caller chooses. A file may be larger than memory; recently read parts are in the system's file
 * cache. Each row is compared with its checksum when it is first read.
 */
import { appendFileSync, closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { rowBytesOf, widthOf, type RowSet, type RowType } from './row-set.ts';

/** A file beside a set that marks a damaged row, so that the store checks all rows before it uses them again. */
export const damageMark = (file: string): string => `${file}.damaged`;

const again = 'Start again: missing rows are made again.';
/** Limit of one system call. */
const mostBytes = 2 ** 26;

export class RowReader {
  readonly set: RowSet;
  readonly count: number;
  readonly rowBytes: number;
  #file: number;
  #buffer = new Uint8Array(0);
  /** Per position: 1 once its row has passed its checksum. */
  #compared: Uint8Array;

  /** Throws where the file is too short for the set. */
  constructor(set: RowSet) {
    this.set = set;
    this.count = set.rows.length;
    this.rowBytes = rowBytesOf(set);
    this.#compared = new Uint8Array(set.checksums ? this.count : 0);
    this.#file = openSync(set.file, 'r');
    const rowsInFile = fstatSync(this.#file).size / this.rowBytes;
    const last = set.rows.reduce((a, b) => Math.max(a, b), -1);
    if (last + 1 > rowsInFile) {
      this.close();
      throw this.#endsEarly(last);
    }
  }

  /** The bytes of the rows at these positions, one after the other. The view is valid until the next call. */
  read(positions: Int32Array): Uint8Array {
    const bytes = positions.length * this.rowBytes;
    if (this.#buffer.length < bytes) this.#buffer = new Uint8Array(bytes);
    const out = this.#buffer.subarray(0, bytes);
    this.#load(positions, out);
    if (this.set.checksums) this.#compare(positions, out);
    return out;
  }

  /** The same as numbers: [positions, width]. */
  readFloats(positions: Int32Array): Float32Array {
    return floatsOf(this.set.type, this.read(positions));
  }

  /** All positions in order, in blocks of at most `size`. */
  *blocks(size: number): Generator<Int32Array> {
    for (let from = 0; from < this.count; from += size)
      yield Int32Array.from({ length: Math.min(size, this.count - from) }, (_, i) => from + i);
  }

  close(): void {
    closeSync(this.#file);
  }

  /** Adjacent rows in the file are read in one call. */
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

  #compare(positions: Int32Array, bytes: Uint8Array): void {
    const { rows, checksums, file } = this.set;
    for (let i = 0; i < positions.length; i++) {
      const position = positions[i];
      if (this.#compared[position]) continue;
      if (crc32(bytes.subarray(i * this.rowBytes, (i + 1) * this.rowBytes)) !== checksums?.[position]) {
        const damage = new Error(`Row ${rows[position]} in ${file} is damaged. ${again}`);
        try {
          appendFileSync(damageMark(file), `${rows[position]}\n`);
        } catch {
          // A disk that is full or read-only: the next reader finds the damage too.
        }
        throw damage;
      }
      this.#compared[position] = 1;
    }
  }

  #endsEarly = (row: number): Error => new Error(`The rows in ${this.set.file} end before row ${row}. ${again}`);
}

/** Of `bytes`, which another reader may overwrite: the numbers are a copy. */
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

/** Bytes of a block of `floatBlocks`. */
const blockBytes = 2 ** 24;

/** All rows in order as numbers, in blocks of at most 16 MiB (or one row): [block, width], the first `width` numbers of each row. */
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

/** All rows at once, for sets that fit into memory: [rows, width]. */
export function readFloats(set: RowSet, width = widthOf(set)): Float32Array {
  const out = new Float32Array(set.rows.length * width);
  for (const { from, values } of floatBlocks(set, width)) out.set(values, from * width);
  return out;
}
