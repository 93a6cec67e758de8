/** Moves each pixel away from the mean of its 3 × 3 window, or towards it. Border pixels stay. Values: factor. */
import { loops } from './loops.ts';
import { amountOf, copyOf, factorOf, type Operation } from './operation.ts';
import { clamp } from './tables.ts';

export const sharpness: Operation = {
  id: 'sharpness',
  amount: amountOf('Sharpness', 'Maximum change of sharpness, as a fraction.', { most: 1, step: 0.05 }),
  draw: (amount, next) => [factorOf(amount, next)],
  apply(image, sizePx, [factor]) {
    if (sizePx < 3) return;
    const source = copyOf(image);
    const weight = Math.fround(1 - factor);
    if (loops) return loops.sharpen(image, source, sizePx, weight);
    for (let d = 0; d < 511; d++) pull[d] = (d - 255) * weight;
    for (let y = 1; y < sizePx - 1; y++) sharpenLine(image, source, y * sizePx * 3, sizePx * 3);
  },
  describe: ([factor]) => `sharpness ${factor.toFixed(2)}×`,
};

/** The rounded mean of a window by its weighted sum. Weights: 5 in the centre, 1 around it; their sum is 13. */
const soft = Uint8Array.from({ length: 13 * 255 + 1 }, (_, sum) => (2 * sum + 13) / 26);
/** The change of a value by its difference to the mean, at index difference + 255. */
const pull = new Float32Array(511);

const sharpened = (own: number, sum: number): number => clamp(Math.fround(own + pull[soft[sum] - own + 255]) | 0);

/** Sharpens one row. The sums of three rows at the left, middle and right column are kept per channel and move along. */
function sharpenLine(out: Uint8Array, source: Uint8Array, start: number, line: number): void {
  const three = (at: number): number => source[at - line] + source[at] + source[at + line];
  let [leftR, leftG, leftB] = [three(start), three(start + 1), three(start + 2)];
  let [r, g, b] = [three(start + 3), three(start + 4), three(start + 5)];
  for (let i = start + 3; i < start + line - 3; i += 3) {
    const rightR = three(i + 3);
    const rightG = three(i + 4);
    const rightB = three(i + 5);
    out[i] = sharpened(source[i], leftR + r + rightR + 4 * source[i]);
    out[i + 1] = sharpened(source[i + 1], leftG + g + rightG + 4 * source[i + 1]);
    out[i + 2] = sharpened(source[i + 2], leftB + b + rightB + 4 * source[i + 2]);
    leftR = r;
    leftG = g;
    leftB = b;
    r = rightR;
    g = rightG;
    b = rightB;
  }
}
