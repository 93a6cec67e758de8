/** Rotation about the centre. Values: degrees counterclockwise, interpolation. */
import { amountOf, uniform, type Matrix, type Operation } from './operation.ts';
import { bilinear, warp } from './warp.ts';

const matrix = ([degrees]: readonly number[]): Matrix => {
  const angle = (degrees * Math.PI) / 180;
  return [Math.cos(angle), -Math.sin(angle), 0, Math.sin(angle), Math.cos(angle), 0];
};

export const rotation: Operation = {
  id: 'rotation',
  amount: amountOf('Rotation', 'Maximum angle of rotation, in either direction.', {
    most: 180,
    step: 1,
    unit: '°',
    usual: 10,
    advanced: false,
  }),
  draw: (amount, next) => [uniform(amount, next), bilinear],
  matrix,
  apply: (image, sizePx, values) => warp(image, sizePx, matrix(values), values[1]),
  describe: ([degrees]) => `rotate ${degrees.toFixed(0)}°`,
};
