/** Moved by whole pixels; values: to the right, down, way. */
import { amountOf, around, type Matrix, type Operation } from './operation.ts';
import { smooth, warp } from './warp.ts';

const matrix = ([right, down]: readonly number[]): Matrix => [1, 0, -right, 0, 1, -down];

export const translation: Operation = {
  id: 'translation',
  amount: amountOf('Translation', 'Moved by up to this share of the side, each way.', {
    most: 0.5,
    step: 0.01,
    usual: 0.06,
    advanced: false,
  }),
  draw(amount, next, sizePx) {
    const [right, down] = [around(amount, next), around(amount, next)].map((share) => Math.round(share * sizePx) || 0);
    return right || down ? [right, down, smooth] : null;
  },
  matrix,
  apply: (image, sizePx, values) => warp(image, sizePx, matrix(values), values[2]),
  describe: ([right, down]) =>
    `move ${[right && `${Math.abs(right)} px ${right > 0 ? 'right' : 'left'}`, down && `${Math.abs(down)} px ${down > 0 ? 'down' : 'up'}`].filter(Boolean).join(', ') || '0 px'}`,
};
