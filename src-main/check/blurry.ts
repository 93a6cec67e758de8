/**
 * Focus or motion blur, by the re-blur metric in `image/measure.ts` (Crete et al. 2007). Sharp photos have values from 0.2 to 0.45; a blur of 1 % of the
 * longest side gives 0.6 or more. It is measured on the thumbnail: blur narrower than one of its pixels is not found.
 */
import { adaptiveLimit, scoreAbove, type Check } from './check.ts';

export const blurry: Check = {
  id: 'blurry',
  title: 'Blurry',
  summary: 'Out of focus or shaken: no edge in the image is sharp.',
  threshold: 0.5,
  score(input) {
    const blur = input.values('blur');
    return scoreAbove(blur, adaptiveLimit(blur, 0.42, 0.54), 0.04);
  },
};
