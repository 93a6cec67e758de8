/** Enlarges or shrinks about the centre. Values: factor, interpolation. */
import { amountOf, uniform, type Matrix, type Operation } from './operation.ts';
import { bilinear, warp } from './warp.ts';

const matrix = ([factor]: readonly number[]): Matrix => [1 / factor, 0, 0, 0, 1 / factor, 0];

export const scale: Operation = {
  id: 'scale',
  amount: amountOf('Scale', 'Maximum enlargement, as a fraction; shrinking is as likely.', {
    most: 1,
    step: 0.05,
    usual: 0.1,
    advanced: false,
  }),
  draw: (amount, next) => [Math.exp(uniform(Math.log(1 + amount), next)), bilinear],
  matrix,
  apply: (image, sizePx, values) => warp(image, sizePx, matrix(values), values[1]),
  describe: ([factor]) => `scale ${factor.toFixed(2)}×`,
};
