/** Slanted; values: columns a row, rows a column, what stands still (0: the upper left corner, 1: the middle), way. */
import { amountOf, around, type Matrix, type Operation } from './operation.ts';
import { smooth, warp } from './warp.ts';

const about = (sizePx: number, [x, y, middle]: readonly number[]): Matrix => {
  // From the middle of the image; the corner, as the policies have it, lies half a side further.
  const off = middle ? 0 : sizePx / 2;
  return [1, x, x * off, y, 1, y * off];
};

export const shear: Operation = {
  id: 'shear',
  amount: amountOf('Shear', 'Slanted by up to this, along one side and along the other.', { most: 1, step: 0.05 }),
  draw: (amount, next) => [around(amount, next), around(amount, next), 1, smooth],
  matrix: (values) => about(0, values),
  apply: (image, sizePx, values) => warp(image, sizePx, about(sizePx, values), values[3]),
  describe: ([x, y]) =>
    `shear ${
      [x, y]
        .filter(Boolean)
        .map((v) => v.toFixed(2))
        .join(', ') || '0'
    }`,
};
