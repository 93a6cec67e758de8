/** Findings about a set: names and sizes of classes, and classes that a single number gives away. Near copies count as one image. */
import { describe, expect, test } from 'vitest';
import type { CheckInput } from '../../src-main/check/check.ts';
import { findings } from '../../src-main/check/findings.ts';
import { random, type Random } from '../../src-main/compute/random.ts';
import { meanOf } from '../../src-main/contract/numbers.ts';
import { inputOf } from '../fixtures/planted.ts';

describe('findings', () => {
  const set = (
    sizes: Record<string, number>,
    row: (name: string, next: Random) => Record<string, number>,
    seed = 0,
  ) => {
    const next = random('findings', seed);
    const classes = Object.entries(sizes).flatMap(([name, size]) => Array.from({ length: size }, () => name));
    return inputOf(
      classes.map((name) => ({
        brightness: next(),
        sharpness: next(),
        bytes: next(),
        width: 100 + Math.floor(next() * 8) * 50,
        height: 200,
        ...row(name, next),
      })),
      { classes },
    );
  };
  const told = (input: CheckInput) =>
    findings(input)
      .filter((finding) => finding.flagged)
      .map((finding) => [finding.id, finding.class, finding.column]);

  test('none without classes, or with one', () => {
    expect(findings(inputOf([{ brightness: 1 }, { brightness: 0 }]))).toEqual([]);
    expect(findings(set({ cat: 50 }, () => ({})))).toEqual([]);
  });

  test('classes whose names differ only in case or in signs between words are told, not merged', () => {
    const found = findings(set({ Cat: 5, cat: 5, 'hot dog': 5, hot_dog: 5, mole: 5 }, () => ({})));
    expect(found.filter(({ id }) => id === 'alike-classes').map(({ message }) => message.split(' differ')[0])).toEqual([
      '‘Cat’ and ‘cat’',
      '‘hot dog’ and ‘hot_dog’',
    ]);
  });
  test('classes of very different size, with the numbers', () => {
    const input = set({ cat: 200, dog: 150, newt: 8 }, () => ({}));
    expect(told(input)).toEqual([['class-imbalance', 'newt', null]]);
    expect(findings(input)[0].message).toBe('‘cat’ has 200 images and ‘newt’ 8: 25 times as many.');
    expect(told(set({ cat: 60, dog: 40 }, () => ({})))).toEqual([]);
    expect(told(set({ cat: 4, dog: 1 }, () => ({})))).toEqual([]);
  });
  test.each([
    [
      'brightness',
      (name: string, next: Random) => ({ brightness: name === 'night' ? next() * 0.4 : 0.3 + next() * 0.7 }),
    ],
    ['brightness', (name: string, next: Random) => ({ brightness: name === 'night' ? 0.4 + next() * 0.2 : next() })], // a narrow band
    ['width', (name: string) => ({ width: name === 'night' ? 640 : 320 })],
    ['bytes', (name: string, next: Random) => ({ bytes: (name === 'night' ? 1000 : 5000) * (1 + next()) })],
    ['sharpness', (name: string, next: Random) => ({ sharpness: name === 'night' ? next() * 0.1 : next() })],
  ] as const)('a class that its %s gives away', (column, row) => {
    expect(told(set({ night: 60, rain: 80, sun: 90 }, row))).toEqual([['spurious-correlation', 'night', column]]);
  });
  test('too few images for a finding', () =>
    expect(told(set({ night: 12, sun: 30 }, (name) => ({ brightness: name === 'night' ? 0 : 1 })))).toEqual([]));
  describe('near copies count as one image', () => {
    /** Scenes of a random brightness, each with near copies, in two classes. */
    const bursts = (scenes: number, copies: number, seed: number, known: boolean): CheckInput => {
      const next = random('bursts', seed);
      const rows = Array.from({ length: 2 * scenes }, () => next()).flatMap((brightness) =>
        Array.from({ length: copies }, () => ({ brightness: brightness + 1e-4 * next() })),
      );
      return inputOf(rows, {
        classes: rows.map((_, i) => (i < rows.length / 2 ? 'night' : 'sun')),
        ...(known && { units: Int32Array.from(rows.keys(), (i) => Math.floor(i / copies)) }),
      });
    };
    const found = (scenes: number, copies: number, known: boolean): number =>
      Array.from({ length: 100 }, (_, seed) => told(bursts(scenes, copies, seed, known)).length).filter(Boolean).length;
    test('so a few bursts do not show what separates classes', () => {
      expect(found(5, 10, false)).toBeGreaterThan(15); // as if all were independent
      expect(found(5, 10, true)).toBe(0);
    });
    test('and are never predicted from one another', () => {
      const mean = (known: boolean): number =>
        meanOf(Array.from({ length: 100 }, (_, seed) => findings(bursts(22, 12, seed, known))[1].score));
      expect(mean(false)).toBeGreaterThan(0.3);
      expect(mean(true)).toBeLessThan(0.15);
    });
    test('also of another class', () => {
      // Each image of one class has its copy in the other: nothing separates them.
      const rows = Array.from({ length: 60 }, (_, i) => ({ brightness: (i % 30) / 30 }));
      const classes = rows.map((_, i) => (i < 30 ? 'night' : 'sun'));
      const input = inputOf(rows, { classes, units: Int32Array.from(rows.keys(), (i) => i % 30) });
      expect(findings(input).find(({ column }) => column === 'brightness')!.score).toBe(0);
    });
  });
  test('no false positives over 300 seeds', () => {
    for (let seed = 0; seed < 300; seed++)
      expect(told(set({ a: 25, b: 40, c: 30, d: 60 }, () => ({}), seed))).toEqual([]);
  });
});
