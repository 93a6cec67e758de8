/** Posterize, solarize and invert, as in the published policies. */
import { amountOf, withProbability, type Operation } from './operation.ts';
import { lookUp, tableOf } from './tables.ts';

/** Values: number of bits that remain of eight. */
export const posterize: Operation = {
  id: 'posterize',
  amount: amountOf('Posterize', 'Maximum number of the eight bits of a colour that are dropped.', {
    most: 7,
    step: 1,
    unit: 'bits',
  }),
  draw(amount, next) {
    const dropped = Math.floor(next() * (Math.floor(amount) + 1));
    return dropped ? [8 - dropped] : null;
  },
  apply: (image, _sizePx, [bits]) =>
    lookUp(
      image,
      tableOf((v) => v & (0xff << (8 - bits))),
    ),
  describe: ([bits]) => `posterize to ${bits} bits`,
};

/** Inverts all levels from a threshold on. Values: threshold. */
export const solarize: Operation = {
  id: 'solarize',
  amount: amountOf('Solarize', 'Probability that all levels above a random threshold are inverted.', {
    most: 1,
    step: 0.1,
  }),
  draw: (amount, next) => (next() < amount ? [128 + Math.floor(next() * 128)] : null),
  apply: (image, _sizePx, [threshold]) =>
    lookUp(
      image,
      tableOf((v) => (v >= Math.fround(threshold) ? 255 - v : v)),
    ),
  describe: ([threshold]) => `solarize from ${Math.round(threshold)}`,
};

export const invert: Operation = {
  id: 'invert',
  amount: amountOf('Invert', 'Probability that all colours are inverted.', { most: 1, step: 0.1 }),
  draw: withProbability,
  apply: (image) =>
    lookUp(
      image,
      tableOf((v) => 255 - v),
    ),
  describe: () => 'invert',
};
