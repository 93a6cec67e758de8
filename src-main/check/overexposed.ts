/**
 * Overexposure: a bright image with a large fraction of clipped pixels and a long, ragged border around them, which runs through the subject. A white backdrop is
 * clipped too, but its border is a short outline: it scores lower, and is flagged only if few images of the dataset have one.
 *
 * Pages of text, screenshots, charts and drawings on white are as bright, as clipped and as ragged as an overexposed photo. They differ in what is not white: few tones, as in a
 * chart, or fine strokes, as in text. What is left of a photo has many tones and soft edges. Such pages are not flagged, and rank below every flagged image.
 * Measured: test/bench/curation.md.
 */
import { scoreAbove, type Check, type CheckInput } from './check.ts';

const [limit, width] = [1.3, 0.08];
/** 15 of 255 levels. JPEG and cream paper stay below. */
const leastChroma = 0.06;

export const overexposed: Check = {
  id: 'overexposed',
  title: 'Overexposed',
  summary:
    'Clipped highlights: large parts are pure white or have lost their colour. Pages of text, screenshots and charts on white are not flagged.',
  threshold: 0.5,
  score(input) {
    const [brightness, contrast, clipped, edges, shadows] = [
      'brightness',
      'contrast',
      'clipped',
      'clippedEdges',
      'shadows',
    ].map(input.values);
    const pages = pagesOf(input);
    const burnt = brightness.map((bright, i) => {
      if (contrast[i] === 0) return 0; // a blank image is found by `low-information`
      const value = bright + clipped[i] * Math.min(1, 0.2 + 8 * shadows[i]) + Math.min(0.3, edges[i]);
      return pages[i] ? Math.min(value, limit - width) : value;
    });
    return scoreAbove(burnt, limit, width);
  },
};

/** With less, hardly anything but white is left. */
const leastContrast = 0.008;
/** Tones of a chart or a screen beside white, in bits. */
const mostTones = 7;
/** Without colour, and with it. Photos have less than 1 as a rule; texts from 3 to 6. */
const [leastStrokes, leastColouredStrokes] = [2, 2.5];
/** Text has no more tones than this; with more, an image is nearly white, and this ratio and that of strokes are noise. */
const mostTonesOfText = 17;
/** A patterned fabric has strokes too, but more different ones than text. */
const mostDetailOfText = 4;

/**
 * 1 for images that would be a page if they were bright. Tones: the entropy of the luminance of the part that is not clipped; it is large where clipped pixels keep tones because
 * their channels clip one after the other. Strokes: the variance of the Laplacian divided by that of the luminance, which does not depend on contrast.
 */
function pagesOf({ values }: CheckInput): Uint8Array {
  const [entropy, contrast, sharpness, detail, chroma] = ['entropy', 'contrast', 'sharpness', 'detail', 'chroma'].map(
    values,
  );
  return Uint8Array.from(values('clipped'), (fraction, i) => {
    if (contrast[i] < leastContrast) return 0;
    const clipped = Math.min(0.999, Math.max(0.001, fraction));
    const division = -clipped * Math.log2(clipped) - (1 - clipped) * Math.log2(1 - clipped);
    const tones = (entropy[i] - division) / (1 - clipped);
    if (tones < mostTones) return 1;
    const strokes = sharpness[i] / contrast[i] ** 2;
    return Number(
      tones < mostTonesOfText &&
        (chroma[i] < leastChroma
          ? strokes > leastStrokes
          : strokes > leastColouredStrokes && detail[i] < mostDetailOfText),
    );
  });
}
