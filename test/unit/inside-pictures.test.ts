/** Kernels and feature maps as pictures, order and words; and the part of an image that a network sees. */
import { expect, test } from 'vitest';
import { activityOf, atPlace, unitsByActivity } from '../../src-renderer/lib/feature-maps.ts';
import { faultOf, kernelPixels, scaleOf, unitsBy } from '../../src-renderer/lib/filters.ts';
import { mapPixels } from '../../src-renderer/lib/pixels.ts';
import { remarkable, sortedUnits } from '../../src-renderer/lib/units.ts';
import { fieldBox, seenBox } from '../../src-renderer/lib/seen.ts';

const filters = (outputs: number, rows: number, columns: number, inputs: number, kernels: number[]) => ({
  header: {
    layer: 'first',
    outputs,
    rows,
    columns,
    inputs,
    dead: [1],
    duplicates: [[0, 2]] as const,
    histogram: { from: -1, to: 1, counts: [1] },
    epoch: null,
    snapshots: [],
    snapshotBytes: 0,
    isCut: false,
  },
  arrays: { kernels: new Float32Array(kernels) },
});
const greys = ({ data }: { data: Uint8ClampedArray }) => [...data].filter((_, i) => i % 4 === 0);

test('kernels: colour with three inputs, the mean or one input otherwise, all inputs without places', () => {
  const colour = filters(1, 1, 2, 3, [1, 0, -1, 0, 0, 0.5]);
  expect([...kernelPixels(colour, 0, 'mean', scaleOf(colour, 'mean')).data]).toEqual([
    255, 128, 0, 255, 128, 128, 191, 255,
  ]);
  const deep = filters(2, 1, 2, 2, [1, 3, 0, 0, 0, 0, -4, 0]);
  expect(scaleOf(deep, 'mean')).toBe(2);
  expect(greys(kernelPixels(deep, 0, 'mean', 2))).toEqual([255, 128]);
  expect(greys(kernelPixels(deep, 1, 0, scaleOf(deep, 0)))).toEqual([128, 0]);
  const placeless = kernelPixels(filters(1, 1, 1, 5, [1, 1, 1, 1, -1]), 0, 'mean', 1);
  expect([placeless.width, placeless.height, greys(placeless)]).toEqual([3, 2, [255, 255, 255, 255, 0, 128]]);
});

test('kernels are ordered by norm, and dead or repeated ones are named', () => {
  expect(unitsBy([1, 0, 2, 1], 4, 'norm')).toEqual([2, 0, 3, 1]);
  expect(unitsBy([1, 0, 2], 3, 'number')).toEqual([0, 1, 2]);
  const { header } = filters(4, 1, 1, 1, [1, 0, 1, 1]);
  expect([0, 1, 2, 3].map((unit) => faultOf(header, unit))).toEqual(['like 2', 'dead', 'like 0', '']);
});

test('feature maps: activity, order, and the value and cell at a place', () => {
  const covers = { x: 0, y: 0, width: 1, height: 1 };
  const header = { layer: 'a', rows: 1, columns: 2, channels: 2, min: -4, max: 3, covers, note: null };
  const maps = { header, arrays: { maps: new Float32Array([1, 3, -4, 2]) } };
  expect([activityOf(maps, 0), activityOf(maps, 1)]).toEqual([
    { mean: 2, max: 3 },
    { mean: 3, max: 2 },
  ]);
  expect(unitsByActivity(maps, 'activity')).toEqual([1, 0]);
  expect(atPlace(maps, 1, 0.6, 2)).toEqual({
    row: 0,
    column: 1,
    value: 2,
    cell: { x: 0.5, y: 0, width: 0.5, height: 1 },
  });
  const { data } = mapPixels(maps.arrays.maps.subarray(0, 2), 2, 1, 1, 3);
  expect([...data]).toEqual([0, 0, 4, 255, 252, 255, 164, 255]); // the ends of Inferno
});

test('what a network sees of an image, and what one value sees', () => {
  const wide = { width: 200, height: 100 };
  expect(seenBox({}, wide)).toEqual({ x: 0, y: 0, width: 1, height: 1 });
  expect(seenBox({ sizePx: 64, cropPx: 64, fit: 'cover' }, wide)).toEqual({ x: 0.25, y: 0, width: 0.5, height: 1 });
  expect(seenBox({ sizePx: 64, cropPx: 32, fit: 'stretch' }, wide)).toEqual({
    x: 0.25,
    y: 0.25,
    width: 0.5,
    height: 0.5,
  });
  expect(seenBox({ sizePx: 64, cropPx: 0, fit: 'contain' }, wide)).toEqual({ x: 0, y: -0.5, width: 1, height: 2 });
  const seen = { x: 0.25, y: 0, width: 0.5, height: 1 };
  expect(fieldBox(16, [64, 64, 3], seen)).toEqual({ x: 0.4375, y: 0.375, width: 0.125, height: 0.25 });
  expect(fieldBox(500, [64, 64, 3], seen)).toEqual(seen);
});

test('units of a layer are sorted by what is known of them', () => {
  const unit = (max: number, silent: number, selectivity: number | null) => ({
    mean: max / 2,
    max,
    silent,
    isDead: silent === 1,
    saturated: null,
    selectivity,
    class: null,
  });
  const units = [unit(1, 1, null), unit(3, 0, 0.7), unit(2, 0.5, 0.2)];
  expect(sortedUnits(units, 'number')).toEqual([0, 1, 2]);
  expect(sortedUnits(units, 'max')).toEqual([1, 2, 0]);
  expect(sortedUnits(units, 'silent')).toEqual([0, 2, 1]);
  expect(sortedUnits(units, 'selectivity')).toEqual([1, 2, 0]);
  expect(sortedUnits(units, 'saturated')).toEqual([0, 1, 2]);
  expect(remarkable(units)).toEqual({ dead: 1, saturated: null, selective: 1 });
});
