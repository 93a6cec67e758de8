/** Horizontal and vertical flips. No values. */
import { amountOf, copyOf, withProbability, type Operation } from './operation.ts';

export const flipX: Operation = {
  id: 'flipX',
  position: 'before',
  amount: amountOf('Mirror', 'Probability of a horizontal flip. Not suitable for letters, digits or hands.', {
    most: 1,
    step: 0.1,
    advanced: false,
  }),
  draw: withProbability,
  apply(image, sizePx) {
    for (let start = 0; start < image.length; start += sizePx * 3) {
      for (let a = start, b = start + (sizePx - 1) * 3; a < b; a += 3, b -= 3) {
        for (let c = 0; c < 3; c++) {
          const kept = image[a + c];
          image[a + c] = image[b + c];
          image[b + c] = kept;
        }
      }
    }
  },
  describe: () => 'mirror',
};

export const flipY: Operation = {
  id: 'flipY',
  position: 'before',
  amount: amountOf(
    'Upside down',
    'Probability of a vertical flip. Suitable for images without an up, such as from above.',
    {
      most: 1,
      step: 0.1,
    },
  ),
  draw: withProbability,
  apply(image, sizePx) {
    const source = copyOf(image);
    const line = sizePx * 3;
    for (let y = 0; y < sizePx; y++) image.set(source.subarray((sizePx - 1 - y) * line, (sizePx - y) * line), y * line);
  },
  describe: () => 'upside down',
};
