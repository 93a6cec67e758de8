/** Translation by whole pixels. Values: pixels to the right, pixels down, interpolation. */
import { amountOf, uniform, type Matrix, type Operation } from './operation.ts';
import { bilinear, warp } from './warp.ts';

const matrix = ([right, down]: readonly number[]): Matrix => [1, 0, -right, 0, 1, -down];

export const translation: Operation = {
  id: 'translation',
  amount: amountOf('Translation', 'Maximum shift along each axis, as a fraction of the side.', {
    most: 0.5,
    step: 0.01,
    usual: 0.06,
    advanced: false,
  }),
  draw(amount, next, sizePx) {
    const [right, down] = [uniform(amount, next), uniform(amount, next)].map(
      (fraction) => Math.round(fraction * sizePx) || 0,
    );
    return right || down ? [right, down, bilinear] : null;
  },
  matrix,
  apply: (image, sizePx, values) => warp(image, sizePx, matrix(values), values[2]),
  describe: ([right, down]) =>
    `move ${[right && `${Math.abs(right)} px ${right > 0 ? 'right' : 'left'}`, down && `${Math.abs(down)} px ${down > 0 ? 'down' : 'up'}`].filter(Boolean).join(', ') || '0 px'}`,
};
