/** Mirrored, left to right and top to bottom. No values. */
import { amountOf, copyOf, perhaps, type Operation } from './operation.ts';

export const flipX: Operation = {
  id: 'flipX',
  beside: 'before',
  amount: amountOf('Mirror', 'How often left and right change places. Not for letters, digits or hands.', {
    most: 1,
    step: 0.1,
    advanced: false,
  }),
  draw: perhaps,
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
  beside: 'before',
  amount: amountOf('Upside down', 'How often top and bottom change places: for what has no up.', {
    most: 1,
    step: 0.1,
  }),
  draw: perhaps,
  apply(image, sizePx) {
    const source = copyOf(image);
    const line = sizePx * 3;
    for (let y = 0; y < sizePx; y++) image.set(source.subarray((sizePx - 1 - y) * line, (sizePx - y) * line), y * line);
  },
  describe: () => 'upside down',
};
