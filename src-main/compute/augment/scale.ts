/** Made larger or smaller about the middle; values: factor, way. */
import { amountOf, around, type Matrix, type Operation } from './operation.ts';
import { smooth, warp } from './warp.ts';

const matrix = ([factor]: readonly number[]): Matrix => [1 / factor, 0, 0, 0, 1 / factor, 0];

export const scale: Operation = {
  id: 'scale',
  amount: amountOf('Scale', 'Larger by up to this, or smaller by as much.', {
    most: 1,
    step: 0.05,
    usual: 0.1,
    advanced: false,
  }),
  draw: (amount, next) => [Math.exp(around(Math.log(1 + amount), next)), smooth],
  matrix,
  apply: (image, sizePx, values) => warp(image, sizePx, matrix(values), values[1]),
  describe: ([factor]) => `scale ${factor.toFixed(2)}×`,
};
