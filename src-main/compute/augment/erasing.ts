/** Random erasing (Zhong et al. 2020): a black rectangle of 2 to 33 % of the area, aspect ratio from 3:10 to 10:3. Values: left, top, width, height. */
import { amountOf, uniform, type Operation } from './operation.ts';

export const erasing: Operation = {
  id: 'erasing',
  position: 'after',
  amount: amountOf('Erasing', 'Probability that a random rectangle is filled with black.', { most: 1, step: 0.1 }),
  draw(amount, next, sizePx) {
    if (next() >= amount) return null;
    const area = (0.02 + 0.31 * next()) * sizePx ** 2;
    const ratio = Math.exp(uniform(Math.log(10 / 3), next));
    const [width, height] = [Math.sqrt(area * ratio), Math.sqrt(area / ratio)].map((side) =>
      Math.max(1, Math.min(sizePx, Math.round(side))),
    );
    return [Math.floor(next() * (sizePx - width + 1)), Math.floor(next() * (sizePx - height + 1)), width, height];
  },
  apply(image, sizePx, [left, top, width, height]) {
    for (let y = top; y < top + height; y++) image.fill(0, (y * sizePx + left) * 3, (y * sizePx + left + width) * 3);
  },
  describe: ([, , width, height]) => `erase ${width} × ${height}`,
};
