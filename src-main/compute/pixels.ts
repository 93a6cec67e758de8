/** Images as rows of pixels, read by position: a set of square pictures, [sizePx, sizePx, 3] each. */
import { RowReader } from '../rows/row-reader.ts';

export class Pixels extends RowReader {
  get sizePx(): number {
    return this.set.shape[0];
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
