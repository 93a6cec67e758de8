/** Away from the image smoothed by a 3 × 3 window or towards it; the border stays. Values: factor. */
import { loops } from './loops.ts';
import { amountOf, copyOf, factorOf, type Operation } from './operation.ts';

export const sharpness: Operation = {
  id: 'sharpness',
  amount: amountOf('Sharpness', 'Sharper or softer by up to this share.', { most: 1, step: 0.05 }),
  draw: (amount, next) => [factorOf(amount, next)],
  apply(image, sizePx, [factor]) {
    if (sizePx < 3) return;
    const source = copyOf(image);
    const line = sizePx * 3;
    const share = Math.fround(1 - factor);
    if (loops) return loops.sharpen(image, source, sizePx, share);
    const pull = Float32Array.from({ length: 511 }, (_, d) => (d - 255) * share);
    for (let y = 1; y < sizePx - 1; y++) {
      for (let i = y * line + 3; i < (y + 1) * line - 3; i++) {
        const own = source[i];
        // 1 around, 5 in the middle, of 13.
        const around = source[i - line - 3] + source[i - line] + source[i - line + 3] + source[i - 3] + source[i + 3] + source[i + line - 3] + source[i + line] + source[i + line + 3];
        const soft = ((2 * (around + 5 * own) + 13) / 26) | 0;
        const value = Math.fround(own + pull[soft - own + 255]);
        image[i] = value < 0 ? 0 : value > 255 ? 255 : value;
      }
    }
  },
  tell: ([factor]) => `sharpness ${factor.toFixed(2)}×`,
};
