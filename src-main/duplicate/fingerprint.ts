/**
 * The stored fingerprint of a picture: 32 × 32 luminance and 8 × 8 chroma of the whole picture, stretched to a square; 1,158 bytes. Duplicate detection uses it for
 * the search and for the first comparison. The scan computes it from the thumbnail's pixels in about a quarter of a millisecond.
 */
export const fingerprintVersion = 1;
export const lumaSide = 32;
export const colourSide = 8;

const headBytes = 6; // version, 0, minimum and range of the luminance in 16 bits each
/** Offset of the luminance. Values are stretched: 0 is the picture's minimum, 255 its maximum. */
export const lumaAt = headBytes;
const lumaBytes = lumaSide * lumaSide;
const colourBytes = colourSide * colourSide;
export const fingerprintBytes = headBytes + lumaBytes + 2 * colourBytes;

const clippedFrom = 250;

/** The pixels of a thumbnail: sRGB bytes, row by row. */
export interface Pixels {
  data: Uint8Array;
  width: number;
  height: number;
  channels: number;
}

/** A picture on square grids: luminance 0..255, blue and red difference around 0 (BT.601). */
export interface Picture {
  side: number;
  luma: Float32Array; // [side, side]
  /** Fraction of each cell that is clipped at white. */
  clipped: Float32Array; // [side, side]
  colourSide: number;
  blue: Float32Array; // [colourSide, colourSide]
  red: Float32Array; // [colourSide, colourSide]
}

/** The fingerprint of a thumbnail. `data`: sRGB bytes with 1 channel or 3; further channels are ignored. */
export function fingerprint(data: Uint8Array, width: number, height: number, channels: number): Uint8Array {
  const { luma, blue, red } = pictureOf(data, width, height, channels, lumaSide, colourSide);
  let least = Infinity;
  let most = -Infinity;
  for (const value of luma) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  const out = new Uint8Array(fingerprintBytes);
  const view = new DataView(out.buffer);
  out[0] = fingerprintVersion;
  view.setUint16(2, Math.round(least * 256));
  view.setUint16(4, Math.round((most - least) * 256));
  // Stretched to the full range, so that a dark picture keeps its detail.
  const scale = most > least ? 255 / (most - least) : 0;
  for (let i = 0; i < lumaBytes; i++) out[headBytes + i] = Math.round((luma[i] - least) * scale);
  for (let i = 0; i < colourBytes; i++) {
    out[headBytes + lumaBytes + i] = Math.max(0, Math.min(255, Math.round(blue[i] + 128)));
    out[headBytes + lumaBytes + colourBytes + i] = Math.max(0, Math.min(255, Math.round(red[i] + 128)));
  }
  return out;
}

/** False if another version of Winnow wrote the fingerprint: it cannot be compared. */
export const isCurrent = (bytes: Uint8Array): boolean =>
  bytes.length === fingerprintBytes && bytes[0] === fingerprintVersion;

/** Decodes a stored fingerprint, which must be of the current version (`isCurrent`). */
export function readFingerprint(bytes: Uint8Array): Picture {
  const least = (bytes[2] * 256 + bytes[3]) / 256;
  const scale = (bytes[4] * 256 + bytes[5]) / 256 / 255;
  const luma = new Float32Array(lumaBytes);
  const clipped = new Float32Array(lumaBytes);
  for (let i = 0; i < lumaBytes; i++) {
    luma[i] = least + bytes[headBytes + i] * scale;
    clipped[i] = Math.max(0, Math.min(1, (luma[i] - 230) / 20)); // the fraction is not stored; this approximates it
  }
  const blue = new Float32Array(colourBytes);
  const red = new Float32Array(colourBytes);
  for (let i = 0; i < colourBytes; i++) {
    blue[i] = bytes[headBytes + lumaBytes + i] - 128;
    red[i] = bytes[headBytes + lumaBytes + colourBytes + i] - 128;
  }
  return { side: lumaSide, luma, clipped, colourSide, blue, red };
}

/** A crop of a picture, as fractions of its sides. */
export interface Window {
  left: number;
  top: number;
  right: number;
  bottom: number;
}
const whole: Window = { left: 0, top: 0, right: 1, bottom: 1 };

/**
 * The mean of the pixels in each cell of a grid of side × side on the window, with partial weights at the borders (area interpolation). `colours`: cells per
 * side of the chroma.
 */
export function pictureOf(
  data: Uint8Array,
  width: number,
  height: number,
  channels: number,
  side: number,
  colours: number,
  window = whole,
): Picture {
  const cells = side * side;
  const [luma, clipped, blue, red] = [0, 1, 2, 3].map(() => new Float32Array(cells));
  const bands = channels < 3 ? 1 : 3;
  const rows = new Float32Array(side * 4); // red, green, blue and clipped pixels of one source row
  const sums = new Float32Array(side * 4);
  const [x0, y0] = [window.left * width, window.top * height];
  const [stepX, stepY] = [
    ((window.right - window.left) * width) / side,
    ((window.bottom - window.top) * height) / side,
  ];
  let filled = -1; // the source row in `rows`
  for (let j = 0; j < side; j++) {
    const [top, bottom] = [y0 + j * stepY, Math.min(height, y0 + (j + 1) * stepY)];
    sums.fill(0);
    for (let y = Math.floor(top); y < bottom; y++) {
      const weight = Math.min(bottom, y + 1) - Math.max(top, y);
      if (filled !== y) sumRow(rows, data, y * width * channels, width, channels, bands, side, x0, stepX);
      filled = y;
      for (let i = 0; i < sums.length; i++) sums[i] += rows[i] * weight;
    }
    for (let i = 0; i < side; i++) {
      const at = j * side + i;
      const area = stepX * stepY;
      const r = sums[i * 4] / area;
      const g = sums[i * 4 + 1] / area;
      const b = sums[i * 4 + 2] / area;
      clipped[at] = sums[i * 4 + 3] / area;
      luma[at] = bands === 1 ? r : 0.299 * r + 0.587 * g + 0.114 * b;
      if (bands === 1) continue;
      blue[at] = (b - luma[at]) / 1.772;
      red[at] = (r - luma[at]) / 1.402;
    }
  }
  return {
    side,
    luma,
    clipped,
    colourSide: colours,
    blue: coarser(blue, side, colours),
    red: coarser(red, side, colours),
  };
}

/** Sums of red, green, blue and clipped pixels per cell of one source row. In a gray picture the three colours are equal. This is the hot loop of a fingerprint. */
function sumRow(
  out: Float32Array,
  data: Uint8Array,
  start: number,
  width: number,
  channels: number,
  bands: number,
  side: number,
  x0: number,
  step: number,
): void {
  const second = bands === 3 ? 1 : 0;
  const third = bands === 3 ? 2 : 0;
  for (let i = 0; i < side; i++) {
    const left = x0 + i * step;
    let right = left + step;
    if (right > width) right = width;
    let r = 0;
    let g = 0;
    let b = 0;
    let e = 0;
    for (let x = Math.floor(left); x < right; x++) {
      let weight = 1;
      if (x < left) weight -= left - x;
      if (x + 1 > right) weight -= x + 1 - right;
      const at = start + x * channels;
      const p = data[at];
      const q = data[at + second];
      const s = data[at + third];
      r += p * weight;
      g += q * weight;
      b += s * weight;
      if (p >= clippedFrom || q >= clippedFrom || s >= clippedFrom) e += weight;
    }
    out[i * 4] = r;
    out[i * 4 + 1] = g;
    out[i * 4 + 2] = b;
    out[i * 4 + 3] = e;
  }
}

function coarser(values: Float32Array, side: number, to: number): Float32Array {
  const step = side / to;
  const out = new Float32Array(to * to);
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++)
      out[Math.floor(y / step) * to + Math.floor(x / step)] += values[y * side + x] / (step * step);
  return out;
}
