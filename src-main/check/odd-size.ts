/** Far fewer or far more pixels than usual in the dataset: thumbnails among photos, or the reverse. */
import { scoreOutliers, type Check } from './check.ts';

export const oddSize: Check = {
  id: 'odd-size',
  title: 'Odd size',
  summary: 'Far fewer or far more pixels than the other images.',
  threshold: 0.5,
  score(input) {
    const [width, height] = ['width', 'height'].map(input.values);
    return scoreOutliers(
      width.map((w, i) => Math.log(w * height[i]) / 2),
      Math.log(2.5),
      0.1,
    );
  },
};
