/** More or less colour; values: factor. */
import { loops } from './loops.ts';
import { amountOf, factorOf, type Operation } from './operation.ts';
import { bytes, grayAt } from './tables.ts';

export const saturation: Operation = {
  id: 'saturation',
  amount: amountOf('Saturation', 'More or less colour by up to this share.', { most: 1, step: 0.05 }),
  draw: (amount, next) => [factorOf(amount, next)],
  apply(image, _sizePx, [factor]) {
    const [own, other] = [Math.fround(factor), Math.fround(1 - factor)];
    if (loops) return loops.saturate(image, own, other);
    const [colours, grays] = [Float32Array.from(bytes, (v) => v * own), Float64Array.from(bytes, (v) => v * other)];
    for (let i = 0; i < image.length; i += 3) {
      const gray = grays[grayAt(image, i)];
      for (let c = i; c < i + 3; c++) {
        const value = Math.fround(colours[image[c]] + gray);
        image[c] = value < 0 ? 0 : value > 255 ? 255 : value;
      }
    }
  },
  tell: ([factor]) => `saturation ${factor.toFixed(2)}×`,
};
