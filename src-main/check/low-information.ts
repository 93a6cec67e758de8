/**
 * Blank or nearly so: few tones (entropy of the histogram) and hardly any step from pixel to pixel (entropy of the steps). Either alone
 * misleads: a smooth gradient has many tones, a drawing in ink has few and says much.
 */
import { standOut, type Check } from './check.ts';

export const lowInformation: Check = {
  id: 'low-information',
  title: 'Low information',
  summary: 'Blank or nearly so: almost nothing to see or to learn from.',
  threshold: 0.5,
  score(input) {
    const [entropy, detail] = ['entropy', 'detail'].map(input.values);
    return standOut(entropy.map((bits, i) => -(bits + detail[i])), -2, 0.4);
  },
};
