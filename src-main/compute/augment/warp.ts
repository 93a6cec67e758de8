/**
 * Geometric transforms: each pixel of the result is read at its place in the source. `nearest`, with black outside, is used by the published policies; `bilinear`
 * interpolates between four pixels and repeats the border.
 */
import { loops } from './loops.ts';
import { copyOf, type Matrix } from './operation.ts';

/** Interpolation: the last value of each affine step, so that a step is complete. */
export const nearest = 0;
export const bilinear = 1;

/** Applies an affine transform, in place. `matrix`: from result to source, relative to the centre. */
export function warp(image: Uint8Array, sizePx: number, matrix: Matrix, interpolation: number): void {
  const source = copyOf(image);
  if (loops)
    return (interpolation === nearest ? loops.warpNearest : loops.warpSmooth)(
      image,
      source,
      sizePx,
      Float64Array.from(matrix),
    );
  const middle = (sizePx - 1) / 2;
  const [a, b, tx, c, d, ty] = matrix;
  const line = interpolation === nearest ? lineNearest : lineBilinear;
  for (let y = 0; y < sizePx; y++) {
    const v = y - middle;
    line(
      image,
      y * sizePx * 3,
      source,
      sizePx,
      -middle * a + v * b + tx + middle,
      a,
      -middle * c + v * d + ty + middle,
      c,
    );
  }
}

/** One row of the result, at `at`: its first pixel is looked up at (x, y) in the source, and each next one (dx, dy) further. */
type Line = (
  out: Uint8Array,
  at: number,
  source: Uint8Array,
  sizePx: number,
  x: number,
  dx: number,
  y: number,
  dy: number,
) => void;

const lineNearest: Line = (out, at, source, sizePx, x, dx, y, dy) => {
  if (dx === 1 && dy === 0 && copiedLine(out, at, source, sizePx, x, y)) return;
  for (let i = 0; i < sizePx; i++, at += 3) {
    const px = x + i * dx + 0.5;
    const py = y + i * dy + 0.5;
    if (px >= 0 && py >= 0 && px < sizePx && py < sizePx) {
      const from = ((py | 0) * sizePx + (px | 0)) * 3;
      out[at] = source[from];
      out[at + 1] = source[from + 1];
      out[at + 2] = source[from + 2];
    } else out[at] = out[at + 1] = out[at + 2] = 0;
  }
};

/**
 * With a translation or a horizontal shear, a row of the result is a part of one row of the source and is copied as a whole. False if rounding could differ
 * between its pixels.
 */
function copiedLine(out: Uint8Array, at: number, source: Uint8Array, sizePx: number, x: number, y: number): boolean {
  const left = Math.floor(x + 0.5);
  const above = x + 0.5 - left;
  if (x !== left - 0.5 && (above < 1e-6 || above > 1 - 1e-6)) return false;
  const row = Math.floor(y + 0.5);
  const [from, until] = [Math.max(0, -left), Math.min(sizePx, sizePx - left)];
  const line = sizePx * 3;
  if (row < 0 || row >= sizePx || from >= until) out.fill(0, at, at + line);
  else {
    out.fill(0, at, at + from * 3);
    out.set(source.subarray(row * line + (left + from) * 3, row * line + (left + until) * 3), at + from * 3);
    out.fill(0, at + until * 3, at + line);
  }
  return true;
}

const lineBilinear: Line = (out, at, source, sizePx, x, dx, y, dy) => {
  const last = sizePx - 1;
  for (let i = 0; i < sizePx; i++, at += 3) {
    const px = Math.max(0, Math.min(last, x + i * dx));
    const py = Math.max(0, Math.min(last, y + i * dy));
    const ix = px | 0;
    const iy = py | 0;
    // Weights are integers in 1/256: this is faster, and precise enough for bytes.
    const fx = ((px - ix) * 256) | 0;
    const fy = ((py - iy) * 256) | 0;
    const p = (iy * sizePx + ix) * 3;
    const right = p + (ix < last ? 3 : 0);
    const below = iy < last ? sizePx * 3 : 0;
    const w11 = Math.imul(fx, fy);
    const w10 = (fy << 8) - w11;
    const w01 = (fx << 8) - w11;
    const w00 = 65536 - w11 - w10 - w01;
    for (let c = 0; c < 3; c++) {
      out[at + c] =
        (Math.imul(source[p + c], w00) +
          Math.imul(source[right + c], w01) +
          Math.imul(source[p + below + c], w10) +
          Math.imul(source[right + below + c], w11) +
          32768) >>
        16;
    }
  }
};

/** The matrix of `first` and then `second` as seen in the image. Matrices map from result to source, so `second` is applied to a coordinate before `first`. */
export function compose(first: Matrix, second: Matrix): Matrix {
  const [a, b, tx, c, d, ty] = first;
  const [e, f, ux, g, h, uy] = second;
  return [a * e + b * g, a * f + b * h, a * ux + b * uy + tx, c * e + d * g, c * f + d * h, c * ux + d * uy + ty];
}

/** Enlarges a rectangle of the image to its full size, in place. The rectangle may lie between pixels. */
export function zoom(
  image: Uint8Array,
  sizePx: number,
  left: number,
  top: number,
  width: number,
  height: number,
): void {
  const [sx, sy] = [width / sizePx, height / sizePx];
  // Maps pixel centres to pixel centres.
  warp(image, sizePx, [sx, 0, left + width / 2 - sizePx / 2, 0, sy, top + height / 2 - sizePx / 2], bilinear);
}

/**
 * Perspective transform in place, with the nearest pixel and black outside. The source of a pixel centre (x, y), from the upper left corner, is
 * x' = (c0·x + c1·y + c2) / (c6·x + c7·y + 1), y' = (c3·x + c4·y + c5) / (c6·x + c7·y + 1).
 */
export function warpPerspective(image: Uint8Array, sizePx: number, c: readonly number[]): void {
  const source = copyOf(image);
  for (let y = 0, at = 0; y < sizePx; y++) {
    for (let x = 0; x < sizePx; x++, at += 3) {
      const u = x + 0.5;
      const v = y + 0.5;
      const w = c[6] * u + c[7] * v + 1;
      const px = (c[0] * u + c[1] * v + c[2]) / w;
      const py = (c[3] * u + c[4] * v + c[5]) / w;
      if (px >= 0 && py >= 0 && px < sizePx && py < sizePx) {
        const from = ((py | 0) * sizePx + (px | 0)) * 3;
        image[at] = source[from];
        image[at + 1] = source[from + 1];
        image[at + 2] = source[from + 2];
      } else image[at] = image[at + 1] = image[at + 2] = 0;
    }
  }
}
