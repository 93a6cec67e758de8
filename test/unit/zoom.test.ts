/** Zoom: the point under the pointer stays there, the image never leaves the viewport, and at 100 % one image pixel is one device pixel. */
import { describe, expect, test } from 'vitest';
import {
  clamped,
  columnsFor,
  fitLevel,
  fitted,
  followed,
  levelOf,
  matrixOf,
  panned,
  ranged,
  rotated,
  spotAt,
  toggled,
  zoomedTo,
  type Frame,
  type Point,
  type Rotation,
  type Zoom,
} from '../../src-renderer/lib/zoom.ts';

const rotations: readonly Rotation[] = [0, 90, 180, 270];
const frameOf = (some: Partial<Frame> = {}): Frame => ({
  image: { width: 4000, height: 3000 },
  viewport: { width: 1000, height: 700 },
  rotation: 0,
  pixelRatio: 1,
  marginPx: 0,
  ...some,
});
const middle = ({ viewport }: Frame): Point => ({ x: viewport.width / 2, y: viewport.height / 2 });

/** The position of an image point on the page, computed by the matrix. */
function painted(zoom: Zoom, frame: Frame, spot: Point): Point {
  const [a, b, c, d, e, f] = matrixOf(zoom, frame);
  const [x, y] = [spot.x * frame.image.width, spot.y * frame.image.height];
  return { x: a * x + c * y + e, y: b * x + d * y + f };
}

const box = (zoom: Zoom, frame: Frame) => {
  const corners = [
    [0, 0],
    [1, 0],
    [0, 1],
    [1, 1],
  ].map(([x, y]) => painted(zoom, frame, { x, y }));
  const [xs, ys] = [corners.map(({ x }) => x), corners.map(({ y }) => y)];
  return { left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys) };
};

describe.each(rotations)('rotated by %i°', (rotation) => {
  test.each([1, 1.25, 2])('at %f device pixels a CSS pixel, the spot under the pointer stays there', (pixelRatio) => {
    const frame = frameOf({ rotation, pixelRatio });
    const point = { x: 610, y: 260 };
    let zoom = zoomedTo(fitted, frame, 1, middle(frame));
    const spot = spotAt(zoom, frame, point);
    for (const level of [1.7, 4, 8, 2.5, 1.2]) {
      zoom = zoomedTo(zoom, frame, level, point);
      const now = painted(zoom, frame, spot);
      // At integer levels the image is aligned to device pixels: at most half a pixel off, and the error does not accumulate.
      const off = Number.isInteger(level) ? 0.5 / pixelRatio + 1e-9 : 1e-9;
      expect(Math.abs(now.x - point.x)).toBeLessThanOrEqual(off);
      expect(Math.abs(now.y - point.y)).toBeLessThanOrEqual(off);
      expect(levelOf(zoom, frame)).toBe(level);
    }
  });

  test('the whole image is shown, centred, within the margin', () => {
    const frame = frameOf({ rotation, marginPx: 10 });
    const { left, right, top, bottom } = box(fitted, frame);
    expect(left + right).toBeCloseTo(1000, 9);
    expect(top + bottom).toBeCloseTo(700, 9);
    expect(Math.max((right - left) / 980, (bottom - top) / 680)).toBeCloseTo(1, 9);
    const isSideways = rotation % 180 !== 0;
    expect((right - left) / (bottom - top)).toBeCloseTo(isSideways ? 3 / 4 : 4 / 3, 9);
  });

  test('a drag moves the image until its edge reaches the viewport’s edge', () => {
    const frame = frameOf({ rotation });
    const start = zoomedTo(fitted, frame, 1, middle(frame));
    const before = painted(start, frame, { x: 0.5, y: 0.5 });
    const after = painted(panned(start, frame, { x: 40, y: -25 }), frame, { x: 0.5, y: 0.5 });
    expect([after.x - before.x, after.y - before.y]).toEqual([40, -25]);
    for (const by of [
      { x: 1e6, y: 1e6 },
      { x: -1e6, y: -1e6 },
      { x: 1e6, y: -1e6 },
    ]) {
      const { left, right, top, bottom } = box(panned(start, frame, by), frame);
      expect(left).toBeLessThanOrEqual(0);
      expect(top).toBeLessThanOrEqual(0);
      expect(right).toBeGreaterThanOrEqual(1000);
      expect(bottom).toBeGreaterThanOrEqual(700);
      expect(by.x > 0 ? left : right).toBe(by.x > 0 ? 0 : 1000);
    }
  });

  test('an axis that is shorter than the viewport stays centred', () => {
    const frame = frameOf({ rotation, image: { width: 6000, height: 500 } });
    const { left, right, top, bottom } = box(
      panned(zoomedTo(fitted, frame, 1, { x: 0, y: 0 }), frame, { x: 300, y: 300 }),
      frame,
    );
    if (rotation % 180) expect(left).toBe(1000 - right);
    else expect(top).toBe(700 - bottom);
  });
});

test('after a clockwise rotation the upper left corner is at the upper right', () => {
  const frame = frameOf({ rotation: 90, image: { width: 700, height: 1000 } });
  expect(painted(fitted, frame, { x: 0, y: 0 })).toEqual({ x: 1000, y: 0 });
  expect(painted(fitted, frame, { x: 1, y: 0 })).toEqual({ x: 1000, y: 700 });
  expect([rotated(0, -90), rotated(270, 90), rotated(90, 90)]).toEqual([270, 0, 180]);
});

test('with a device pixel ratio of 2, at 100 % an image pixel is half a CSS pixel, aligned to device pixels', () => {
  const frame = frameOf({ pixelRatio: 2, viewport: { width: 1001, height: 701 } });
  const [a, b, c, d, e, f] = matrixOf(toggled(fitted, frame, { x: 333, y: 222 }), frame);
  expect([a, d]).toEqual([0.5, 0.5]);
  expect([b, c].map(Math.abs)).toEqual([0, 0]);
  expect([e * 2, f * 2].every(Number.isInteger)).toBe(true);
  expect(fitLevel(frame)).toBeCloseTo((701 / 3000) * 2, 9);
});

test('a click switches between the whole image and 100 %, or 200 % if the whole image is at 100 %', () => {
  const frame = frameOf();
  const near = toggled(fitted, frame, { x: 500, y: 350 });
  expect(near.level).toBe(1);
  expect(toggled(near, frame, { x: 0, y: 0 })).toEqual(fitted);
  expect(toggled(fitted, frameOf({ image: { width: 1000, height: 700 } }), { x: 1, y: 1 }).level).toBe(2);
});

test('zoom is limited to the whole image or 100 %, and to 800 %', () => {
  const large = frameOf();
  expect(zoomedTo(fitted, large, 100, middle(large)).level).toBe(8);
  expect(zoomedTo(zoomedTo(fitted, large, 3, middle(large)), large, 0.001, middle(large))).toEqual(fitted);
  const small = frameOf({ image: { width: 100, height: 70 } });
  expect(fitLevel(small)).toBe(10);
  expect(zoomedTo(fitted, small, 0.001, middle(small)).level).toBe(1);
  expect(zoomedTo(fitted, small, 100, middle(small)).level).toBe(10);
  // A level of 20 % kept from a large image is raised to the minimum of a small one.
  expect(levelOf(ranged({ level: 0.2, centre: { x: 0.5, y: 0.5 } }, small), small)).toBe(1);
});

test('images of different sizes show the same spot at the same size', () => {
  const [large, small] = [frameOf(), frameOf({ image: { width: 1000, height: 750 } })];
  const zoom = zoomedTo(fitted, large, 1.5, { x: 300, y: 500 });
  const same = followed(zoom, large, small);
  expect(same.level).toBeCloseTo(6, 9);
  for (const point of [
    { x: 0, y: 0 },
    { x: 300, y: 500 },
    { x: 999, y: 10 },
  ]) {
    const [a, b] = [spotAt(zoom, large, point), spotAt(same, small, point)];
    expect(b.x).toBeCloseTo(a.x, 9);
    expect(b.y).toBeCloseTo(a.y, 9);
  }
  expect(followed(same, small, large).level).toBeCloseTo(1.5, 9);
  expect(followed(fitted, large, small)).toEqual(fitted);
});

test('a zoom kept from another image is moved inside the image', () => {
  const frame = frameOf({ image: { width: 1500, height: 1100 } });
  expect(clamped({ level: 1, centre: { x: 0.02, y: 0.99 } }, frame).centre).toEqual({
    x: 500 / 1500,
    y: 1 - 350 / 1100,
  });
});

test.each([
  [2, { width: 1000, height: 700 }, 0.7, 2], // portrait images are side by side
  [2, { width: 700, height: 1000 }, 1.5, 1],
  [2, { width: 900, height: 900 }, 3, 1], // panoramas are stacked
  [3, { width: 1800, height: 700 }, 1, 3],
  [4, { width: 1400, height: 900 }, 1.5, 2],
  [4, { width: 1900, height: 500 }, 0.6, 4],
])('%i panes on %o with images of %f stand in %i columns', (panes, area, aspect, columns) => {
  expect(columnsFor(panes, area, aspect, 70)).toBe(columns);
});
