/**
 * What storing as JPEG leaves of an image (ITU-T T.81): luminance and half as many chrominances, cosines of 8 × 8 pixels, divided by the standard's tables at
 * a quality as libjpeg scales them, rounded, and back. Nothing is packed, since nothing is kept. Values: quality.
 */
import { amountOf, type Operation } from './operation.ts';

const luminance = [
  16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
  18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
];
const chrominance = [
  17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
  99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
];

const scaled = (table: readonly number[], quality: number): Float32Array => {
  const percent = quality < 50 ? Math.floor(5000 / quality) : 200 - 2 * quality;
  return Float32Array.from(table, (step) => Math.min(255, Math.max(1, Math.floor((step * percent + 50) / 100))));
};

/** cosines[u · 8 + x], orthonormal. */
const cosines = Float32Array.from({ length: 64 }, (_, i) => (i < 8 ? Math.SQRT1_2 : 1) * 0.5 * Math.cos(((2 * (i % 8) + 1) * Math.floor(i / 8) * Math.PI) / 16));
const turned = Float32Array.from(cosines, (_, i) => cosines[(i % 8) * 8 + Math.floor(i / 8)]);

const block = new Float32Array(64);
const half = new Float32Array(64);

/** out = matrix · block · matrixᵗ, all 8 × 8, by way of `half`. */
function transform(matrix: Float32Array): void {
  for (let i = 0; i < 8; i++) {
    for (let j = 0; j < 8; j++) {
      let sum = 0;
      for (let k = 0; k < 8; k++) sum += matrix[i * 8 + k] * block[k * 8 + j];
      half[i * 8 + j] = sum;
    }
  }
  for (let i = 0; i < 8; i++) {
    for (let j = 0; j < 8; j++) {
      let sum = 0;
      for (let k = 0; k < 8; k++) sum += half[i * 8 + k] * matrix[j * 8 + k];
      block[i * 8 + j] = sum;
    }
  }
}

/** A plane of `size` × `size`, 0 to 255, through cosines and back; at the edge the last pixel is repeated. */
function through(plane: Float32Array, size: number, steps: Float32Array): void {
  for (let top = 0; top < size; top += 8) {
    for (let left = 0; left < size; left += 8) {
      for (let i = 0; i < 64; i++) block[i] = plane[Math.min(size - 1, top + (i >> 3)) * size + Math.min(size - 1, left + (i & 7))] - 128;
      transform(cosines);
      for (let i = 0; i < 64; i++) block[i] = Math.round(block[i] / steps[i]) * steps[i];
      transform(turned);
      for (let i = 0; i < 64; i++) {
        const [y, x] = [top + (i >> 3), left + (i & 7)];
        if (y < size && x < size) plane[y * size + x] = Math.min(255, Math.max(0, Math.round(block[i] + 128)));
      }
    }
  }
}

export const jpeg: Operation = {
  id: 'jpeg',
  amount: amountOf('JPEG', 'Artefacts of JPEG: up to so much less than the full quality of 100.', { most: 95, step: 5 }),
  draw: (amount, next) => [Math.round(100 - amount * next())],
  apply(image, sizePx, [quality]) {
    const small = Math.ceil(sizePx / 2);
    const y = new Float32Array(sizePx * sizePx);
    const [cb, cr] = [new Float32Array(small * small), new Float32Array(small * small)];
    for (let row = 0, i = 0; row < sizePx; row++) {
      for (let column = 0; column < sizePx; column++, i += 3) {
        const [r, g, b] = [image[i], image[i + 1], image[i + 2]];
        y[row * sizePx + column] = Math.round(0.299 * r + 0.587 * g + 0.114 * b);
        // Of an odd side the last pixel counts twice.
        const times = (column === sizePx - 1 && sizePx % 2 ? 2 : 1) * (row === sizePx - 1 && sizePx % 2 ? 2 : 1);
        const at = (row >> 1) * small + (column >> 1);
        cb[at] += times * 0.25 * (128 - 0.168736 * r - 0.331264 * g + 0.5 * b);
        cr[at] += times * 0.25 * (128 + 0.5 * r - 0.418688 * g - 0.081312 * b);
      }
    }
    through(y, sizePx, scaled(luminance, quality));
    const coarse = scaled(chrominance, quality);
    for (const plane of [cb, cr]) through(plane, small, coarse);
    for (let row = 0, i = 0; row < sizePx; row++) {
      for (let column = 0; column < sizePx; column++, i += 3) {
        const level = y[row * sizePx + column];
        const [blue, red] = [between(cb, small, row, column) - 128, between(cr, small, row, column) - 128];
        image[i] = clamp(level + 1.402 * red);
        image[i + 1] = clamp(level - 0.344136 * blue - 0.714136 * red);
        image[i + 2] = clamp(level + 1.772 * blue);
      }
    }
  },
  tell: ([quality]) => `JPEG at ${quality}`,
};

const clamp = (value: number): number => (value < 0 ? 0 : value > 255 ? 255 : Math.round(value));

/** A half-sized plane at a pixel of the whole one: three parts the nearest, one part the next, along both sides. */
function between(plane: Float32Array, size: number, row: number, column: number): number {
  const [y, x] = [row >> 1, column >> 1];
  const [v, u] = [Math.max(0, Math.min(size - 1, y + (row % 2 ? 1 : -1))), Math.max(0, Math.min(size - 1, x + (column % 2 ? 1 : -1)))];
  return (9 * plane[y * size + x] + 3 * plane[y * size + u] + 3 * plane[v * size + x] + plane[v * size + u]) / 16;
}
