/**
 * Registers two pictures: finds the shift and scale along each axis that map `a` to `b`, and the gain and offset in luminance between them, by Gauss–Newton
 * iterations (Lucas and Kanade 1981). What differs after alignment is a real difference.
 */
import { clamp } from '../contract/numbers.ts';

/** Maps coordinates of a to b, both from −0.5 to 0.5: x' = shiftX + scaleX · x. */
export interface Placement {
  shiftX: number;
  scaleX: number;
  shiftY: number;
  scaleY: number;
}
/** b ≈ gain · a + offset. */
export interface Alignment extends Placement {
  gain: number;
  offset: number;
}

export const inPlace: Placement = { shiftX: 0, scaleX: 1, shiftY: 0, scaleY: 1 };

const unknowns = 6;
const steps = 8;
const minWeight = 0.01;

/**
 * `a`, `b`: luminance, 0..255, slightly smoothed; `clippedA`, `clippedB`: fraction of each cell that is clipped at white; all [side, side]. Returns null if the
 * iterations do not converge.
 */
export function align(
  a: Float32Array,
  b: Float32Array,
  clippedA: Float32Array,
  clippedB: Float32Array,
  side: number,
  start: Placement,
): Alignment | null {
  let { shiftX, scaleX, shiftY, scaleY } = start;
  let gain = 1;
  let offset = 0;
  const normal = new Float64Array(unknowns * (unknowns + 1));
  for (let step = 0; step < steps; step++) {
    normal.fill(0);
    accumulate(normal, a, b, clippedA, clippedB, side, { shiftX, scaleX, shiftY, scaleY });
    const change = solve(normal);
    if (!change) return null;
    const limit = 0.02; // clips the step size
    shiftX += clamp(change[0], -limit, limit);
    scaleX += clamp(change[1], -limit, limit);
    shiftY += clamp(change[2], -limit, limit);
    scaleY += clamp(change[3], -limit, limit);
    gain = change[4];
    offset = change[5];
    if (Math.max(Math.abs(change[0]), Math.abs(change[1]), Math.abs(change[2]), Math.abs(change[3])) < 2e-4) break;
  }
  return { shiftX, scaleX, shiftY, scaleY, gain, offset };
}

/**
 * Accumulates the normal equations of: slope · change − gain · a − offset = −b, over the cells of a that map into b. The loop is unrolled by
 * hand, since a comparison spends nearly all of its time here.
 */
function accumulate(
  normal: Float64Array,
  a: Float32Array,
  b: Float32Array,
  clippedA: Float32Array,
  clippedB: Float32Array,
  side: number,
  placed: Placement,
): void {
  const { shiftX, scaleX, shiftY, scaleY } = placed;
  const limit = side - 1;
  for (let j = 0; j < side; j++) {
    const y = (j + 0.5) / side - 0.5;
    const fy = (shiftY + scaleY * y + 0.5) * side - 0.5;
    if (fy < 0 || fy > limit) continue;
    const top = fy >= limit ? side - 2 : fy | 0;
    const v = fy - top;
    for (let i = 0; i < side; i++) {
      const x = (i + 0.5) / side - 0.5;
      const fx = (shiftX + scaleX * x + 0.5) * side - 0.5;
      if (fx < 0 || fx > limit) continue;
      const left = fx >= limit ? side - 2 : fx | 0;
      const u = fx - left;
      const at = top * side + left;
      const p = b[at];
      const q = b[at + 1];
      const r = b[at + side];
      const s = b[at + side + 1];
      const upper = p + (q - p) * u;
      const lower = r + (s - r) * u;
      const own = a[j * side + i];
      // Where either picture is clipped at white, the pixel gets a small weight for gain and offset.
      let w = (1 - clippedA[j * side + i]) * (1 - clippedB[at]);
      if (w < minWeight) w = minWeight;
      const sx = ((q - p) * (1 - v) + (s - r) * v) * side;
      const sy = (lower - upper) * side;
      const sxx = sx * x;
      const syy = sy * y;
      const value = upper + (lower - upper) * v;
      const w0 = sx * w;
      const w1 = sxx * w;
      const w2 = sy * w;
      const w3 = syy * w;
      const w4 = own * w;
      normal[0] += w0 * sx;
      normal[1] += w0 * sxx;
      normal[2] += w0 * sy;
      normal[3] += w0 * syy;
      normal[4] -= w0 * own;
      normal[5] -= w0;
      normal[6] -= w0 * value;
      normal[8] += w1 * sxx;
      normal[9] += w1 * sy;
      normal[10] += w1 * syy;
      normal[11] -= w1 * own;
      normal[12] -= w1;
      normal[13] -= w1 * value;
      normal[16] += w2 * sy;
      normal[17] += w2 * syy;
      normal[18] -= w2 * own;
      normal[19] -= w2;
      normal[20] -= w2 * value;
      normal[24] += w3 * syy;
      normal[25] -= w3 * own;
      normal[26] -= w3;
      normal[27] -= w3 * value;
      normal[32] += w4 * own;
      normal[33] += w4;
      normal[34] += w4 * value;
      normal[40] += w;
      normal[41] += w * value;
    }
  }
}

/**
 * Solves a symmetric system, given by its upper half, by Gaussian elimination. A small ridge on the diagonal keeps it solvable for textures without gradient in
 * one direction.
 */
function solve(upper: Float64Array): Float64Array | null {
  const n = unknowns;
  const w = n + 1;
  const m = Float64Array.from(upper);
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) m[i * w + j] = m[j * w + i];
  for (let i = 0; i < 4; i++) m[i * w + i] = m[i * w + i] * 1.001 + 1e-3;
  for (let i = 0; i < n; i++) {
    let pivot = i;
    for (let j = i + 1; j < n; j++) if (Math.abs(m[j * w + i]) > Math.abs(m[pivot * w + i])) pivot = j;
    if (Math.abs(m[pivot * w + i]) < 1e-9) return null;
    if (pivot !== i) for (let k = 0; k < w; k++) [m[i * w + k], m[pivot * w + k]] = [m[pivot * w + k], m[i * w + k]];
    for (let j = 0; j < n; j++) {
      if (j === i) continue;
      const factor = m[j * w + i] / m[i * w + i];
      if (factor) for (let k = i; k < w; k++) m[j * w + k] -= factor * m[i * w + k];
    }
  }
  return Float64Array.from({ length: n }, (_, i) => m[i * w + n] / m[i * w + i]);
}

/** Samples b at the cells of a, bilinearly; [side, side]. NaN at more than `reach` cells outside b. */
export function warp(
  b: Float32Array,
  side: number,
  { shiftX, scaleX, shiftY, scaleY }: Placement,
  reach = 0.5,
): Float32Array {
  const out = new Float32Array(side * side).fill(NaN);
  for (let j = 0; j < side; j++) {
    const fy = (shiftY + scaleY * ((j + 0.5) / side - 0.5) + 0.5) * side - 0.5;
    if (fy < -reach || fy > side - 1 + reach) continue;
    const top = Math.max(0, Math.min(side - 2, Math.floor(fy)));
    const v = fy - top;
    for (let i = 0; i < side; i++) {
      const fx = (shiftX + scaleX * ((i + 0.5) / side - 0.5) + 0.5) * side - 0.5;
      if (fx < -reach || fx > side - 1 + reach) continue;
      const left = Math.max(0, Math.min(side - 2, Math.floor(fx)));
      const u = fx - left;
      const at = top * side + left;
      out[j * side + i] =
        (b[at] + (b[at + 1] - b[at]) * u) * (1 - v) + (b[at + side] + (b[at + side + 1] - b[at + side]) * u) * v;
    }
  }
  return out;
}

/** Binomial 3 × 3 filter with repeated borders. It removes the detail that resampling would alter. */
export function smooth(values: Float32Array, side: number): Float32Array {
  const rows = new Float32Array(values.length);
  const out = new Float32Array(values.length);
  const last = side - 1;
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++)
      rows[y * side + x] =
        (values[y * side + Math.max(0, x - 1)] + 2 * values[y * side + x] + values[y * side + Math.min(last, x + 1)]) /
        4;
  }
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++)
      out[y * side + x] =
        (rows[Math.max(0, y - 1) * side + x] + 2 * rows[y * side + x] + rows[Math.min(last, y + 1) * side + x]) / 4;
  }
  return out;
}
