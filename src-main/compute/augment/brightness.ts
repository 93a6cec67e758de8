/** Multiplies all values by a factor. Values: factor. */
import { amountOf, factorOf, type Operation } from './operation.ts';
import { lookUp, tableOf, toByte } from './tables.ts';

export const brightness: Operation = {
  id: 'brightness',
  amount: amountOf('Brightness', 'Maximum change of brightness, as a fraction.', {
    most: 1,
    step: 0.05,
    usual: 0.2,
    advanced: false,
  }),
  draw: (amount, next) => [factorOf(amount, next)],
  apply: (image, _sizePx, [factor]) =>
    lookUp(
      image,
      tableOf((v) => toByte(Math.fround(v * Math.fround(factor)))),
    ),
  describe: ([factor]) => `brightness ${factor.toFixed(2)}×`,
};
