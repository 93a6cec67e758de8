/**
 * The quality measures of an image. The scan computes them from the thumbnail of each image, so speed matters: one pass over the pixels for tones and colour
 * and one over the luminance for edges, with integers in reused buffers.
 *
 * `sharpness` is the variance of the Laplacian (Pech-Pacheco et al., ICPR 2000). It measures fine contrast, so an image with large plain areas gets a low value
 * even if it is sharp. `blur` instead measures what a further blur would change (Crete, Dolmiere, Ladret, Nicolas: The blur effect, SPIE 2007): gradients that
 * a box filter keeps were soft already. It is the mean of two forms: one sums all gradients, with a window of 5; the other weights each gradient by its size,
 * with a window of 9, and so measures edges, which stand out from sensor noise and JPEG artefacts. In a thumbnail, blur narrower than its pixels is invisible:
 * 2 px of blur in a photo of 4,000 px, for example.
 */
import { entropyOf, quantileOfCounts } from '../contract/statistics.ts';

/** The measures in the order in which the workspace stores them. Each is a column. After a change of this list, the next scan reads every image again. */
export const measureNames = [
  'brightness',
  'contrast',
  'entropy',
  'sharpness',
  'blur',
  'detail',
  'highlights',
  'shadows',
  'clipped',
  'clippedEdges',
  'chroma',
] as const;

/**
 * brightness    mean luminance, 0..1
 * contrast      standard deviation of luminance, 0..0.5; 0 only if all pixels are equal
 * entropy       of the luminance histogram, bits, 0..8
 * sharpness     variance of the Laplacian of luminance (0..1)
 * blur          fraction of the gradients that a box filter keeps, 0..1; the larger value of both axes
 * detail        entropy of the differences between neighbouring pixels, bits, 0..8; low if large parts are plain
 * highlights    99th percentile of the pixels' brightest channel, 0..1; by luminance, bright blue would count as dark
 * shadows       1st percentile of luminance
 * clipped       fraction of the pixels with a channel at its maximum
 * clippedEdges  fraction of the pixels where a clipped area starts or ends: large for overexposed subjects, small for a white backdrop
 * chroma        99.9th percentile of the difference between the largest and smallest channel, 0..1; 0 is gray
 */
export type Measures = Record<(typeof measureNames)[number], number>;

/** JPEG and resizing leave clipped pixels slightly below 255. */
const clippedFrom = 252;

const toneCounts = new Uint32Array(256);
const peakCounts = new Uint32Array(256);
const spreadCounts = new Uint32Array(256);
const stepCounts = new Uint32Array(256);
let luminance = new Uint8Array(256 * 256);
let clipped = new Uint8Array(256 * 256);

/**
 * What one pass over the pixels counts and sums: four histograms of 256 (luminance, brightest channel, spread of the channels, differences of neighbours), then the
 * sums below. The native reader gives the same.
 */
export type Tally = Float64Array;
const histogram = { tones: 0, peaks: 256, spread: 512, steps: 768 };
const at = {
  luminance: 1024,
  clipped: 1025,
  laplacian: 1026,
  laplacianSquares: 1027,
  clippedChanges: 1028,
  blurX: 1029,
  blurY: 1033,
};
const tallyLength = 1037;

/** `data`: uint8 sRGB of the thumbnail, [height, width, channels]; one channel, or three or more that start with red, green, blue. */
export function measure(data: Uint8Array, width: number, height: number, channels: number): Measures {
  const n = width * height;
  if (luminance.length < n) [luminance, clipped] = [new Uint8Array(n), new Uint8Array(n)];
  const tally = new Float64Array(tallyLength);
  readPixels(data, n, channels, tally);
  readEdges(width, height, tally);
  sumBlur('x', width, height, tally, at.blurX);
  sumBlur('y', width, height, tally, at.blurY);
  return measuresOf(tally, width, height);
}

/** The measures of a thumbnail of this size. */
export function measuresOf(tally: Tally, width: number, height: number): Measures {
  const n = width * height;
  const inner = Math.max(0, width - 2) * Math.max(0, height - 2);
  const counts = (from: number) => tally.subarray(from, from + 256);
  const tones = counts(histogram.tones);
  const mean = tally[at.luminance] / n;
  let squares = 0;
  for (let y = 0; y < 256; y++) squares += tones[y] * (y - mean) ** 2;
  return {
    brightness: mean / 255,
    contrast: Math.sqrt(squares / n) / 255,
    entropy: entropyOf(tones),
    sharpness: inner ? (tally[at.laplacianSquares] / inner - (tally[at.laplacian] / inner) ** 2) / 255 ** 2 : 0,
    blur: Math.max(blurOf(tally, at.blurX), blurOf(tally, at.blurY)),
    detail: entropyOf(counts(histogram.steps)),
    highlights: quantileOfCounts(counts(histogram.peaks), n, 0.99) / 255,
    shadows: quantileOfCounts(tones, n, 0.01) / 255,
    clipped: tally[at.clipped] / n,
    clippedEdges: inner ? tally[at.clippedChanges] / inner : 0,
    chroma: quantileOfCounts(counts(histogram.spread), n, 0.999) / 255,
  };
}

function readPixels(data: Uint8Array, n: number, channels: number, tally: Tally) {
  const [values, burnt, tones, peaks, spread] = [luminance, clipped, toneCounts, peakCounts, spreadCounts]; // locals are faster than module variables
  tones.fill(0);
  peaks.fill(0);
  spread.fill(0);
  let sum = 0;
  let clippedCount = 0;
  const [green, blue] = channels >= 3 ? [1, 2] : [0, 0];
  for (let i = 0, from = 0; i < n; i++, from += channels) {
    const r = data[from];
    const g = data[from + green];
    const b = data[from + blue];
    // Rec. 709 in fixed point, scaled by 65,536.
    const y = (13933 * r + 46871 * g + 4732 * b + 32768) >> 16;
    const most = Math.max(r, g, b);
    const least = Math.min(r, g, b);
    const isClipped = most >= clippedFrom ? 1 : 0;
    values[i] = y;
    burnt[i] = isClipped;
    tones[y]++;
    peaks[most]++;
    spread[most - least]++;
    sum += y;
    clippedCount += isClipped;
  }
  tally.set(tones, histogram.tones);
  tally.set(peaks, histogram.peaks);
  tally.set(spread, histogram.spread);
  tally[at.luminance] = sum;
  tally[at.clipped] = clippedCount;
}

/** One pass over the luminance for the Laplacian, the differences between neighbours and the edges of clipped areas. */
function readEdges(width: number, height: number, tally: Tally) {
  const [values, burnt, steps] = [luminance, clipped, stepCounts];
  steps.fill(0);
  let sum = 0;
  let squares = 0;
  let changes = 0;
  for (let y = 1; y < height - 1; y++) {
    // Integers within a row; sums over the image would exceed 32 bits.
    let rowSquares = 0;
    for (let i = y * width + 1, end = (y + 1) * width - 1; i < end; i++) {
      const here = values[i];
      const left = values[i - 1];
      const laplacian = left + values[i - width] + values[i + 1] + values[i + width] - 4 * here;
      sum += laplacian;
      rowSquares += laplacian * laplacian;
      steps[(here - left) & 255]++;
      changes += (burnt[i] ^ burnt[i - 1]) + (burnt[i] ^ burnt[i - width]);
    }
    squares += rowSquares;
  }
  tally.set(steps, histogram.steps);
  tally[at.laplacian] = sum;
  tally[at.laplacianSquares] = squares;
  tally[at.clippedChanges] = changes;
}

/**
 * Sums the gradients along one axis and what a box filter along this axis keeps of them. The gradient after the filter is the difference of the pixels that enter and
 * leave the window, so the filter itself is not computed.
 */
function sumBlur(axis: 'x' | 'y', width: number, height: number, tally: Tally, to: number) {
  // Every second line is enough and takes half the time. Along a line, all pixels are used, since an edge can be one pixel wide.
  const [step, stepX, stepY] = axis === 'x' ? [1, 1, 2] : [width, 2, 1];
  const values = luminance;
  const margin = 5;
  let all = 0;
  let kept = 0;
  let allWeighted = 0;
  let keptWeighted = 0;
  for (let y = margin; y < height - margin; y += stepY) {
    let rowAll = 0;
    let rowKept = 0;
    let rowAllWeighted = 0;
    let rowKeptWeighted = 0;
    for (let i = y * width + margin, end = (y + 1) * width - margin; i < end; i += stepX) {
      const change = Math.abs(values[i] - values[i - step]);
      rowAll += change;
      rowKept += Math.min(5 * change, Math.abs(values[i + 2 * step] - values[i - 3 * step]));
      rowAllWeighted += change * change;
      rowKeptWeighted += change * Math.min(9 * change, Math.abs(values[i + 4 * step] - values[i - 5 * step]));
    }
    all += rowAll;
    kept += rowKept;
    allWeighted += rowAllWeighted;
    keptWeighted += rowKeptWeighted;
  }
  tally.set([all, kept, allWeighted, keptWeighted], to);
}

/** The fraction of the gradients along one axis that a box filter keeps. */
function blurOf(tally: Tally, from: number): number {
  const [all, kept, allWeighted, keptWeighted] = tally.subarray(from, from + 4);
  return all ? (kept / (5 * all) + keptWeighted / (9 * allWeighted)) / 2 : 0;
}
