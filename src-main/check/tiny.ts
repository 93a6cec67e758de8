/** Too few pixels to show much: icons and spacers. In a set of small images (digits of 28 px) that is what the set is. */
import { standOut, type Check } from './check.ts';

const sidePx = 48;

export const tiny: Check = {
  id: 'tiny',
  title: 'Tiny',
  summary: `Icon-sized: about ${sidePx} × ${sidePx} pixels or less.`,
  threshold: 0.5,
  score(input) {
    const [width, height] = ['width', 'height'].map(input.values);
    return standOut(
      width.map((w, i) => -Math.log(w * height[i]) / 2),
      -Math.log(sidePx),
      0.1,
    );
  },
};
