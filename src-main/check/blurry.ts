/**
 * Out of focus or shaken, by the re-blur measure of `image/measure.ts`. Sharp photos lie at 0.2 to 0.45 whatever they show, and a blur of
 * 1 % of the longest side at 0.6 and above. It looks at thumbnails: blur narrower than a pixel of the thumbnail is not seen.
 */
import { leastSamples, median, spread, standOut, type Check } from './check.ts';

const [earliest, usual] = [0.42, 0.54];

export const blurry: Check = {
  id: 'blurry',
  title: 'Blurry',
  summary: 'Out of focus or shaken: no edge in the image is sharp.',
  threshold: 0.5,
  score(input) {
    const blur = input.values('blur');
    const known = blur.filter(Number.isFinite);
    // Where all images are alike and sharp, less blur stands out already.
    const own = known.length >= leastSamples ? median(known) + 5 * spread(known) : usual;
    return standOut(blur, Math.min(usual, Math.max(earliest, own)), 0.04);
  },
};
