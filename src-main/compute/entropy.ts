/** How much an image holds: Shannon's entropy of its luminance histogram, in bits, 0 (one grey) to 8. Shannon 1948. */
import type { Pixels } from './pixels.ts';

export function entropyOf(rgb: Uint8Array): number {
  const histogram = new Uint32Array(256);
  const pixels = rgb.length / 3;
  // Rec. 601 luma in integers.
  for (let i = 0; i < rgb.length; i += 3) histogram[(77 * rgb[i] + 150 * rgb[i + 1] + 29 * rgb[i + 2] + 128) >> 8]++;
  let bits = 0;
  for (const n of histogram) if (n) bits -= (n / pixels) * Math.log2(n / pixels);
  return bits;
}

/** Per position of the set. */
export async function entropies(pixels: Pixels, breathe: () => Promise<void>): Promise<Float64Array> {
  const out = new Float64Array(pixels.count);
  for (const positions of pixels.blocks(64)) {
    const bytes = pixels.read(positions);
    positions.forEach((p, i) => (out[p] = entropyOf(bytes.subarray(i * pixels.rowBytes, (i + 1) * pixels.rowBytes))));
    await breathe();
  }
  return out;
}
