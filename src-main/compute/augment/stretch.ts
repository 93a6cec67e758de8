/** Levels spread over what there is room for, channel by channel: evenly by how many pixels have them, or from least to greatest. No values. */
import { loops } from './loops.ts';
import { amountOf, perhaps, type Operation } from './operation.ts';
import { bytes, lookUpEach, tableOf, toByte } from './tables.ts';

/** How many pixels have each level, channel by channel. */
function levelsOf(image: Uint8Array): Uint32Array[] {
  const counts = new Uint32Array(3 * 256);
  if (loops) loops.count(image, counts);
  else for (let i = 0; i < image.length; i += 3) for (let c = 0; c < 3; c++) counts[256 * c + image[i + c]]++;
  return [0, 1, 2].map((c) => counts.subarray(256 * c, 256 * (c + 1)));
}

/** Pillow's scheme, which torchvision has too; a channel of hardly any levels stays. */
function equalizing(counts: Uint32Array, pixels: number): Uint8Array {
  let last = 255;
  while (last > 0 && !counts[last]) last--;
  const step = Math.floor((pixels - counts[last]) / 255);
  if (!step) return Uint8Array.from(bytes);
  let sum = Math.floor(step / 2);
  return tableOf((v) => {
    const value = Math.min(255, Math.floor(sum / step));
    sum += counts[v];
    return v === 0 ? 0 : value;
  });
}

export const equalize: Operation = {
  id: 'equalize',
  amount: amountOf('Equalize', 'How often each channel’s levels are made equally frequent.', { most: 1, step: 0.1 }),
  draw: perhaps,
  apply(image) {
    const counts = levelsOf(image);
    lookUpEach(image, counts.map((own) => equalizing(own, image.length / 3)));
  },
  tell: () => 'equalize',
};

export const autocontrast: Operation = {
  id: 'autocontrast',
  amount: amountOf('Autocontrast', 'How often each channel is stretched from its least to its greatest.', { most: 1, step: 0.1 }),
  draw: perhaps,
  apply(image) {
    const counts = levelsOf(image);
    const least = counts.map((own) => own.findIndex((n) => n > 0));
    const most = counts.map((own) => own.findLastIndex((n) => n > 0));
    lookUpEach(image, least.map((low, c) => {
      if (low === most[c]) return Uint8Array.from(bytes);
      const scale = Math.fround((most[c] - low) * Math.fround(1 / 255));
      return tableOf((v) => toByte(Math.fround((v - low) / scale)));
    }));
  },
  tell: () => 'autocontrast',
};
