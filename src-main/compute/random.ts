/**
 * Seeded random numbers, so that a run is reproducible on every backend and after a resume. A stream is identified by its seed and further names or numbers
 * (epoch, step, layer): `random(seed, epoch)` is always the same stream, whatever was drawn before. The generator is sfc32 (Chris Doty-Humphrey, PractRand).
 */
export type Random = () => number;

/** A stream of numbers in [0, 1). */
export function random(...names: (number | string)[]): Random {
  let [a, b, c] = hash(names);
  let counter = 1;
  const next = (): number => {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return (t >>> 0) / 4294967296;
  };
  for (let i = 0; i < 12; i++) next();
  return next;
}

/** The seed of a stream for TensorFlow's random ops: two 31-bit integers. */
export function nativeSeed(...names: (number | string)[]): [number, number] {
  const [a, b] = hash(names);
  return [a & 0x7fffffff, b & 0x7fffffff];
}

/** Fills the array with normally distributed numbers (Box–Muller) and returns it. */
export function fillNormal<A extends Float32Array | Float64Array>(out: A, next: Random, deviation = 1): A {
  for (let i = 0; i < out.length; i += 2) {
    const radius = deviation * Math.sqrt(-2 * Math.log(1 - next()));
    const angle = 2 * Math.PI * next();
    out[i] = radius * Math.cos(angle);
    if (i + 1 < out.length) out[i + 1] = radius * Math.sin(angle);
  }
  return out;
}

/** Shuffles in place (Fisher–Yates) and returns the array. */
export function shuffle<A extends { [index: number]: number; length: number }>(values: A, next: Random): A {
  for (let i = values.length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [values[i], values[j]] = [values[j], values[i]];
  }
  return values;
}

/** `count` of the values by chance, or all if there are fewer, sorted. The values stay as they are. */
export const sampleOf = (values: Int32Array, count: number, next: Random): Int32Array =>
  shuffle(values.slice(), next).slice(0, count).sort();

/** Hashes the names to three 32-bit words, by murmur3's mixing. */
function hash(names: (number | string)[]): [number, number, number] {
  const words = [0x9e3779b9, 0x243f6a88, 0xb7e15162];
  for (const ch of names.join('/')) {
    for (let i = 0; i < 3; i++) {
      let h = words[i] ^ Math.imul(ch.codePointAt(0)! + i * 131, 0xcc9e2d51);
      h = Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64;
      h ^= h >>> 16;
      words[i] = Math.imul(h, 0x85ebca6b) ^ (h >>> 13);
    }
  }
  return [words[0] | 0, words[1] | 0, words[2] | 0];
}
