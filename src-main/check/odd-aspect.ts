/** Aspect ratios far from the usual ones of the dataset. Portrait and landscape count the same. */
import { oddness, type Check } from './check.ts';

export const oddAspect: Check = {
  id: 'odd-aspect',
  title: 'Odd aspect',
  summary: 'Much longer and narrower than the other images, or much squarer.',
  threshold: 0.5,
  score(input) {
    const [width, height] = ['width', 'height'].map(input.values);
    return oddness(
      width.map((w, i) => Math.abs(Math.log(w / height[i]))),
      Math.log(1.65),
      0.1,
    );
  },
};
