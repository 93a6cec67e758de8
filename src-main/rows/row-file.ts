/** An append-only file of rows of equal size. `add` writes complete rows or throws, so that an index never refers to a partial row. */
import { closeSync, existsSync, fdatasyncSync, fstatSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { workspaceFault } from '../file/fault.ts';

export class RowFile {
  readonly #file: number;
  readonly #rowBytes: number;
  #next: number;
  /** The number of complete rows when the file was opened. */
  readonly completeRows: number;

  private constructor(file: number, rowBytes: number) {
    this.#file = file;
    this.#rowBytes = rowBytes;
    const { size } = fstatSync(file);
    this.completeRows = Math.floor(size / rowBytes);
    // A killed process can leave a partial row, or rows that are not in the index: new rows are appended after them.
    this.#next = Math.ceil(size / rowBytes);
  }

  /** Opens the file; creates it and its folder if missing. All methods throw WinnowError. */
  static open(file: string, rowBytes: number): RowFile {
    return orWorkspaceFault(() => {
      mkdirSync(dirname(file), { recursive: true });
      return new RowFile(openSync(file, existsSync(file) ? 'r+' : 'w+'), rowBytes);
    });
  }

  /** Appends one or more rows and returns the number of the first. */
  add(bytes: Uint8Array): number {
    const count = bytes.length / this.#rowBytes;
    if (!Number.isInteger(count)) throw new Error(`${bytes.length} bytes are not rows of ${this.#rowBytes} bytes.`);
    return orWorkspaceFault(() => {
      const row = this.#next;
      for (let at = 0; at < bytes.length;) {
        const written = writeSync(this.#file, bytes, at, bytes.length - at, row * this.#rowBytes + at);
        if (!written) throw Object.assign(new Error('nothing was written'), { code: 'ENOSPC' });
        at += written;
      }
      this.#next += count;
      return row;
    });
  }

  /** Flushes all rows to the disk. */
  sync() {
    orWorkspaceFault(() => fdatasyncSync(this.#file));
  }

  close() {
    closeSync(this.#file);
  }
}

function orWorkspaceFault<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw workspaceFault(error);
  }
}
