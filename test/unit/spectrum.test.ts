/** Spectra of fingerprints: the native module gives the bits of TypeScript, and a crop window sees what a cropped picture shows. */
import { describe, expect, test } from 'vitest';
import { fingerprint } from '../../src-main/duplicate/fingerprint.ts';
import {
  coefficientCount,
  dimensions,
  pointOf,
  pointsOf,
  pointsOfHere,
  transform,
  transformHere,
  windows,
} from '../../src-main/duplicate/spectrum.ts';
import { native } from '../../src-main/native/index.ts';

const side = 256;
/** A smooth picture, of which a part may be seen. */
function printOf(seed: number, { left, right, top, bottom } = { left: 0, right: 0, top: 0, bottom: 0 }): Uint8Array {
  const data = new Uint8Array(side * side);
  for (let y = 0, i = 0; y < side; y++)
    for (let x = 0; x < side; x++, i++) {
      const u = left + ((x + 0.5) / side) * (1 - left - right);
      const v = top + ((y + 0.5) / side) * (1 - top - bottom);
      data[i] =
        128 + 60 * Math.sin(5 * u + seed) * Math.cos(4 * v - seed) + 40 * Math.cos(9 * (u - 0.3 * v) * (1 + seed / 9));
    }
  return fingerprint(data, side, side, 1);
}
const spectrumOf = (print: Uint8Array, of = transform) => {
  const coefficients = new Float32Array(coefficientCount);
  return { deviation: of(print, coefficients), coefficients };
};
const pointsFrom = (coefficients: Float32Array, of = pointsOf) => {
  const out = new Float32Array(windows.length * dimensions);
  of(coefficients, out);
  return windows.map((_, i) => out.subarray(i * dimensions, (i + 1) * dimensions));
};
const wholeOf = (coefficients: Float32Array) => {
  const out = new Float32Array(dimensions);
  pointOf(coefficients, out, 0);
  return out;
};
const distance = (a: Float32Array, b: Float32Array) => Math.hypot(...a.map((value, i) => value - b[i]));
const seeds = [0, 1, 2, 3, 4, 5, 6, 7];

describe.runIf(native)('the native module', () => {
  test('gives the same bits', () => {
    for (const seed of seeds) {
      const print = printOf(seed);
      const [fast, slow] = [spectrumOf(print), spectrumOf(print, transformHere)];
      expect(fast).toEqual(slow);
      expect(pointsFrom(fast.coefficients)).toEqual(pointsFrom(slow.coefficients, pointsOfHere));
    }
  });

  test('refuses arrays of other sizes', () => {
    expect(() => spectrumOf(new Uint8Array(9))).toThrow(/other sizes/);
    expect(() => pointsFrom(new Float32Array(9))).toThrow(/other sizes/);
  });
});

test('the first window sees the whole picture', () => {
  for (const seed of seeds) {
    const { coefficients } = spectrumOf(printOf(seed));
    expect(pointsFrom(coefficients)[0]).toEqual(wholeOf(coefficients));
  }
});

test('a crop window sees what the cropped picture shows', () => {
  for (const seed of seeds) {
    const seen = pointsFrom(spectrumOf(printOf(seed)).coefficients);
    windows.slice(1).forEach((window, i) => {
      const cropped = wholeOf(spectrumOf(printOf(seed, window)).coefficients);
      const at = distance(seen[i + 1], cropped);
      expect(at).toBeLessThan(0.03);
      expect(at).toBeLessThan(0.5 * distance(seen[0], cropped)); // closer than the whole picture
    });
  }
});
