/** What the published policies do to levels: fewer of them, the bright ones inverted, all inverted. */
import { amountOf, perhaps, type Operation } from './operation.ts';
import { lookUp, tableOf } from './tables.ts';

/** Values: bits that are left of eight. */
export const posterize: Operation = {
  id: 'posterize',
  amount: amountOf('Posterize', 'Up to so many of the eight bits of a colour are dropped.', {
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

/** Values: from which level on. */
export const solarize: Operation = {
  id: 'solarize',
  amount: amountOf('Solarize', 'How often everything brighter than some level is inverted.', { most: 1, step: 0.1 }),
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
  amount: amountOf('Invert', 'How often all colours are inverted.', { most: 1, step: 0.1 }),
  draw: perhaps,
  apply: (image) =>
    lookUp(
      image,
      tableOf((v) => 255 - v),
    ),
  describe: () => 'invert',
};
