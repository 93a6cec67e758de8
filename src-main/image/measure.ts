/**
 * What the scan learns of every image from its thumbnail. It runs once for each image, so it is whole numbers in
 * reused buffers: one pass over the pixels for tones and colour, one over the luminance for edges.
 *
 * Sharpness (variance of the Laplacian; Pech-Pacheco et al., ICPR 2000) says how much fine contrast there is and therefore takes a plain
 * image for a blurred one. Blur asks instead what a further blur would change (Crete, Dolmiere, Ladret, Nicolas: The blur effect, SPIE
 * 2007): steps between neighbours that survive a box filter were soft already, whether there are many or few. Two forms are averaged. One
 * sums all steps over a window of 5. The other weighs each by its size over a window of 9: it looks at the edges, which noise of sensor or
 * JPEG does not hide. A thumbnail shows only blur wider than its own pixels: 2 px of blur in a photo of 4,000 px are nothing here.
 */
import { entropyOf, quantileOfCounts } from '../contract/statistics.ts';

/** In this order in the workspace; each becomes a column. Changing the list makes every image be read again. */
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
 * contrast      standard deviation of luminance, 0..0.5; 0 only where all pixels are alike
 * entropy       of the histogram of luminance, bits, 0..8
 * sharpness     variance of the Laplacian of luminance (0..1)
 * blur          share of the steps between neighbours that a blur would leave as they are, 0..1, in the blurrier direction
 * detail        entropy of the steps from pixel to pixel, bits, 0..8; low where large parts are plain
 * highlights    strongest channel that 99 % of the pixels stay within, 0..1; by luminance a bright blue would be dark
 * shadows       luminance that 99 % of the pixels reach, 0..1
 * clipped       share of the pixels with a channel at its upper end
 * clippedEdges  share of the pixels where clipping begins or ends: long around what has burnt out, short around a white backdrop
 * chroma        spread between channels (0..1) that 99.9 % of the pixels stay within; 0 is gray
 */
export type Measures = Record<(typeof measureNames)[number], number>;

/** JPEG and resizing leave what was clipped a little below 255. */
const clippedFrom = 252;

const toneCounts = new Uint32Array(256);
const peakCounts = new Uint32Array(256);
const spreadCounts = new Uint32Array(256);
const stepCounts = new Uint32Array(256);
let luminance = new Uint8Array(256 * 256);
let clipped = new Uint8Array(256 * 256);

/** `data`: width × height × channels uint8 sRGB of the thumbnail; of one channel, or of three or more that begin with red, green, blue. */
export function measure(data: Uint8Array, width: number, height: number, channels: number): Measures {
  const n = width * height;
  if (luminance.length < n) [luminance, clipped] = [new Uint8Array(n), new Uint8Array(n)];
  const tones = readPixels(data, n, channels);
  const edges = readEdges(width, height);
  return {
    ...tones,
    ...edges,
    blur: Math.max(blurAlong('x', width, height), blurAlong('y', width, height)),
  };
}

function readPixels(data: Uint8Array, n: number, channels: number) {
  const [values, burnt, tones, peaks, spread] = [luminance, clipped, toneCounts, peakCounts, spreadCounts]; // as locals they are read without a look at the module
  tones.fill(0);
  peaks.fill(0);
  spread.fill(0);
  let sum = 0;
  let clippedCount = 0;
  const [green, blue] = channels >= 3 ? [1, 2] : [0, 0];
  for (let i = 0, at = 0; i < n; i++, at += channels) {
    const r = data[at];
    const g = data[at + green];
    const b = data[at + blue];
    // Rec. 709, as whole numbers over 65,536.
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
  const mean = sum / n;
  let squares = 0;
  for (let y = 0; y < 256; y++) squares += tones[y] * (y - mean) ** 2;
  return {
    brightness: mean / 255,
    contrast: Math.sqrt(squares / n) / 255,
    entropy: entropyOf(tones),
    highlights: quantileOfCounts(peaks, n, 0.99) / 255,
    shadows: quantileOfCounts(tones, n, 0.01) / 255,
    clipped: clippedCount / n,
    chroma: quantileOfCounts(spread, n, 0.999) / 255,
  };
}

/** One pass over the luminance for the Laplacian, the steps between neighbours and where clipping begins. */
function readEdges(width: number, height: number) {
  const [values, burnt, steps] = [luminance, clipped, stepCounts];
  steps.fill(0);
  let sum = 0;
  let squares = 0;
  let changes = 0;
  for (let y = 1; y < height - 1; y++) {
    // Whole numbers within a row; over the image they outgrow 32 bits.
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
  const count = Math.max(0, width - 2) * Math.max(0, height - 2);
  return {
    sharpness: count ? (squares / count - (sum / count) ** 2) / 255 ** 2 : 0,
    detail: entropyOf(steps),
    clippedEdges: count ? changes / count : 0,
  };
}

/**
 * Share of the steps along one direction that a box filter along it leaves: the filtered step is the difference of the two pixels that
 * enter and leave the window, so that nothing need be filtered.
 */
function blurAlong(axis: 'x' | 'y', width: number, height: number): number {
  // Every other line of pixels tells as much in half the time; along the line none is left out, or an edge might be.
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
  return all ? (kept / (5 * all) + keptWeighted / (9 * allWeighted)) / 2 : 0;
}
