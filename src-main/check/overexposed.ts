/**
 * Overexposure: a bright image with a large fraction of clipped pixels and a long, ragged border around them, which runs through the subject. A white backdrop is
 * clipped too, but its border is a short outline: it scores lower, and is flagged only if few images of the dataset have one. Ink on paper keeps dark pixels,
 * which an overexposed photo has lost.
 */
import { scoreAbove, type Check } from './check.ts';

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
      if (contrast[i] === 0) return 0; // a blank image is found by `low-information`
      return bright + clipped[i] * Math.min(1, 0.2 + 8 * shadows[i]) + Math.min(0.3, edges[i]);
    });
    return scoreAbove(burnt, 1.3, 0.08);
  },
};
