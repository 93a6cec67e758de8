/**
 * Tells copies that differ in a small area, such as two screenshots with another number or two photographs of which one has a scratch, from copies that differ all
 * over, as after encoding, resizing or a change of exposure.
 */

/** Luminance 0..255, row by row. */
export interface Detail {
  luma: Uint8Array;
  width: number;
  height: number;
}

const blockPx = 8;
/** A small area differs if a block differs by this much (in levels of 255, mean of the block) … */
const leastChange = 16;
/** … and by so many times as much as other blocks with as much texture. */
const leastRatio = 4;

/** The luminance of copies in place is at least so similar (Pearson). */
const leastCorrelation = 0.98;

/** True if a small area differs. Both images are resized to the smaller size. */
export function differInDetail(a: Detail, b: Detail): boolean {
  const [one, two] = fitTogether(a, b);
  const { width, height } = one;
  const columns = Math.floor(width / blockPx);
  const rows = Math.floor(height / blockPx);
  if (columns < 4 || rows < 4) return false; // too small to tell an area from the whole
  const { gain, offset, correlation } = fitTones(one.luma, two.luma);
  if (correlation < leastCorrelation) return false; // not in place: a cropped copy differs at every edge
  const blocks: { change: number; texture: number }[] = [];
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      blocks.push(compareBlock(one.luma, two.luma, row * blockPx * width + column * blockPx, width, gain, offset));
  // Encoding changes textured blocks most, so a block is compared with others of similar texture.
  blocks.sort((p, q) => p.texture - q.texture);
  const groupSize = Math.max(16, Math.ceil(blocks.length / 16));
  for (let start = 0; start < blocks.length; start += groupSize) {
    const group = blocks.slice(start, start + groupSize);
    const changes = group.map(({ change }) => change).sort((p, q) => p - q);
    const usual = Math.max(1, changes[Math.floor((changes.length - 1) * 0.75)]);
    const largest = changes.at(-1) ?? 0;
    if (largest >= leastChange && largest >= leastRatio * usual) return true;
  }
  return false;
}

/** The mean absolute difference of a block after the change of tones, and its mean gradient in the second image. */
function compareBlock(one: Uint8Array, two: Uint8Array, start: number, width: number, gain: number, offset: number) {
  let change = 0;
  let texture = 0;
  for (let y = 0; y < blockPx; y++)
    for (let x = 0, at = start + y * width; x < blockPx; x++, at++) {
      change += Math.abs(two[at] - gain * one[at] - offset);
      if (x) texture += Math.min(Math.abs(two[at] - two[at - 1]), Math.abs(one[at] - one[at - 1]));
      if (y) texture += Math.min(Math.abs(two[at] - two[at - width]), Math.abs(one[at] - one[at - width]));
    }
  return { change: change / blockPx ** 2, texture: texture / blockPx ** 2 };
}

/** The linear change of tones from one image to the other, by least squares. */
function fitTones(one: Uint8Array, two: Uint8Array): { gain: number; offset: number; correlation: number } {
  const n = one.length;
  let [sumOne, sumTwo, squares, squaresTwo, products] = [0, 0, 0, 0, 0];
  for (let i = 0; i < n; i++) {
    sumOne += one[i];
    sumTwo += two[i];
    squares += one[i] * one[i];
    squaresTwo += two[i] * two[i];
    products += one[i] * two[i];
  }
  const variance = squares / n - (sumOne / n) ** 2;
  const varianceTwo = squaresTwo / n - (sumTwo / n) ** 2;
  const covariance = products / n - (sumOne / n) * (sumTwo / n);
  const gain = variance > 1 ? covariance / variance : 1;
  return {
    gain,
    offset: sumTwo / n - gain * (sumOne / n),
    correlation: variance > 1 && varianceTwo > 1 ? covariance / Math.sqrt(variance * varianceTwo) : 1,
  };
}

/** Both at the smaller width and height, by averaging areas. */
function fitTogether(a: Detail, b: Detail): [Detail, Detail] {
  const [width, height] = [Math.min(a.width, b.width), Math.min(a.height, b.height)];
  return [shrink(a, width, height), shrink(b, width, height)];
}

function shrink(from: Detail, width: number, height: number): Detail {
  if (from.width === width && from.height === height) return from;
  const luma = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const [top, bottom] = [Math.floor((y * from.height) / height), Math.ceil(((y + 1) * from.height) / height)];
    for (let x = 0; x < width; x++) {
      const [left, right] = [Math.floor((x * from.width) / width), Math.ceil(((x + 1) * from.width) / width)];
      let sum = 0;
      for (let v = top; v < bottom; v++) for (let u = left; u < right; u++) sum += from.luma[v * from.width + u];
      luma[y * width + x] = sum / ((bottom - top) * (right - left));
    }
  }
  return { luma, width, height };
}
