/** Gaussian noise on each value. Values: standard deviation on a scale of 255, seed. */
import { fillNormal, random } from '../random.ts';
import { amountOf, type Operation } from './operation.ts';
import { clamp } from './tables.ts';

/** Normal numbers are drawn once and read from a table at random indices, which takes a tenth of the time. */
const mask = 8191;
let normal: Float32Array | undefined;

export const grain: Operation = {
  id: 'grain',
  amount: amountOf('Grain', 'Maximum standard deviation of Gaussian noise, as a fraction of the full range.', {
    most: 0.5,
    step: 0.01,
  }),
  draw: (amount, next) => [next() * amount * 255, Math.floor(next() * 2 ** 31)],
  apply(image, _sizePx, [deviation, seed]) {
    normal ??= fillNormal(new Float32Array(mask + 1), random('grain'));
    let state = seed | 1;
    for (let i = 0; i < image.length; i++) {
      // xorshift (Marsaglia 2003)
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      image[i] = clamp((image[i] + deviation * normal[state & mask] + 0.5) | 0);
    }
  },
  describe: ([deviation]) => `grain ${deviation.toFixed(0)}`,
};
