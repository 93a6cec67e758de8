/** Shear. Values: columns per row, rows per column, fixed point (0: the upper left corner, 1: the centre), interpolation. */
import { amountOf, uniform, type Matrix, type Operation } from './operation.ts';
import { bilinear, warp } from './warp.ts';

const about = (sizePx: number, [x, y, middle]: readonly number[]): Matrix => {
  // Coordinates are relative to the centre. The published policies shear about the corner, half a side away.
  const off = middle ? 0 : sizePx / 2;
  return [1, x, x * off, y, 1, y * off];
};

export const shear: Operation = {
  id: 'shear',
  amount: amountOf('Shear', 'Maximum shear along each axis.', { most: 1, step: 0.05 }),
  draw: (amount, next) => [uniform(amount, next), uniform(amount, next), 1, bilinear],
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
