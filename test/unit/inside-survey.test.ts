/** What units answer to: tallies of images, and a survey of a folder with planted units. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { addImage, addTally, emptyTally, entriesOf, leastKept, mostKept } from '../../src-main/compute/inside/tally.ts';
import { random } from '../../src-main/compute/random.ts';
import { modelFile } from '../../src-main/compute/run-files.ts';
import { readTensors, writeTensors } from '../../src-main/compute/tensor-file.ts';
import { rankSchema, trainSchema } from '../../src-main/contract/schemas.ts';
import type { OpenWorkspace } from '../../src-main/engine/open-workspace.ts';
import { selectivityOf } from '../../src-main/jobs/inside-survey.ts';
import { runFolder } from '../../src-main/workspace/runs.ts';
import { folderOf } from '../fixtures/images.ts';
import { ended, openWorkspace, scanned } from '../fixtures/workspace.ts';

const images = 40;
const units = 3;
const grid = { rows: 2, columns: 3 };
const next = random('tally', 1);
const values = Array.from({ length: images }, () => Float32Array.from({ length: 6 * units }, () => next() * 8 - 2));
const label = (image: number) => (image % 4 === 3 ? -1 : image % 2);
const limits = { low: -Infinity, high: 5 };

describe('a tally', () => {
  const tally = emptyTally(units, 2);
  values.forEach((own, image) => addImage(tally, own, grid, { image, label: label(image), limits }));

  it.each([0, 1, 2])('unit %i has the images, places and counts of a sort of all', (unit) => {
    const known = values.map((own, image) => {
      const places = Array.from({ length: 6 }, (_, place) => own[place * units + unit]);
      const value = Math.max(...places);
      const place = places.indexOf(value);
      return { value, image, x: ((place % 3) + 0.5) / 3, y: (Math.floor(place / 3) + 0.5) / 2, places };
    });
    const entries = (list: typeof known) =>
      list.map(({ value, image, x, y }) => [value, image, Math.fround(x), Math.fround(y)]);
    const sorted = known.toSorted((a, b) => b.value - a.value);
    expect(entriesOf(tally.most, unit, mostKept)).toEqual(entries(sorted.slice(0, 12)));
    expect(entriesOf(tally.least, unit, leastKept)).toEqual(entries(sorted.toReversed().slice(0, 6)));
    expect(tally.sums[unit]).toBeCloseTo(
      known.reduce((sum, { value }) => sum + value, 0),
      4,
    );
    expect(tally.max[unit]).toBe(sorted[0].value);
    expect(tally.silent[unit]).toBe(known.filter(({ value }) => value <= 0).length);
    const saturated = known.reduce((sum, { places }) => sum + places.filter((value) => value >= 5).length / 6, 0);
    expect(tally.saturated[unit]).toBeCloseTo(saturated, 6);
    const ofClass = known.filter(({ image }) => label(image) === 1);
    expect(tally.byClass[unit * 2 + 1]).toBeCloseTo(
      ofClass.reduce((sum, { value }) => sum + value, 0),
      4,
    );
  });

  it('is the same in parts', () => {
    const parts = [0, 1, 2, 3].map((part) => {
      const own = emptyTally(units, 2);
      for (let image = part * 10; image < part * 10 + 10; image++)
        addImage(own, values[image], grid, { image, label: label(image), limits });
      return own;
    });
    const [first, ...others] = parts;
    for (const other of others) addTally(first, other);
    expect([first.most, first.least, first.silent, first.max]).toEqual([
      tally.most,
      tally.least,
      tally.silent,
      tally.max,
    ]);
    first.sums.forEach((sum, unit) => expect(sum).toBeCloseTo(tally.sums[unit], 6));
  });

  it('keeps the earlier of equal images, and only as many as there are', () => {
    const own = emptyTally(1, 0);
    for (const image of [0, 1])
      addImage(own, new Float32Array(4), { rows: 2, columns: 2 }, { image, label: -1, limits: null });
    expect(entriesOf(own.most, 0, mostKept).map(([, image]) => image)).toEqual([0, 1]);
    expect(entriesOf(own.least, 0, leastKept).map(([, image]) => image)).toEqual([0, 1]);
    expect(own.silent[0]).toBe(2);
  });
});

/** 64 × 48, gray with some noise; a red square of 8 px from (left, top), or none. */
function gray(seed: number, square: { left: number; top: number } | null): Promise<Buffer> {
  const [width, height] = [64, 48];
  const own = random('gray', seed);
  const data = Buffer.alloc(width * height * 3);
  for (let i = 0; i < width * height; i++) data.fill(110 + Math.floor(own() * 20), i * 3, i * 3 + 3);
  if (square)
    for (let y = 0; y < 8; y++)
      for (let x = 0; x < 8; x++) data.set([230, 20, 20], ((square.top + y) * width + square.left + x) * 3);
  return sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}
const placeOf = (i: number) => ({ left: (i * 7) % 56, top: (i * 5) % 40 });

async function grayFolder(count = 40): Promise<string> {
  const files: Record<string, Buffer> = {};
  for (let i = 0; i < count; i++)
    files[`${i % 2 ? 'marked' : 'plain'}/${String(i).padStart(2, '0')}.png`] = await gray(i, i % 2 ? placeOf(i) : null);
  return folderOf(files);
}

async function survey(workspace: OpenWorkspace, run: string): Promise<void> {
  const job = await ended(workspace, workspace.calls.inside.survey({ run }));
  expect(job).toMatchObject({ state: 'done', error: null });
}

it('a unit is selective for the class with the highest mean; classes without a readable image do not count', () => {
  const most = { index: 2, selectivity: expect.closeTo(0.5, 6) as number };
  expect(selectivityOf(Float32Array.of(1, NaN, 3, 1))).toEqual(most);
  expect(selectivityOf(Float32Array.of(1, NaN))).toBeNull();
});

describe('a survey of a folder', () => {
  it('finds what a planted unit answers to, where, and a planted dead unit; and knows when it is stale', async () => {
    const folder = await grayFolder();
    const workspace = openWorkspace(folder);
    const parameters = { sizePx: 32, cropPx: 32, width: 8, depth: 2, dense: 8, epochs: 1, minSteps: 1, dropout: 0 };
    await ended(workspace, workspace.calls.classifier.train(trainSchema.parse({ model: 'cnn', parameters })));
    const run = 'cnn-1';
    const file = modelFile(runFolder(workspace.workspaceFolder, run));
    const saved = readTensors<object>(file)!;
    for (const [name, values] of Object.entries(saved.arrays)) {
      if (name === 'block0/kernel')
        // [3, 3, 3, 8]: unit 0 is red
        values.forEach((_value, at) => {
          if (at % 8 === 0) values[at] = Math.floor(at / 8) % 3 === 0 ? 1 : -0.5;
        });
      if (name === 'block0/norm/gamma') values.set([1, 0]);
      if (name === 'block0/norm/beta') values.set([0, -1]);
      if (name === 'block0/norm/mean') values[0] = 0;
      if (name === 'block0/norm/variance') values[0] = 1;
    }
    writeTensors(file, saved);

    expect(workspace.calls.inside.layer({ run, layer: 'block0' })).toBeNull();
    await survey(workspace, run);
    const layer = workspace.calls.inside.layer({ run, layer: 'block0' })!;
    expect(layer).toMatchObject({ layer: 'block0', images: 40, isStale: false });
    expect(layer.units[1]).toMatchObject({ isDead: true, silent: 1, mean: 0, max: 0 });
    expect(layer.units[0]).toMatchObject({ isDead: false, class: 'marked', saturated: null });
    expect(layer.units[0].selectivity).toBeGreaterThan(0.5);
    expect(workspace.calls.inside.layer({ run, layer: 'mean' })!.units[1]).toMatchObject({
      silent: null,
      isDead: false,
    });

    const unit = workspace.calls.inside.unit({ run, layer: 'block0', unit: 0 })!;
    expect(unit.most).toHaveLength(12);
    for (const { path, box } of unit.most) {
      const { left, top } = placeOf(Number(/(\d+)\.png/.exec(path)![1]));
      expect(path).toMatch(/^marked/);
      // The field is 3 of 32 px, and its middle is in the square.
      expect(
        [box.x + box.width / 2 - (left + 4) / 64, box.y + box.height / 2 - (top + 4) / 48].map(Math.abs),
      ).toSatisfy(([x, y]: number[]) => x < 5 / 64 && y < 5 / 48);
      expect(box.width).toBeLessThanOrEqual(3 / 32 + 1e-6);
    }
    expect(unit.least.map(({ path }) => path.slice(0, 5))).toEqual(Array(6).fill('plain'));
    expect(unit.byClass).toMatchObject([
      { name: 'marked', images: 20 },
      { name: 'plain', images: 20 },
    ]);
    expect(unit.byClass[0].mean).toBeGreaterThan(2 * unit.byClass[1].mean);
    expect(() => workspace.calls.inside.unit({ run, layer: 'block0', unit: 8 })).toThrow(/units 0 to 7/);

    const again = await ended(workspace, workspace.calls.inside.survey({ run }));
    expect(again.summary).toMatch(/up to date/);
    writeFileSync(join(folder, 'plain', 'later.png'), await gray(99, null));
    rmSync(join(folder, unit.most[0].path));
    await scanned(workspace);
    const stale = workspace.calls.inside.unit({ run, layer: 'block0', unit: 0 })!;
    expect([stale.isStale, stale.most.map(({ path }) => path)]).toEqual([
      true,
      unit.most.slice(1).map(({ path }) => path),
    ]);
    await survey(workspace, run);
    expect(workspace.calls.inside.layer({ run, layer: 'block0' })).toMatchObject({ images: 40, isStale: false });
    writeTensors(file, saved); // another model
    expect(workspace.calls.inside.layer({ run, layer: 'block0' })).toBeNull();
  });

  it('surveys autoencoders and bundled weights; a ranking without a network says so', async () => {
    const workspace = openWorkspace(await grayFolder(6));
    const rank = async (method: string, parameters: Record<string, unknown>): Promise<void> => {
      const job = await ended(workspace, workspace.calls.workspace.rank(rankSchema.parse({ method, parameters })));
      expect(job).toMatchObject({ state: 'done' });
    };
    await rank('conv-ae', { sizePx: 32, width: 4, depth: 2, epochs: 1, minSteps: 1 });
    await survey(workspace, 'conv-ae-1');
    expect(workspace.calls.inside.unit({ run: 'conv-ae-1', layer: 'encode1/pool', unit: 3 })!.most).toHaveLength(6);

    await survey(workspace, 'efficientnet-lite0');
    const stem = workspace.calls.inside.layer({ run: 'efficientnet-lite0', layer: 'stem' })!;
    expect(stem.units).toHaveLength(32);
    expect(stem.units.every(({ saturated, max }) => saturated! > 0 === max >= 6 - 1e-5)).toBe(true);
    expect(stem.units.filter(({ isDead }) => isDead).length).toBeGreaterThan(0); // its stem has kernels of zeros

    await rank('patch-memory', { sizePx: 224 });
    await survey(workspace, 'patch-memory-1');
    const { most } = workspace.calls.inside.unit({ run: 'patch-memory-1', layer: 'stage2/block1/add', unit: 0 })!;
    expect(most).toHaveLength(6);
    for (const { box } of most) expect(box.width * box.height).toBeLessThan(0.5);

    await rank('pca', {});
    const failed = await ended(workspace, workspace.calls.inside.survey({ run: 'pca-1' }));
    expect(failed).toMatchObject({
      state: 'failed',
      error: { message: expect.stringMatching(/no network/) as string },
    });

    const listed = workspace.runs.list();
    workspace.runs.list = () => [{ ...listed[0], id: 'older-1', method: 'of an older version' }, ...listed];
    const known = workspace.calls.inside.subjects().map(({ id, kind, hasCode }) => [id, kind, hasCode]);
    expect(known).toEqual([
      ['pca-1', 'detector', false],
      ['patch-memory-1', 'detector', false],
      ['conv-ae-1', 'autoencoder', true],
      ['efficientnet-lite0', 'weights', false],
    ]);
  });
});
