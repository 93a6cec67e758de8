/** Random resized crop (Szegedy et al. 2015): a random part of the image is enlarged to its full size. Values: left, top, width, height, in pixels. */
import { amountOf, uniform, type Operation } from './operation.ts';
import { zoom } from './warp.ts';

export const resizedCrop: Operation = {
  id: 'resizedCrop',
  position: 'before',
  amount: amountOf('Crop and enlarge', 'Maximum fraction of the area that is cropped; aspect ratio from 3:4 to 4:3.', {
    most: 0.92,
    step: 0.02,
  }),
  draw(amount, next, sizePx) {
    const area = (1 - amount * next()) * sizePx ** 2;
    const ratio = Math.exp(uniform(Math.log(4 / 3), next));
    const [width, height] = [Math.min(sizePx, Math.sqrt(area * ratio)), Math.min(sizePx, Math.sqrt(area / ratio))];
    return [next() * (sizePx - width), next() * (sizePx - height), width, height];
  },
  apply: (image, sizePx, [left, top, width, height]) => zoom(image, sizePx, left, top, width, height),
  describe: ([, , width, height]) => `crop ${Math.round(width)} × ${Math.round(height)}`,
};
