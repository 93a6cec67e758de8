/** What depends on a byte alone, or on a byte and its pixel's luminance: tables of 256 entries, worked out in the 32 bits that the reference has. */
export const bytes = Array.from({ length: 256 }, (_, v) => v);

/** As a conversion to bytes does it: cut off, not rounded. */
export const toByte = (value: number): number => (value < 0 ? 0 : value > 255 ? 255 : Math.trunc(value));

export const tableOf = (of: (value: number) => number): Uint8Array => Uint8Array.from(bytes, of);

export function lookUp(image: Uint8Array, table: Uint8Array): void {
  for (let i = 0; i < image.length; i++) image[i] = table[image[i]];
}

/** One table a channel. */
export function lookUpEach(image: Uint8Array, [red, green, blue]: readonly Uint8Array[]): void {
  for (let i = 0; i < image.length; i += 3) {
    image[i] = red[image[i]];
    image[i + 1] = green[image[i + 1]];
    image[i + 2] = blue[image[i + 2]];
  }
}

const [reds, greens, blues] = [0.2989, 0.587, 0.114].map((weight) => Float64Array.from(bytes, (v) => v * weight));

/** Luminance of the pixel at `i`, cut to a whole number. */
export const grayAt = (image: Uint8Array, i: number): number => (reds[image[i]] + greens[image[i + 1]] + blues[image[i + 2]]) | 0;
