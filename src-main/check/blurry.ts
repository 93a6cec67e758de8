/**
 * Out of focus or motion blur, by the re-blur metric of `image/measure.ts` (Crete et al. 2007). Sharp photos score 0.2 to 0.45; a blur of 1 % of the
 * longest side scores 0.6 and above. It runs on thumbnails: blur narrower than a pixel of the thumbnail is not detected.
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
