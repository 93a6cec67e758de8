/** What depends on a byte alone, or on a byte and its pixel's luminance: tables of 256 entries, worked out in the 32 bits that the reference has. */
import { loops } from './loops.ts';

export const bytes = Array.from({ length: 256 }, (_, v) => v);

/** As a conversion to bytes does it: cut off, not rounded. */
export const toByte = (value: number): number => (value < 0 ? 0 : value > 255 ? 255 : Math.trunc(value));

export const tableOf = (of: (value: number) => number): Uint8Array => Uint8Array.from(bytes, of);

export function lookUp(image: Uint8Array, table: Uint8Array): void {
  if (loops) return loops.lookUp(image, table);
  for (let i = 0; i < image.length; i++) image[i] = table[image[i]];
}

/** One table a channel. */
export function lookUpEach(image: Uint8Array, [red, green, blue]: readonly Uint8Array[]): void {
  if (loops) return loops.lookUpEach(image, Uint8Array.from([...red, ...green, ...blue]));
  for (let i = 0; i < image.length; i += 3) {
    image[i] = red[image[i]];
    image[i + 1] = green[image[i + 1]];
    image[i + 2] = blue[image[i + 2]];
  }
}

/** Luminance of the pixel at `i`, cut to a whole number. */
export const grayAt = (image: Uint8Array, i: number): number => ((2989 * image[i] + 5870 * image[i + 1] + 1140 * image[i + 2]) / 10000) | 0;

/** Of all pixels. */
export function graySum(image: Uint8Array): number {
  if (loops) return loops.graySum(image);
  let sum = 0;
  for (let i = 0; i < image.length; i += 3) sum += grayAt(image, i);
  return sum;
}
