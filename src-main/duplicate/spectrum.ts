/**
 * The coarse structure of a picture as a point in space: its lowest DCT coefficients, as in perceptual hashes (Zauner 2010), without the mean and scaled to
 * unit length, so that brightness and contrast do not matter. The point of a cropped copy is far from that of the original, but close to the point of the
 * original cropped in the same way. So each picture is looked up through several crop windows.
 */
import { native } from '../native/index.ts';
import { lumaAt, lumaSide } from './fingerprint.ts';
import { turns } from './turn.ts';

/** A point holds the frequencies u (horizontal), v (vertical) with 0 < u + v < `order`, lowest first, so that a distance can stop early. */
const order = 8;
const frequencies: { u: number; v: number }[] = [];
for (let sum = 1; sum < order; sum++) for (let u = 0; u <= sum; u++) frequencies.push({ u, v: sum - u });
export const dimensions = frequencies.length;

/** Below this standard deviation of luminance (in levels of 255) a picture is flat: it has only noise, and cannot be recognised. */
export const flatDeviation = 1.5;

/** Coefficients per axis. A point of the whole picture uses fewer; the points of crop windows are computed from all. */
const kept = 24;
export const coefficientCount = kept * kept; // [v, u]
const half = lumaSide / 2;
const base = new Float32Array(kept * half);
for (let u = 0; u < kept; u++)
  for (let x = 0; x < half; x++)
    base[u * half + x] = (Math.cos((Math.PI * u * (x + 0.5)) / lumaSide) * (u ? Math.SQRT2 : 1)) / lumaSide;

// Cosines of even u are symmetric, of odd u antisymmetric: so sums and differences of the four quarters are enough. Index: 2 · (v is odd) + (u is odd).
const quarters = [0, 1, 2, 3].map(() => new Float32Array(half * half));
const rows = new Float32Array(kept * half);

/** Writes the DCT coefficients of a fingerprint to `out`, [v, u]. Returns the standard deviation of the luminance, in levels of 255. */
export const transform = (bytes: Uint8Array, out: Float32Array): number =>
  native ? native.transform(bytes, base, out) : transformHere(bytes, out);

/** The same without the native module, which gives the same bits. */
export function transformHere(bytes: Uint8Array, out: Float32Array): number {
  fold(bytes);
  let energy = 0;
  for (let down = 0; down < 2; down++) {
    for (let u = 0; u < kept; u++) {
      const quarter = quarters[down * 2 + (u & 1)];
      for (let y = 0; y < half; y++) {
        let sum = 0;
        for (let x = 0; x < half; x++) sum += base[u * half + x] * quarter[y * half + x];
        rows[u * half + y] = sum;
      }
    }
    for (let v = down; v < kept; v += 2) {
      for (let u = 0; u < kept; u++) {
        let sum = 0;
        for (let y = 0; y < half; y++) sum += base[v * half + y] * rows[u * half + y];
        out[v * kept + u] = sum;
        if (u + v > 0) energy += sum * sum;
      }
    }
  }
  return (Math.sqrt(energy) * (bytes[4] * 256 + bytes[5])) / 256 / 255;
}

function fold(bytes: Uint8Array): void {
  const last = lumaSide - 1;
  for (let y = 0; y < half; y++) {
    const top = lumaAt + y * lumaSide;
    const bottom = lumaAt + (last - y) * lumaSide;
    for (let x = 0; x < half; x++) {
      const p = bytes[top + x];
      const q = bytes[top + last - x];
      const r = bytes[bottom + x];
      const s = bytes[bottom + last - x];
      const i = y * half + x;
      quarters[0][i] = p + q + r + s;
      quarters[1][i] = p - q + r - s;
      quarters[2][i] = p + q - r - s;
      quarters[3][i] = p - q - r + s;
    }
  }
}

/** The crop windows of a look-up: the fraction that is cut off on each side. A crop between two windows is within the search radius of both. */
export const windows = [
  { left: 0, right: 0, top: 0, bottom: 0 },
  ...[0.01, 0.02, 0.03, 0.04].map((all) => ({ left: all, right: all, top: all, bottom: all })),
  { left: 0.02, right: 0, top: 0, bottom: 0 },
  { left: 0, right: 0.02, top: 0, bottom: 0 },
  { left: 0, right: 0, top: 0.02, bottom: 0 },
  { left: 0, right: 0, top: 0, bottom: 0.02 },
];
/** For each window the matrices across and down, [windows, 2, order, kept]; made when they are first used. */
let maps: Float32Array | undefined;

function makeMaps(): Float32Array {
  const size = order * kept;
  const out = new Float32Array(windows.length * 2 * size);
  const made = new Map<string, Float32Array>();
  windows
    .flatMap(({ left, right, top, bottom }) => [
      [left, right],
      [top, bottom],
    ])
    .forEach(([before, after], i) => {
      const key = `${before} ${after}`;
      if (!made.has(key)) made.set(key, seenThrough(before, after));
      out.set(made.get(key) as Float32Array, i * size);
    });
  return out;
}

/** The matrix [order, kept] that maps the coefficients of a line to those of the part without `before` at its start and `after` at its end. */
function seenThrough(before: number, after: number): Float32Array {
  const out = new Float32Array(order * kept);
  const length = 1 - before - after;
  for (let u = 0; u < order; u++)
    for (let k = 0; k < kept; k++) {
      if (before === after && (u + k) % 2) continue; // with both ends cut equally, even frequencies depend only on even ones, and odd on odd
      if (length === 1) {
        out[u * kept + k] = u === k ? 1 : 0;
        continue;
      }
      const sum = meanCosine(k * before, u + k * length) + meanCosine(k * before, k * length - u); // the product of two cosines, twice
      out[u * kept + k] = (sum / 2) * (u ? Math.SQRT2 : 1) * (k ? Math.SQRT2 : 1);
    }
  return out;
}

/** The mean of cos π(start + width · t) for t from 0 to 1. */
function meanCosine(start: number, width: number): number {
  const [from, by] = [Math.PI * start, Math.PI * width];
  return Math.abs(by) < 1e-9 ? Math.cos(from) : (Math.sin(from + by) - Math.sin(from)) / by;
}

/** Writes the point of the whole picture to `out` from index `at`. */
export function pointOf(coefficients: Float32Array, out: Float32Array, at: number): void {
  for (let i = 0; i < dimensions; i++) out[at + i] = coefficients[frequencies[i].v * kept + frequencies[i].u];
  toUnitLength(out, at);
}

/** Writes the points of a picture, cropped to each of the `windows`, to `out`, [windows, dimensions]. */
export function pointsOf(coefficients: Float32Array, out: Float32Array): void {
  if (native) native.points(coefficients, (maps ??= makeMaps()), out);
  else pointsOfHere(coefficients, out);
}

const partial = new Float32Array(kept * order);

/** The same without the native module, which gives the same bits. */
export function pointsOfHere(coefficients: Float32Array, out: Float32Array): void {
  const matrices = (maps ??= makeMaps());
  const size = order * kept;
  for (let window = 0; window < windows.length; window++) {
    const across = matrices.subarray(2 * window * size, (2 * window + 1) * size);
    const down = matrices.subarray((2 * window + 1) * size, (2 * window + 2) * size);
    for (let v = 0; v < kept; v++) {
      for (let u = 0; u < order; u++) {
        let sum = 0;
        for (let k = 0; k < kept; k++) sum += across[u * kept + k] * coefficients[v * kept + k];
        partial[u * kept + v] = sum;
      }
    }
    for (let i = 0; i < dimensions; i++) {
      const u = frequencies[i].u * kept;
      const v = frequencies[i].v * kept;
      let sum = 0;
      for (let k = 0; k < kept; k++) sum += down[v + k] * partial[u + k];
      out[window * dimensions + i] = sum;
    }
    toUnitLength(out, window * dimensions);
  }
}

function toUnitLength(out: Float32Array, at: number): void {
  let energy = 0;
  for (let i = 0; i < dimensions; i++) energy += out[at + i] ** 2;
  const scale = energy > 0 ? 1 / Math.sqrt(energy) : 0;
  for (let i = 0; i < dimensions; i++) out[at + i] *= scale;
}

/** A horizontal mirror changes the sign where u is odd, a vertical one where v is odd, a diagonal one swaps u and v. So no second transform is needed. */
const turned = turns.map((turn) => {
  const isDiagonal = turn & 1;
  return {
    source: Int32Array.from(frequencies, ({ u, v }) =>
      frequencies.findIndex((f) => (isDiagonal ? f.u === v && f.v === u : f.u === u && f.v === v)),
    ),
    sign: Float32Array.from(frequencies, ({ u, v }) => (turn & 2 && u & 1 ? -1 : 1) * (turn & 4 && v & 1 ? -1 : 1)),
  };
});

/** The point of the rotated or mirrored picture. */
export function turnPoint(points: Float32Array, at: number, turn: number, out: Float32Array): void {
  const { source, sign } = turned[turn];
  for (let i = 0; i < dimensions; i++) out[i] = sign[i] * points[at + source[i]];
}
