/** Aspect ratios far from the median of the dataset. Portrait and landscape count as equal. */
import { scoreOutliers, type Check } from './check.ts';

export const oddAspect: Check = {
  id: 'odd-aspect',
  title: 'Odd aspect',
  summary: 'Aspect ratio far from that of the other images.',
  threshold: 0.5,
  score(input) {
    const [width, height] = ['width', 'height'].map(input.values);
    return scoreOutliers(
      width.map((w, i) => Math.abs(Math.log(w / height[i]))),
      Math.log(1.65),
      0.1,
    );
  },
};
