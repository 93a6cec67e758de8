/** The complexity of an image as the entropy of its luminance histogram (Shannon 1948): from 0 bits (a single gray) to 8. */
import { entropyOf } from '../contract/statistics.ts';
import type { Pixels } from './pixels.ts';

/** The entropy of one RGB image, in bits. */
export function luminanceEntropy(rgb: Uint8Array): number {
  const histogram = new Uint32Array(256);
  // Rec. 601 luma in integers.
  for (let i = 0; i < rgb.length; i += 3) histogram[(77 * rgb[i] + 150 * rgb[i + 1] + 29 * rgb[i + 2] + 128) >> 8]++;
  return entropyOf(histogram);
}

/** The entropy of each position, in bits. */
export async function entropies(pixels: Pixels, yieldToEventLoop: () => Promise<void>): Promise<Float64Array> {
  const out = new Float64Array(pixels.count);
  for (const positions of pixels.blocks(64)) {
    const bytes = pixels.read(positions);
    positions.forEach(
      (p, i) => (out[p] = luminanceEntropy(bytes.subarray(i * pixels.rowBytes, (i + 1) * pixels.rowBytes))),
    );
    await yieldToEventLoop();
  }
  return out;
}
