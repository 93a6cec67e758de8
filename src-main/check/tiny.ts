/** Images with too few pixels to show much: icons and spacers. In a dataset of small images (28 px digits), small is normal and not flagged. */
import { scoreAbove, type Check } from './check.ts';

const sidePx = 48;

export const tiny: Check = {
  id: 'tiny',
  title: 'Tiny',
  summary: `Icon-sized: about ${sidePx} × ${sidePx} pixels or less.`,
  threshold: 0.5,
  score(input) {
    const [width, height] = ['width', 'height'].map(input.values);
    return scoreAbove(
      width.map((w, i) => -Math.log(w * height[i]) / 2),
      -Math.log(sidePx),
      0.1,
    );
  },
};
