/** Equalize and autocontrast, per channel: levels are spread over the full range by their frequency, or linearly from the minimum to the maximum. No values. */
import { loops } from './loops.ts';
import { amountOf, withProbability, type Operation } from './operation.ts';
import { lookUpEach, tableOf, toByte } from './tables.ts';

/** The histogram of each channel: [3, 256]. */
function levelsOf(image: Uint8Array): Uint32Array {
  const counts = new Uint32Array(3 * 256);
  if (loops) loops.count(image, counts);
  else
    for (let i = 0; i < image.length; i += 3) {
      counts[image[i]]++;
      counts[256 + image[i + 1]]++;
      counts[512 + image[i + 2]]++;
    }
  return counts;
}

/** Applies a table to each channel. `tableFrom` makes it from the histogram; null leaves the channel unchanged. */
function stretch(image: Uint8Array, tableFrom: (counts: Uint32Array) => Uint8Array | null): void {
  const counts = levelsOf(image);
  const tables = new Uint8Array(3 * 256);
  for (let c = 0; c < 3; c++) tables.set(tableFrom(counts.subarray(256 * c, 256 * (c + 1))) ?? unchanged, 256 * c);
  lookUpEach(image, tables);
}

const unchanged = tableOf((v) => v);

/** The algorithm of Pillow and torchvision. A channel with nearly one level stays unchanged. */
function equalizing(counts: Uint32Array, pixels: number): Uint8Array | null {
  let last = 255;
  while (last > 0 && !counts[last]) last--;
  const step = Math.floor((pixels - counts[last]) / 255);
  if (!step) return null;
  let sum = Math.floor(step / 2);
  return tableOf((v) => {
    const value = Math.min(255, Math.floor(sum / step));
    sum += counts[v];
    return v === 0 ? 0 : value;
  });
}

function spreading(counts: Uint32Array): Uint8Array | null {
  const [least, most] = [counts.findIndex((n) => n > 0), counts.findLastIndex((n) => n > 0)];
  if (least === most) return null;
  const scale = Math.fround((most - least) * Math.fround(1 / 255));
  return tableOf((v) => toByte(Math.fround((v - least) / scale)));
}

export const equalize: Operation = {
  id: 'equalize',
  amount: amountOf('Equalize', 'Probability that the histogram of each channel is equalized.', { most: 1, step: 0.1 }),
  draw: withProbability,
  apply: (image) => stretch(image, (counts) => equalizing(counts, image.length / 3)),
  describe: () => 'equalize',
};

export const autocontrast: Operation = {
  id: 'autocontrast',
  amount: amountOf('Autocontrast', 'Probability that each channel is stretched to the full range.', {
    most: 1,
    step: 0.1,
  }),
  draw: withProbability,
  apply: (image) => stretch(image, spreading),
  describe: () => 'autocontrast',
};
