import { expect, test } from 'vitest';
import {
  CloudIndex,
  cloudOf,
  fromScreen,
  isWithin,
  toScreen,
  wholeView,
  zoomedAt,
} from '../../src-renderer/charts/scatter.ts';
import { seeded } from '../fixtures/kills.ts';

const size = { width: 800, height: 600 };
const random = seeded(5);
const n = 3000;
const [x, y] = [
  Float64Array.from({ length: n }, () => random() * 2 - 1),
  Float64Array.from({ length: n }, () => random() * 2 - 1),
];
const cloud = cloudOf(
  Int32Array.from({ length: n }, (_, i) => i),
  x,
  y,
);

test('zooming keeps the point under the pointer in place', () => {
  let camera = wholeView(size);
  for (const [spot, factor] of [
    [{ x: 100, y: 500 }, 3],
    [{ x: 700, y: 20 }, 0.7],
    [{ x: 400, y: 300 }, 10],
  ] as const) {
    const before = fromScreen(camera, size, spot);
    camera = zoomedAt(camera, size, spot, factor);
    const after = toScreen(camera, size, before.x, before.y);
    expect(after.x).toBeCloseTo(spot.x, 6);
    expect(after.y).toBeCloseTo(spot.y, 6);
  }
});

test('the index gives the same result as a search through all points', () => {
  const index = new CloudIndex(cloud);
  for (let i = 0; i < 40; i++) {
    const [left, bottom] = [random() * 2 - 1, random() * 2 - 1];
    const [right, top] = [left + random() * 0.6, bottom + random() * 0.6];
    const all = [...x.keys()].filter(
      (p) => cloud.x[p] >= left && cloud.x[p] <= right && cloud.y[p] >= bottom && cloud.y[p] <= top,
    );
    expect(index.within(left, bottom, right, top).sort((a, b) => a - b)).toEqual(all);
    const odd = (p: number) => p % 2 === 1;
    const nearest = [...x.keys()]
      .filter(odd)
      .sort(
        (a, b) =>
          (cloud.x[a] - left) ** 2 + (cloud.y[a] - bottom) ** 2 - (cloud.x[b] - left) ** 2 - (cloud.y[b] - bottom) ** 2,
      )[0];
    expect(index.nearest({ x: left, y: bottom }, 0.5, odd)).toBe(nearest);
  }
  expect(index.nearest({ x: 5, y: 5 }, 0.1, () => true)).toBe(-1);
});

test('an outline selects the points inside it, also if it is concave', () => {
  const outline = [
    { x: 0, y: 0 },
    { x: 4, y: 0 },
    { x: 4, y: 4 },
    { x: 2, y: 1 },
    { x: 0, y: 4 },
  ];
  expect(
    [
      [1, 1],
      [3, 1],
      [2, 3],
      [2, 0.5],
      [5, 1],
      [-1, 2],
    ].map(([px, py]) => isWithin(outline, px, py)),
  ).toEqual([true, true, false, true, false, false]);
});

test('points without a position are left out', () => {
  expect([...cloudOf([0, 1, 2, 9], Float64Array.of(0.5, NaN, 0.25), Float64Array.of(0.5, 0, 0.25)).ids]).toEqual([
    0, 2,
  ]);
});
