/** Interaction with the map: camera, lasso, and the colours of the points. */
import { describe, expect, test } from 'vitest';
import { coloursOfNames, coloursOfNumbers, layersOf } from '../../src-renderer/charts/point-colours.ts';
import { categoryColours, fromScreen, isWithin, pixelOf, wholeView } from '../../src-renderer/charts/scatter.ts';
import { MapView } from '../../src-renderer/state/map-view.svelte.ts';

const size = { width: 800, height: 600 };
const none = '#112233';

describe('camera and gestures', () => {
  const newMap = () => new MapView(() => size, 4);

  test('a drag with the middle button moves the map with the pointer', () => {
    const map = newMap();
    const held = fromScreen(map.camera, size, { x: 300, y: 200 });
    map.press({ x: 300, y: 200 }, false);
    expect(map.drag({ x: 350, y: 260 })).toBe(true);
    const now = fromScreen(map.camera, size, { x: 350, y: 260 });
    expect(now.x).toBeCloseTo(held.x, 12);
    expect(now.y).toBeCloseTo(held.y, 12);
    expect(map.release({ x: 350, y: 260 })).toBeNull();
    expect(map.isPressed).toBe(false);
    map.fit();
    expect(map.camera).toEqual(wholeView(size));
  });

  test('a press that hardly moves is a click', () => {
    const map = newMap();
    map.press({ x: 10, y: 10 }, true);
    expect(map.drag({ x: 12, y: 12 })).toBe(false);
    expect(map.outline).toEqual([]);
    expect(map.release({ x: 12, y: 12 })).toEqual({ kind: 'click', spot: { x: 12, y: 12 } });
  });

  test('a lasso gives its outline in map coordinates, for any camera position', () => {
    const map = newMap();
    map.zoom({ x: 100, y: 500 }, 3);
    expect(map.isNear).toBe(true);
    const inside = fromScreen(map.camera, size, { x: 150, y: 150 });
    map.press({ x: 100, y: 100 }, true);
    for (const spot of [
      { x: 200, y: 100 },
      { x: 200, y: 200 },
      { x: 100, y: 200 },
    ])
      map.drag(spot);
    expect(map.outline.length).toBe(4);
    const gesture = map.release({ x: 100, y: 200 });
    expect(gesture?.kind === 'lasso' && isWithin(gesture.outline, inside.x, inside.y)).toBe(true);
    expect(gesture?.kind === 'lasso' && isWithin(gesture.outline, inside.x + 1, inside.y)).toBe(false);
    expect(map.outline).toEqual([]);
  });

  test('a cancelled press has no effect', () => {
    const map = newMap();
    map.press({ x: 0, y: 0 }, true);
    map.drag({ x: 50, y: 0 });
    map.cancel();
    expect([map.outline, map.release({ x: 50, y: 50 })]).toEqual([[], null]);
  });
});

describe('colours of points', () => {
  test('numbers use the colour map between the 1st and 99th percentile', () => {
    const values = Float64Array.from({ length: 201 }, (_, i) => i)
      .with(200, 1e9)
      .with(7, NaN);
    const { pixels, range, legend } = coloursOfNumbers(values, none);
    expect(range).toEqual({ low: 2, high: 198 });
    expect(legend).toEqual([]);
    expect(pixels[7]).toBe(pixelOf(none));
    expect(pixels[0]).toBe(pixels[2]);
    expect(pixels[200]).toBe(pixels[198]);
    expect(new Set(pixels).size).toBeGreaterThan(150);
  });

  test('equal values have a range, missing values the colour for none', () => {
    expect(coloursOfNumbers(Float64Array.of(5, 5), none).range).toEqual({ low: 5, high: 5 });
    expect(coloursOfNumbers(Float64Array.of(NaN), none).pixels).toEqual(Uint32Array.of(pixelOf(none)));
  });

  test('the most frequent names get colours, the empty one comes last', () => {
    const { legend, pixels } = coloursOfNames(['b', '', 'a', 'b', 'a', 'b'], { none, nameless: 'undecided' });
    expect(legend).toEqual([
      { name: 'b', colour: categoryColours[0], count: 3 },
      { name: 'a', colour: categoryColours[1], count: 2 },
      { name: 'undecided', colour: none, count: 1 },
    ]);
    expect([...pixels]).toEqual(
      ['b', '', 'a', 'b', 'a', 'b'].map((name) =>
        pixelOf({ a: categoryColours[1], b: categoryColours[0] }[name] ?? none),
      ),
    );
  });

  test('a fixed colour of a name is not used for others; names after the twelfth share one colour', () => {
    const fixed = { keep: '#00ff00' };
    expect(
      coloursOfNames(['keep', 'keep', 'x'], { none, nameless: '-', fixed }).legend.map(({ colour }) => colour),
    ).toEqual(['#00ff00', categoryColours[0]]);
    const many = Array.from({ length: 20 }, (_, i) => `class ${String(i).padStart(2, '0')}`);
    const { legend, pixels } = coloursOfNames(many, { none, nameless: '-' });
    expect(legend.length).toBe(categoryColours.length);
    expect(new Set(pixels).size).toBe(categoryColours.length);
    expect(pixels[19]).toBe(pixelOf(none));
  });

  test('hidden points are drawn below, marked ones on top with a ring', () => {
    const layers = layersOf(
      Int32Array.of(5, 6, 7),
      Uint32Array.of(1, 2, 3),
      { isShown: (id) => id !== 6, isMarked: (id) => id > 5 },
      { hidden: '#000000', ring: '#ffffff', radiusPx: 3, ringPx: 2 },
    );
    const [hidden, ring] = [pixelOf('#000000'), pixelOf('#ffffff')];
    expect(layers.map(({ colours, radiusPx }) => [[...colours], radiusPx])).toEqual([
      [[0, hidden, 0], 3 * 0.7],
      [[1, 0, 3], 3],
      [[0, ring, ring], 5],
      [[0, hidden, 3], 3],
    ]);
  });
});
