/** Random perspective: each corner moves inwards by a random distance. Values: the eight coefficients of the map from result to source (`warpPerspective`). */
import { solve } from '../linear-algebra.ts';
import { amountOf, type Operation } from './operation.ts';
import { warpPerspective } from './warp.ts';

/** The coefficients of the perspective map from the corners `to` to the corners `from`, each [x, y] in pixels. */
export function coefficientsOf(
  from: readonly (readonly [number, number])[],
  to: readonly (readonly [number, number])[],
): number[] {
  const rows = to.flatMap(([x, y], i) => [
    [x, y, 1, 0, 0, 0, -from[i][0] * x, -from[i][0] * y],
    [0, 0, 0, x, y, 1, -from[i][1] * x, -from[i][1] * y],
  ]);
  return solve(rows, from.flat());
}

export const perspective: Operation = {
  id: 'perspective',
  amount: amountOf('Perspective', 'Maximum distance by which corners move inwards, as a fraction of half the side.', {
    most: 0.8,
    step: 0.05,
  }),
  draw(amount, next, sizePx) {
    const last = sizePx - 1;
    const most = Math.floor((amount * last) / 2);
    if (!most) return null;
    const inwards = (): number => Math.floor(next() * (most + 1));
    const from = [
      [0, 0],
      [last, 0],
      [last, last],
      [0, last],
    ] as const;
    const to = [
      [inwards(), inwards()],
      [last - inwards(), inwards()],
      [last - inwards(), last - inwards()],
      [inwards(), last - inwards()],
    ] as const;
    return coefficientsOf(from, to);
  },
  apply: (image, sizePx, values) => warpPerspective(image, sizePx, values),
  describe: () => 'perspective',
};
