/** Look-up tables of 256 entries, for operations whose result depends on one byte only. They are computed in float32, like torchvision's. */
import { loops } from './loops.ts';

/** Truncates, like torchvision's conversion to bytes; does not round. */
export const toByte = (value: number): number => (value < 0 ? 0 : value > 255 ? 255 : Math.trunc(value));

/** Clamps an integer to 0..255; the result must be stored as a byte, which keeps the last eight bits. Without a branch, which noise would make unpredictable. */
export const clamp = (value: number): number => (value & ~(value >> 31)) | (((255 - value) >> 31) & 255);

/** The table of a function from byte to byte. */
export function tableOf(of: (value: number) => number): Uint8Array {
  const table = new Uint8Array(256);
  for (let v = 0; v < 256; v++) table[v] = of(v);
  return table;
}

/** Replaces each byte of the image by its entry in the table, in place. */
export function lookUp(image: Uint8Array, table: Uint8Array): void {
  if (loops) return loops.lookUp(image, table);
  // Four bytes per read and write; the byte order does not matter.
  const words =
    image.byteOffset % 4 ? new Uint32Array() : new Uint32Array(image.buffer, image.byteOffset, image.length >> 2);
  const count = words.length;
  for (let i = 0; i < count; i++) {
    const word = words[i];
    words[i] =
      table[word & 255] |
      (table[(word >>> 8) & 255] << 8) |
      (table[(word >>> 16) & 255] << 16) |
      (table[word >>> 24] << 24);
  }
  for (let i = 4 * count; i < image.length; i++) image[i] = table[image[i]];
}

/** One table per channel: [3, 256]. */
export function lookUpEach(image: Uint8Array, tables: Uint8Array): void {
  if (loops) return loops.lookUpEach(image, tables);
  for (let i = 0; i < image.length; i += 3) {
    image[i] = tables[image[i]];
    image[i + 1] = tables[256 + image[i + 1]];
    image[i + 2] = tables[512 + image[i + 2]];
  }
}

/** Luminance of the pixel that starts at index `i`, truncated. */
export const grayAt = (image: Uint8Array, i: number): number =>
  ((2989 * image[i] + 5870 * image[i + 1] + 1140 * image[i + 2]) / 10000) | 0;

/** Sum of the luminance of all pixels. */
export function graySum(image: Uint8Array): number {
  if (loops) return loops.graySum(image);
  let sum = 0;
  for (let i = 0; i < image.length; i += 3) sum += grayAt(image, i);
  return sum;
}
