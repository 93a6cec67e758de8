/** Moves each pixel away from its gray value, or towards it. Values: factor. */
import { loops } from './loops.ts';
import { amountOf, factorOf, type Operation } from './operation.ts';
import { clamp, grayAt } from './tables.ts';

export const saturation: Operation = {
  id: 'saturation',
  amount: amountOf('Saturation', 'Maximum change of saturation, as a fraction.', { most: 1, step: 0.05 }),
  draw: (amount, next) => [factorOf(amount, next)],
  apply(image, _sizePx, [factor]) {
    const [own, other] = [Math.fround(factor), Math.fround(1 - factor)];
    if (loops) return loops.saturate(image, own, other);
    const [colours, grays] = [new Float32Array(256), new Float64Array(256)];
    for (let v = 0; v < 256; v++) {
      colours[v] = v * own;
      grays[v] = v * other;
    }
    for (let i = 0; i < image.length; i += 3) {
      const gray = grays[grayAt(image, i)];
      image[i] = clamp(Math.fround(colours[image[i]] + gray) | 0);
      image[i + 1] = clamp(Math.fround(colours[image[i + 1]] + gray) | 0);
      image[i + 2] = clamp(Math.fround(colours[image[i + 2]] + gray) | 0);
    }
  },
  describe: ([factor]) => `saturation ${factor.toFixed(2)}×`,
};
