/** Reads the pixels of images by position: rows of [sizePx, sizePx, 3], uint8. Also small functions on positions. */
import { RowReader } from '../rows/row-reader.ts';

/** Reads square images of one size. */
export class Pixels extends RowReader {
  get sizePx(): number {
    return this.set.shape[0];
  }
}

/** The number of images per inference pass: enough to keep the device busy, but few enough for the memory of activations and for a quick cancel. */
export const blockOf = (sizePx: number): number => Math.max(1, Math.min(64, Math.floor(2 ** 18 / sizePx ** 2)));

/** Both arrays, one after the other. */
export function concatenate(a: Int32Array, b: Int32Array): Int32Array {
  const out = new Int32Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}

/** The integers from `from` up to, but not including, `to`. */
export const range = (from: number, to: number): Int32Array =>
  Int32Array.from({ length: to - from }, (_, i) => from + i);
