/**
 * Grayscale images in a colour dataset, whether the file has one channel or three equal ones. Uses the chroma of the most colourful 0.1 % of the pixels, relative
 * to the brightness of the highlights: in a dark photo, colours are small numbers too.
 */
import { scoreAbove, type Check } from './check.ts';

const step = 1 / 255;

export const grayscale: Check = {
  id: 'grayscale',
  title: 'Grayscale',
  summary: 'Grayscale among colour images, even if the file has colour channels.',
  threshold: 0.5,
  score(input) {
    const [chroma, highlights, entropy] = ['chroma', 'highlights', 'entropy'].map(input.values);
    const gray = chroma.map((spread, i) => {
      if (entropy[i] === 0) return -10; // an image of a single tone is not a grayscale version of anything
      const relative = (spread + step) / (highlights[i] + 5 * step);
      // Drawings with two tones score lower than photos: they probably never had colours.
      return -Math.log(relative) - 0.3 * Math.max(0, 2 - entropy[i]);
    });
    return scoreAbove(gray, -Math.log(0.016), 0.25, 1); // adapts in a dataset of any size: gray alone is not a defect
  },
};
