/**
 * Burnt out: bright as a whole, with a large share of clipped pixels whose border is long and ragged, since it runs through the subject.
 * A white backdrop is clipped too, but its border is a short outline: it comes after what is burnt out, and is flagged only where such
 * images are few in the set. Ink on paper has black, where too much light leaves none.
 */
import { standOut, type Check } from './check.ts';

export const overexposed: Check = {
  id: 'overexposed',
  title: 'Overexposed',
  summary: 'Clipped highlights: large parts are pure white or have lost their colour.',
  threshold: 0.5,
  score(input) {
    const [brightness, contrast, clipped, edges, shadows] = [
      'brightness',
      'contrast',
      'clipped',
      'clippedEdges',
      'shadows',
    ].map(input.values);
    const burnt = brightness.map((bright, i) => {
      if (contrast[i] === 0) return 0; // a blank image shows nothing that could be burnt out; low information finds it
      return bright + clipped[i] * Math.min(1, 0.2 + 8 * shadows[i]) + Math.min(0.3, edges[i]);
    });
    return standOut(burnt, 1.3, 0.08);
  },
};
