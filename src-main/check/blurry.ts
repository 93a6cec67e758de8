/**
 * Out of focus or shaken, by the re-blur measure of `image/measure.ts`. Sharp photos lie at 0.2 to 0.45 whatever they show, and a blur of
 * 1 % of the longest side at 0.6 and above. It looks at thumbnails: blur narrower than a pixel of the thumbnail is not seen.
 */
import { fenceOf, standOut, type Check } from './check.ts';

export const blurry: Check = {
  id: 'blurry',
  title: 'Blurry',
  summary: 'Out of focus or shaken: no edge in the image is sharp.',
  threshold: 0.5,
  score(input) {
    const blur = input.values('blur');
    return standOut(blur, fenceOf(blur, 0.42, 0.54), 0.04);
  },
};
