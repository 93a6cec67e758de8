/**
 * Gray images among coloured ones, whether the file has one channel or three that say the same. What counts is the most colourful
 * thousandth of the pixels against the light there is to show colour: a dark photo is not gray because its colours are small numbers.
 */
import { standOut, type Check } from './check.ts';

const step = 1 / 255;

export const grayscale: Check = {
  id: 'grayscale',
  title: 'Grayscale',
  summary: 'Grayscale among colour images, even if the file has colour channels.',
  threshold: 0.5,
  score(input) {
    const [chroma, highlights, entropy] = ['chroma', 'highlights', 'entropy'].map(input.values);
    const gray = chroma.map((spread, i) => {
      if (entropy[i] === 0) return -10; // one tone all over has no colour to lose
      const relative = (spread + step) / (highlights[i] + 5 * step);
      // Drawings of two tones come after photos: they were most likely never coloured.
      return -Math.log(relative) - 0.3 * Math.max(0, 2 - entropy[i]);
    });
    return standOut(gray, -Math.log(0.016), 0.25, 1); // gray is nothing wrong by itself, be the set ever so small
  },
};
