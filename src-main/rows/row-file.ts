/**
 * A file of rows of equal size, which only grows. A row is written whole or the write throws, so that an index never names half of one.
 */
import { closeSync, existsSync, fdatasyncSync, fstatSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { workspaceFault } from '../file/fault.ts';

export class RowFile {
  readonly #file: number;
  readonly #rowBytes: number;
  #next: number;
  /** How many whole rows there were when it was opened. */
  readonly whole: number;

  private constructor(file: number, rowBytes: number) {
    this.#file = file;
    this.#rowBytes = rowBytes;
    const { size } = fstatSync(file);
    this.whole = Math.floor(size / rowBytes);
    // A killed process may leave a part of a row, or rows that no index names: new rows are written behind them.
    this.#next = Math.ceil(size / rowBytes);
  }

  /** Makes the file, and its folder, where there is none. Throws WinnowError, as all methods do. */
  static open(file: string, rowBytes: number): RowFile {
    return orWorkspaceFault(() => {
      mkdirSync(dirname(file), { recursive: true });
      return new RowFile(openSync(file, existsSync(file) ? 'r+' : 'w+'), rowBytes);
    });
  }

  /** Writes one row, or several one after the other, and returns the place of the first. */
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

  /** Afterwards all rows are on the disk. */
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
