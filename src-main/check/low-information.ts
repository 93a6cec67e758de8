/**
 * Blank or nearly blank images: low entropy of the histogram (few tones) and low entropy of the differences between adjacent pixels (little detail). Both are
 * needed: a smooth gradient has many tones but no content, an ink drawing has few tones but much content.
 */
import { adaptiveLimit, scoreAbove, type Check } from './check.ts';

export const lowInformation: Check = {
  id: 'low-information',
  title: 'Low information',
  summary: 'Blank or nearly blank: almost no content.',
  threshold: 0.5,
  score(input) {
    const [entropy, detail] = ['entropy', 'detail'].map(input.values);
    const emptiness = entropy.map((bits, i) => -(bits + detail[i]));
    // Drawings with two tones have 1 to 4 bits, photos 9 or more.
    return scoreAbove(emptiness, adaptiveLimit(emptiness, -2, -1), 0.3);
  },
};
