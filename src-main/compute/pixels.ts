/**
 * Samples out of the packed pixel file, by position in the set: row by row, in runs of neighbours, into one reused buffer. Nobody holds the
 * set: what is read again soon lies in the system's own cache of the file.
 */
import fs from 'node:fs';

/** Rows of a packed file of uint8 RGB: row r starts at byte r · sizePx² · 3. A position is an index into `rows`. */
export interface PixelSet {
  file: string;
  sizePx: number;
  channels: 3;
  rows: Int32Array;
}

export class Pixels {
  readonly set: PixelSet;
  readonly count: number;
  readonly sizePx: number;
  readonly rowBytes: number;
  #rows: Int32Array;
  #file: number;
  #buffer = new Uint8Array(0);

  constructor(set: PixelSet) {
    const { file, sizePx, rows } = set;
    this.set = set;
    this.count = rows.length;
    this.sizePx = sizePx;
    this.rowBytes = sizePx * sizePx * 3;
    this.#rows = rows;
    this.#file = fs.openSync(file, 'r');
    const rowsInFile = fs.fstatSync(this.#file).size / this.rowBytes;
    const last = rows.reduce((a, b) => Math.max(a, b), -1);
    if (last + 1 > rowsInFile) {
      this.close();
      throw this.#endsEarly(last);
    }
  }

  /** The bytes of these positions, one row after the other. The view is valid until the next call. */
  read(positions: Int32Array): Uint8Array {
    const bytes = positions.length * this.rowBytes;
    if (this.#buffer.length < bytes) this.#buffer = new Uint8Array(bytes);
    return this.#load(positions, this.#buffer.subarray(0, bytes));
  }

  /** The whole set in order, in blocks of `size`. */
  *blocks(size: number): Generator<Int32Array> {
    for (let at = 0; at < this.count; at += size) yield range(at, Math.min(this.count, at + size));
  }

  close(): void {
    fs.closeSync(this.#file);
  }

  #endsEarly = (row: number): Error =>
    new Error(
      `The packed pixels in ${this.set.file} end before row ${row}. Start again: rows that are missing are made anew.`,
    );

  #load(positions: Int32Array, out: Uint8Array): Uint8Array {
    for (let i = 0; i < positions.length;) {
      let run = 1;
      while (i + run < positions.length && this.#rows[positions[i + run]] === this.#rows[positions[i]] + run) run++;
      const start = this.#rows[positions[i]] * this.rowBytes;
      for (let done = 0; done < run * this.rowBytes;) {
        const got = fs.readSync(
          this.#file,
          out,
          i * this.rowBytes + done,
          Math.min(2 ** 26, run * this.rowBytes - done),
          start + done,
        );
        if (!got) throw this.#endsEarly(this.#rows[positions[i]] + Math.floor(done / this.rowBytes));
        done += got;
      }
      i += run;
    }
    return out;
  }
}

/** Images to pass through a network at once: enough to keep it busy, few enough for its activations and for a quick cancel. */
export const blockOf = (sizePx: number): number => Math.max(1, Math.min(64, Math.floor(2 ** 18 / sizePx ** 2)));

/** Positions of both, one after the other. */
export function joined(a: Int32Array, b: Int32Array): Int32Array {
  const out = new Int32Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}

export const range = (from: number, to: number): Int32Array =>
  Int32Array.from({ length: to - from }, (_, i) => from + i);
