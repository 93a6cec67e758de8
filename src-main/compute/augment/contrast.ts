/** Moves all values away from the mean luminance, or towards it. Values: factor. */
import { amountOf, factorOf, type Operation } from './operation.ts';
import { graySum, lookUp, tableOf, toByte } from './tables.ts';

export const contrast: Operation = {
  id: 'contrast',
  amount: amountOf('Contrast', 'Maximum change of contrast, as a fraction.', {
    most: 1,
    step: 0.05,
    usual: 0.2,
    advanced: false,
  }),
  draw: (amount, next) => [factorOf(amount, next)],
  apply(image, _sizePx, [factor]) {
    const mean = Math.fround(graySum(image) / (image.length / 3));
    const [own, other] = [Math.fround(factor), Math.fround(1 - factor)];
    lookUp(
      image,
      tableOf((v) => toByte(Math.fround(Math.fround(v * own) + mean * other))),
    );
  },
  describe: ([factor]) => `contrast ${factor.toFixed(2)}×`,
};
