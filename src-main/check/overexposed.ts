/**
 * Overexposure: a bright image with a large fraction of clipped pixels and a long, ragged border around them, which runs through the subject. A white backdrop is
 * clipped too, but its border is a short outline: it scores lower, and is flagged only if few images of the dataset have one.
 *
 * Text pages, scans and drawings on white are as bright, as clipped and as ragged as an overexposed photo, and a thumbnail turns their strokes into mid-tones.
 * Only colour tells them apart: an overexposed photo keeps tints along its clipped areas, since its channels clip one after the other; black or gray ink on white has none.
 * So images without colour are not judged, whatever the size of the set, unless hardly anything but white is left. Gray photos pay for this: an overexposed one is not found.
 */
import { scoreAbove, type Check } from './check.ts';

/** 15 of 255 levels. JPEG and cream paper stay below. */
const leastChroma = 0.06;
/** Less than a line of text on a page. */
const leastContrast = 0.008;

export const overexposed: Check = {
  id: 'overexposed',
  title: 'Overexposed',
  summary:
    'Clipped highlights: large parts are pure white or have lost their colour; images without colour, such as pages of text, are not judged.',
  threshold: 0.5,
  score(input) {
    const [brightness, contrast, clipped, edges, shadows, chroma] = [
      'brightness',
      'contrast',
      'clipped',
      'clippedEdges',
      'shadows',
      'chroma',
    ].map(input.values);
    const burnt = brightness.map((bright, i) => {
      if (contrast[i] === 0) return 0; // a blank image is found by `low-information`
      if (chroma[i] < leastChroma && contrast[i] > leastContrast) return 0;
      return bright + clipped[i] * Math.min(1, 0.2 + 8 * shadows[i]) + Math.min(0.3, edges[i]);
    });
    return scoreAbove(burnt, 1.3, 0.08);
  },
};
