/**
 * Blank or nearly so: few tones (entropy of the histogram) and hardly any step from pixel to pixel (entropy of the steps). Either alone
 * misleads: a smooth gradient has many tones, a drawing in ink has few and says much.
 */
import { fenceOf, standOut, type Check } from './check.ts';

export const lowInformation: Check = {
  id: 'low-information',
  title: 'Low information',
  summary: 'Blank or nearly blank: almost no content.',
  threshold: 0.5,
  score(input) {
    const [entropy, detail] = ['entropy', 'detail'].map(input.values);
    const emptiness = entropy.map((bits, i) => -(bits + detail[i]));
    // Drawings of two tones have 1 to 4 bits, photos 9 and more.
    return standOut(emptiness, fenceOf(emptiness, -2, -1), 0.3);
  },
};
