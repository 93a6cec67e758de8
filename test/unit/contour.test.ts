/** Error maps at the size of the image, and the outlines of regions above a threshold. */
import { describe, expect, test } from 'vitest';
import { limitedSize, resample } from '../../src-main/contract/resample.ts';
import { regionsOf, type Region } from '../../src-main/contract/contour.ts';
import { filled, overlap } from '../fixtures/masks.ts';

describe('resample', () => {
  test('gives the values of Pillow’s Image.BILINEAR', () => {
    // numpy and Pillow: Image.fromarray(grid).resize((5, 4), Image.BILINEAR)
    const larger = resample(Float32Array.of(0, 1, 4, 2, 8, 3), 2, 3, 4, 5);
    [0, 0.4, 1, 2.8, 4, 0.5, 1.4, 2.75, 3.35, 3.75, 1.5, 3.4, 6.25, 4.45, 3.25, 2, 4.4, 8, 5, 3].forEach((value, i) =>
      expect(larger[i]).toBeCloseTo(value, 5),
    );
    const grid = Float32Array.from({ length: 24 }, (_, i) => i ** 2 % 17);
    const smaller = resample(grid, 4, 6, 3, 2);
    [5.05, 10.825, 10.875, 6.75, 7.425, 6.7875].forEach((value, i) => expect(smaller[i]).toBeCloseTo(value, 4));
  });

  test('keeps a plane, and never leaves the range of the grid', () => {
    const plane = Float32Array.from({ length: 12 }, (_, i) => 3 * Math.floor(i / 4) + (i % 4));
    const large = resample(plane, 3, 4, 30, 40);
    // Between the centres of the outer cells, the plane continues.
    for (const [x, y] of [
      [5, 5],
      [20, 15],
      [34, 24],
    ])
      expect(large[y * 40 + x]).toBeCloseTo(3 * ((y + 0.5) / 10 - 0.5) + ((x + 0.5) / 10 - 0.5), 5);
    expect(Math.max(...large)).toBe(9);
    expect(Math.min(...large)).toBe(0);
  });

  test('limits the longest side and keeps the aspect ratio', () => {
    expect(limitedSize({ width: 4000, height: 1000 }, 2048)).toEqual({ width: 2048, height: 512 });
    expect(limitedSize({ width: 30, height: 20 }, 2048)).toEqual({ width: 30, height: 20 });
    expect(limitedSize({ width: 10_000, height: 1 }, 100)).toEqual({ width: 100, height: 1 });
  });
});

const union = (regions: readonly Region[], width: number, height: number): Uint8Array => {
  const out = new Uint8Array(width * height);
  for (const { outline } of regions) filled(outline, width, height).forEach((isIn, i) => (out[i] |= isIn));
  return out;
};
const drawn = (width: number, height: number, value: (x: number, y: number) => number): Float32Array =>
  Float32Array.from({ length: width * height }, (_, i) => value((i % width) + 0.5, Math.floor(i / width) + 0.5));

describe('regionsOf', () => {
  test('a disc: area, box and peak to within a pixel, with few corners', () => {
    const cone = drawn(80, 60, (x, y) => 20 - Math.hypot(x - 30, y - 25));
    const [disc, ...others] = regionsOf(cone, 80, 60, 5); // radius 15
    expect(others).toEqual([]);
    expect(disc.area / (Math.PI * 15 ** 2)).toBeGreaterThan(0.96);
    expect(disc.area / (Math.PI * 15 ** 2)).toBeLessThan(1.001);
    disc.box.forEach((value, i) => expect(Math.abs(value - [15, 10, 30, 30][i])).toBeLessThan(0.2));
    expect(disc.peak).toBeCloseTo(20 - Math.hypot(0.5, 0.5), 4);
    expect(disc.outline.length / 2).toBeLessThan(40);
  });

  test('a square at the border of the image ends at the border', () => {
    const square = drawn(40, 40, (x, y) => Number(x < 10 && y > 25));
    const [region] = regionsOf(square, 40, 40, 0.5);
    expect(region.box).toEqual([0, 25, 10, 15]);
    expect(Math.abs(region.area - 150)).toBeLessThan(3);
  });

  test('a hole is cut out of the polygon, and an island in the hole is a region of its own', () => {
    const rings = drawn(120, 120, (x, y) => Math.cos((Math.hypot(x - 60, y - 60) / 50) * 3 * Math.PI));
    const regions = regionsOf(rings, 120, 120, 0);
    const mask = Uint8Array.from(rings, (value) => Number(value >= 0));
    const inMiddle = regions.find(({ box }) => box[0] > 45 && box[0] + box[2] < 75);
    expect(inMiddle).toBeDefined();
    expect(overlap(union(regions, 120, 120), mask)).toBeGreaterThan(0.97);
    expect(regions.reduce((sum, { area }) => sum + area, 0)).toBeCloseTo(
      mask.reduce((sum, value) => sum + value, 0),
      -2,
    );
  });

  test('smooth noise: many regions with holes cover the same pixels as the mask, and each peak is in one region', () => {
    let state = 7;
    const next = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
    const coarse = Float32Array.from({ length: 10 * 7 }, next);
    const [width, height] = [100, 70];
    const noise = resample(coarse, 7, 10, height, width);
    for (const threshold of [0.35, 0.6]) {
      const regions = regionsOf(noise, width, height, threshold);
      const mask = Uint8Array.from(noise, (value) => Number(value >= threshold));
      expect(overlap(union(regions, width, height), mask)).toBeGreaterThan(0.95);
      const area = regions.reduce((sum, region) => sum + region.area, 0);
      expect(area / mask.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 1);
      expect(Math.max(...regions.map(({ peak }) => peak))).toBe(Math.max(...noise));
      for (const { peak } of regions) expect(peak).toBeGreaterThanOrEqual(threshold);
    }
  });

  test('pixels that touch at a corner, a single pixel, everything and nothing', () => {
    const diagonal = Float32Array.of(0, 0, 0, 0, 0, 0.9, 0, 0, 0, 0, 0.9, 0, 0, 0, 0, 0);
    expect(regionsOf(diagonal, 4, 4, 0.5)).toHaveLength(2);
    expect(regionsOf(diagonal, 4, 4, 0.4)).toHaveLength(1);
    const single = regionsOf(Float32Array.of(0, 0, 0, 0, 1, 0, 0, 0, 0), 3, 3, 0.5);
    expect(single).toMatchObject([{ box: [1, 1, 1, 1], peak: 1 }]);
    expect(regionsOf(new Float32Array(6).fill(1), 3, 2, 0.5)).toMatchObject([{ box: [0, 0, 3, 2] }]);
    expect(regionsOf(new Float32Array(6), 3, 2, 0.5)).toEqual([]);
  });
});
