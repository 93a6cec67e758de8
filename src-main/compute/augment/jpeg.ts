/**
 * JPEG artefacts (ITU-T T.81): conversion to YCbCr with 4:2:0 chroma subsampling, DCT of 8 × 8 blocks, quantization by the standard's tables at a quality, and
 * back. It uses the integer arithmetic of libjpeg (DCT by Loeffler, Ligtenberg and Moschytz 1989), so the pixels are the same as after writing and reading a
 * file. There is no entropy coding, since it loses nothing. Values: quality.
 */
import { amountOf, type Operation } from './operation.ts';
import { clamp } from './tables.ts';

const luminance = [
  16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
  87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
  72, 92, 95, 98, 112, 100, 103, 99,
];
const chrominance = [
  17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99,
  99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
  99, 99, 99, 99, 99, 99,
];

const scaled = (table: readonly number[], quality: number): Int32Array => {
  const percent = quality < 50 ? Math.floor(5000 / quality) : 200 - 2 * quality;
  return Int32Array.from(table, (step) => Math.min(255, Math.max(1, Math.floor((step * percent + 50) / 100))));
};

const block = new Int32Array(64);

/** DCT of eight values of the block, from index `at` with step `step`, in place: √8 times the orthonormal DCT, times 2^(13 − shift). Constants are scaled by 2¹³. */
function forward(at: number, step: number, shift: number): void {
  const [i1, i2, i3, i4, i5, i6, i7] = [
    at + step,
    at + 2 * step,
    at + 3 * step,
    at + 4 * step,
    at + 5 * step,
    at + 6 * step,
    at + 7 * step,
  ];
  const half = 1 << (shift - 1);
  const s0 = block[at] + block[i7];
  const s1 = block[i1] + block[i6];
  const s2 = block[i2] + block[i5];
  const s3 = block[i3] + block[i4];
  const d0 = block[at] - block[i7];
  const d1 = block[i1] - block[i6];
  const d2 = block[i2] - block[i5];
  const d3 = block[i3] - block[i4];
  const outer = s0 - s3;
  const inner = s1 - s2;
  block[at] = (((s0 + s3 + s1 + s2) << 13) + half) >> shift;
  block[i4] = (((s0 + s3 - s1 - s2) << 13) + half) >> shift;
  const both = Math.imul(inner + outer, 4433) + half;
  block[i2] = (both + Math.imul(outer, 6270)) >> shift;
  block[i6] = (both - Math.imul(inner, 15137)) >> shift;
  const all = Math.imul(d0 + d1 + d2 + d3, 9633) + half;
  const a = Math.imul(d3 + d0, -7373);
  const b = Math.imul(d2 + d1, -20995);
  const c = all + Math.imul(d3 + d1, -16069);
  const d = all + Math.imul(d2 + d0, -3196);
  block[i7] = (Math.imul(d3, 2446) + a + c) >> shift;
  block[i5] = (Math.imul(d2, 16819) + b + d) >> shift;
  block[i3] = (Math.imul(d1, 25172) + b + c) >> shift;
  block[i1] = (Math.imul(d0, 12299) + a + d) >> shift;
}

/** The inverse DCT of eight values of the block. */
function inverse(at: number, step: number, shift: number): void {
  const [i1, i2, i3, i4, i5, i6, i7] = [
    at + step,
    at + 2 * step,
    at + 3 * step,
    at + 4 * step,
    at + 5 * step,
    at + 6 * step,
    at + 7 * step,
  ];
  const half = 1 << (shift - 1);
  if (!(block[i1] | block[i2] | block[i3] | block[i4] | block[i5] | block[i6] | block[i7])) {
    const level = ((block[at] << 13) + half) >> shift;
    block[at] = block[i1] = block[i2] = block[i3] = block[i4] = block[i5] = block[i6] = block[i7] = level;
    return;
  }
  const both = Math.imul(block[i2] + block[i6], 4433);
  const inner = both - Math.imul(block[i6], 15137);
  const outer = both + Math.imul(block[i2], 6270);
  const sum = ((block[at] + block[i4]) << 13) + half;
  const difference = ((block[at] - block[i4]) << 13) + half;
  const [d0, d1, d2, d3] = [block[i1], block[i3], block[i5], block[i7]];
  const all = Math.imul(d0 + d1 + d2 + d3, 9633);
  const a = Math.imul(d3 + d0, -7373);
  const b = Math.imul(d2 + d1, -20995);
  const c = all + Math.imul(d3 + d1, -16069);
  const d = all + Math.imul(d2 + d0, -3196);
  const o3 = Math.imul(d3, 2446) + a + c;
  const o2 = Math.imul(d2, 16819) + b + d;
  const o1 = Math.imul(d1, 25172) + b + c;
  const o0 = Math.imul(d0, 12299) + a + d;
  block[at] = (sum + outer + o0) >> shift;
  block[i7] = (sum + outer - o0) >> shift;
  block[i1] = (difference + inner + o1) >> shift;
  block[i6] = (difference + inner - o1) >> shift;
  block[i2] = (difference - inner + o2) >> shift;
  block[i5] = (difference - inner - o2) >> shift;
  block[i3] = (sum - outer + o3) >> shift;
  block[i4] = (sum - outer - o3) >> shift;
}

/** DCT, quantization and inverse DCT of a plane of complete blocks, in place. `steps`: quantization table. */
function quantize(plane: Uint8Array, side: number, steps: Int32Array): void {
  for (let top = 0; top < side; top += 8) {
    for (let left = 0; left < side; left += 8) {
      const start = top * side + left;
      for (let i = 0; i < 64; i++) block[i] = plane[start + (i >> 3) * side + (i & 7)] - 128;
      for (let i = 0; i < 64; i += 8) forward(i, 1, 11);
      for (let i = 0; i < 8; i++) forward(i, 8, 15);
      for (let i = 0; i < 64; i++) {
        // The DCT is scaled by 8. The additional 0.5 protects an integer quotient from being truncated to the integer below.
        const times = ((Math.abs(block[i]) + 4 * steps[i] + 0.5) / (8 * steps[i])) | 0;
        block[i] = Math.imul(block[i] < 0 ? -times : times, steps[i]);
      }
      for (let i = 0; i < 8; i++) inverse(i, 8, 11);
      for (let i = 0; i < 64; i += 8) inverse(i, 1, 18);
      for (let i = 0; i < 64; i++) plane[start + (i >> 3) * side + (i & 7)] = clamp(block[i] + 128);
    }
  }
}

interface Planes {
  sizePx: number;
  /** `side`, `small`: sides of the luminance and chroma planes, padded to complete blocks. `inside`: side of the chroma planes without padding. */
  side: number;
  small: number;
  inside: number;
  level: Uint8Array; // [side, side]
  blue: Uint8Array; // [small, small]
  red: Uint8Array; // [small, small]
  /** Chroma before subsampling. */
  fineBlue: Uint8Array; // [2 small, 2 small]
  fineRed: Uint8Array; // [2 small, 2 small]
  /** One vertically interpolated row of chroma, times 4. */
  blueRow: Int32Array; // [inside]
  redRow: Int32Array; // [inside]
}

let kept: Planes | undefined;

/** The planes for a size; those of the last size are reused. */
function planesOf(sizePx: number): Planes {
  if (kept?.sizePx === sizePx) return kept;
  const inside = Math.ceil(sizePx / 2);
  const [side, small] = [sizePx, inside].map((size) => Math.ceil(size / 8) * 8);
  const plane = (of: number): Uint8Array => new Uint8Array(of * of);
  const [blueRow, redRow] = [new Int32Array(inside), new Int32Array(inside)];
  return (kept = {
    sizePx,
    side,
    small,
    inside,
    level: plane(side),
    blue: plane(small),
    red: plane(small),
    fineBlue: plane(2 * small),
    fineRed: plane(2 * small),
    blueRow,
    redRow,
  });
}

/** Converts RGB to planes. The padding repeats the last column and the last row. */
function toPlanes(
  image: Uint8Array,
  { sizePx, side, small, inside, level, blue, red, fineBlue, fineRed }: Planes,
): void {
  const last = sizePx - 1;
  for (let y = 0; y < 2 * small; y++) {
    for (let x = 0; x < 2 * small; x++) {
      const i = ((y < sizePx ? y : last) * sizePx + (x < sizePx ? x : last)) * 3;
      const r = image[i];
      const g = image[i + 1];
      const b = image[i + 2];
      if (x < side && y < side) level[y * side + x] = (19595 * r + 38470 * g + 7471 * b + 32768) >> 16;
      fineBlue[y * 2 * small + x] = (-11059 * r - 21709 * g + 32768 * b + 8421375) >> 16;
      fineRed[y * 2 * small + x] = (32768 * r - 27439 * g - 5329 * b + 8421375) >> 16;
    }
  }
  halve(fineBlue, blue, small, inside);
  halve(fineRed, red, small, inside);
}

/** Averages 2 × 2 pixels; like libjpeg, it rounds halves down and up in turn. The padding repeats the last row. */
function halve(fine: Uint8Array, out: Uint8Array, small: number, inside: number): void {
  for (let y = 0; y < inside; y++) {
    for (let x = 0; x < small; x++) {
      const i = 4 * y * small + 2 * x;
      out[y * small + x] = (fine[i] + fine[i + 1] + fine[i + 2 * small] + fine[i + 2 * small + 1] + 1 + (x & 1)) >> 2;
    }
  }
  for (let y = inside; y < small; y++) out.copyWithin(y * small, (inside - 1) * small, inside * small);
}

/**
 * The index of the second nearest chroma pixel for a pixel of the image: the one after `place` for odd pixels, before it for even ones. No interpolation for 2
 * pixels or fewer.
 */
function secondNearest(place: number, odd: number, inside: number): number {
  if (inside <= 2) return place;
  return Math.max(0, Math.min(inside - 1, place + 2 * odd - 1));
}

/** Converts planes to RGB. Chroma is interpolated along both axes: three parts of the nearest pixel and one of the second nearest. */
function fromPlanes(
  image: Uint8Array,
  { sizePx, side, small, inside, level, blue, red, blueRow, redRow }: Planes,
): void {
  for (let y = 0, i = 0; y < sizePx; y++) {
    const row = (y >> 1) * small;
    const nextRow = secondNearest(y >> 1, y & 1, inside) * small;
    for (let x = 0; x < inside; x++) {
      blueRow[x] = 3 * blue[row + x] + blue[nextRow + x];
      redRow[x] = 3 * red[row + x] + red[nextRow + x];
    }
    for (let x = 0; x < sizePx; x++, i += 3) {
      const near = x >> 1;
      const odd = x & 1;
      const next = secondNearest(near, odd, inside);
      const cb = ((3 * blueRow[near] + blueRow[next] + 8 - odd) >> 4) - 128;
      const cr = ((3 * redRow[near] + redRow[next] + 8 - odd) >> 4) - 128;
      const own = level[y * side + x];
      image[i] = clamp(own + ((91881 * cr + 32768) >> 16));
      image[i + 1] = clamp(own + ((-22554 * cb - 46802 * cr + 32768) >> 16));
      image[i + 2] = clamp(own + ((116130 * cb + 32768) >> 16));
    }
  }
}

export const jpeg: Operation = {
  id: 'jpeg',
  amount: amountOf('JPEG', 'JPEG artefacts: maximum reduction of the quality below 100.', {
    most: 95,
    step: 5,
  }),
  draw: (amount, next) => [Math.round(100 - amount * next())],
  apply(image, sizePx, [quality]) {
    const planes = planesOf(sizePx);
    toPlanes(image, planes);
    quantize(planes.level, planes.side, scaled(luminance, quality));
    for (const plane of [planes.blue, planes.red]) quantize(plane, planes.small, scaled(chrominance, quality));
    fromPlanes(image, planes);
  },
  describe: ([quality]) => `JPEG at ${quality}`,
};
