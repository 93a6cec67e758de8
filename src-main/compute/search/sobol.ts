/** The Sobol sequence (Sobol 1967; direction numbers by Joe & Kuo 2008) in Gray code order: quasi-random points that fill the unit cube more evenly than random ones. */
import { random } from '../random.ts';
import { directions as table } from './sobol-directions.ts';

const bits = 32;

/** By dimension: for each bit of the index, a direction as a binary fraction of 32 bits. */
const directions: readonly Uint32Array[] = table.split(',').map((row) => {
  const [polynomial, initial] = row.split(':');
  return directionsOf(Number(polynomial), initial.split(' ').map(Number));
});

/** The largest number of dimensions. */
export const mostDimensions = directions.length;

function directionsOf(polynomial: number, initial: readonly number[]): Uint32Array {
  const out = new Uint32Array(bits);
  const degree = 31 - Math.clz32(polynomial);
  for (let i = 0; i < bits; i++) {
    // The first dimension is van der Corput's sequence: all its numbers are 1.
    if (i < initial.length || degree === 0) out[i] = ((degree === 0 ? 1 : initial[i]) << (bits - 1 - i)) >>> 0;
    else {
      out[i] = out[i - degree] ^ (out[i - degree] >>> degree);
      for (let k = 1; k < degree; k++) if ((polynomial >>> (degree - k)) & 1) out[i] ^= out[i - k];
    }
  }
  return out;
}

/** Point `index` (from 0, below 2^32) of the sequence, each coordinate in [0, 1). `shift`: from `digitalShift`. Throws a RangeError above 64 dimensions. */
export function sobolPoint(index: number, dimensions: number, shift?: Uint32Array): Float64Array {
  if (dimensions > mostDimensions)
    throw new RangeError(`The Sobol sequence has at most ${mostDimensions} dimensions here.`);
  const point = new Float64Array(dimensions);
  const code = (index ^ (index >>> 1)) >>> 0;
  for (let d = 0; d < dimensions; d++) {
    let sum = shift?.[d] ?? 0;
    for (let left = code; left; left &= left - 1) sum ^= directions[d][31 - Math.clz32(left & -left)];
    point[d] = (sum >>> 0) / 2 ** bits;
  }
  return point;
}

/** A random shift: XOR with it keeps the evenness of the points and makes each of them uniform (L'Ecuyer & Lemieux 2002). */
export function digitalShift(dimensions: number, ...names: (number | string)[]): Uint32Array {
  const next = random('digital shift', ...names);
  return Uint32Array.from({ length: dimensions }, () => next() * 2 ** bits);
}
