/** Maps of images and where a network looks, by the command line: a classifier whose class is given away by a small square has to be caught looking at it. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, expect, test } from 'vitest';
import type { ExplainedFiles } from '../../src-main/contract/export-types.ts';
import { meanOf } from '../../src-main/contract/numbers.ts';
import { winnow, winnowJson } from '../fixtures/command.ts';
import { imageSide, markedFolder, massIn, type Marked } from '../fixtures/marked.ts';

type ExplainJson = ExplainedFiles & { schema: string };
interface EvidenceJson {
  schema: string;
  classes: { name: string; images: number }[];
  samples: { path: string; outside: number }[];
}

const data = { WINNOW_DATA: mkdtempSync(join(tmpdir(), 'winnow-data-')) };
let marked: Marked;
let paths: string[];
const newFolder = (): string => join(mkdtempSync(join(tmpdir(), 'winnow-maps-')), 'maps');
const explain = (...args: string[]): Promise<ExplainJson> =>
  winnowJson<ExplainJson>(['explain', marked.folder, ...args], data);

beforeAll(async () => {
  marked = await markedFolder(60, { masks: true });
  paths = [...marked.squares.keys()].slice(0, 8);
});

test('a classifier learns the square', async () => {
  const options = ['--model', 'cnn', '--size', '64', '--width', '16', '--epochs', '6', '--policy', 'none'];
  const { run } = await winnowJson<{ run: { metrics: { accuracy: number } } }>(
    ['train', marked.folder, ...options],
    data,
  );
  expect(run.metrics.accuracy).toBeGreaterThan(0.9);
}, 300_000);

/** A NumPy file of float32. */
function readNpy(file: string): { shape: number[]; values: Float32Array } {
  const bytes = readFileSync(file);
  expect(bytes.subarray(0, 8)).toEqual(Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]));
  const length = bytes.readUInt16LE(8);
  expect((10 + length) % 64).toBe(0);
  const header = bytes.subarray(10, 10 + length).toString('latin1');
  expect(header).toMatch(/^\{'descr': '<f4', 'fortran_order': False, 'shape': \(\d+, \d+\), \} *\n$/);
  const shape = /\((\d+), (\d+)\)/.exec(header)!.slice(1).map(Number);
  const body = bytes.subarray(10 + length);
  return { shape, values: new Float32Array(Uint8Array.from(body).buffer) };
}

/** `margin` in pixels: maps of a layer are as fine as its places, of 12 px each. `least`: of the positive values in the square and the margin. */
test.each([
  { method: 'grad-cam', margin: 12, least: 0.8 },
  { method: 'hirescam', margin: 6, least: 0.8 },
  { method: 'occlusion', margin: 6, least: 0.8 },
  { method: 'smoothgrad', margin: 6, least: 0.8 },
])(
  '$method is on the square that gives the class away',
  async ({ method, margin, least }) => {
    const to = newFolder();
    const made = await explain(...paths, '--method', method, '--target', 'marked', '--to', to);
    expect(made).toMatchObject({ schema: 'winnow/explain@1', run: 'cnn-1', method });
    expect(made.layer === null).toBe(['occlusion', 'smoothgrad'].includes(method));
    expect(made.samples.map(({ path }) => path)).toEqual(paths);
    const masses: number[] = [];
    for (const { path, target, file, width, height, min, max } of made.samples) {
      expect([target, width, height]).toEqual(['marked', imageSide, imageSide]);
      const { shape, values } = readNpy(join(to, file!));
      expect(shape).toEqual([imageSide, imageSide]);
      expect([values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))]).toEqual([
        Math.fround(min),
        Math.fround(max),
      ]);
      masses.push(massIn(values, marked.squares.get(path)!, margin));
      expect(await sharp(join(to, `${path}.png`)).metadata()).toMatchObject({ width: imageSide, height: imageSide });
    }
    expect(meanOf(masses)).toBeGreaterThan(least);
  },
  120_000,
);

test('a chosen layer, a class, a difference, and the loss of its class are other maps', async () => {
  const [path] = paths;
  const maps: Float32Array[] = [];
  for (const options of [
    [],
    ['--layer', 'block1'],
    ['--target', 'plain', '--method', 'integrated-gradients'],
    ['--target', 'marked', '--minus', 'plain', '--method', 'saliency'],
    ['--target', 'loss', '--method', 'saliency'],
  ]) {
    const to = newFolder();
    const { samples } = await explain(path, ...options, '--to', to);
    maps.push(readNpy(join(to, samples[0].file!)).values);
  }
  for (let i = 0; i < maps.length; i++) for (let j = 0; j < i; j++) expect(maps[i]).not.toEqual(maps[j]);
}, 120_000);

test('bundled weights, and a ranking, explain the same images', async () => {
  const weights = await explain(paths[0], '--run', 'efficientnet-lite0', '--to', newFolder());
  expect(weights.samples[0].target).toMatch(/^output \d+$/);
  await winnowJson(['rank', marked.folder, '--method', 'pca', '--size', '32'], data);
  const ranked = await explain(paths[0], '--run', 'pca-1', '--method', 'occlusion', '--to', newFolder());
  expect(ranked.samples[0]).toMatchObject({ target: 'anomaly score' });
  expect(ranked.samples[0].max).toBeGreaterThan(0);
  const { code, err } = await winnow(
    ['explain', marked.folder, paths[0], '--run', 'pca-1', '--method', 'grad-cam', '--to', newFolder()],
    data,
  );
  expect([code, err]).toEqual([2, expect.stringMatching(/Grad-CAM: .*no network.*occlusion/i)]);
}, 120_000);

test('says what is wrong, and writes nothing', async () => {
  const wrong = async (...args: string[]): Promise<string> => {
    const { code, err } = await winnow(['explain', marked.folder, ...args], data);
    expect(code).not.toBe(0);
    return err;
  };
  const to = newFolder();
  expect(await wrong(paths[0], '--target', 'cat', '--to', to)).toMatch(/no class ‘cat’. Classes: marked, plain/);
  expect(await wrong(paths[0], '--layer', 'none', '--to', to)).toMatch(/no layer ‘none’. Layers with places: block0/);
  expect(await wrong(paths[0], '--method', 'gradcam', '--to', to)).toMatch(/no method ‘gradcam’. Methods: grad-cam/);
  expect(await wrong(paths[0], '--method', 'attention-rollout', '--to', to)).toMatch(/no attention between patches/);
  expect(await wrong(paths[0], '--run', 'cnn-9', '--to', to)).toMatch(/no network ‘cnn-9’.*cnn-1/);
  expect(await wrong('none.png', '--to', to)).toMatch(/No image of this folder is ‘none.png’/);
  expect(await wrong(paths[0], '--steps', '5', '--to', to)).toMatch(/grad-cam has no option --steps/);
  expect(await wrong(paths[0], '--to', join(marked.folder, 'maps'))).toMatch(/inside the opened folder/);
}, 120_000);

test('where it looks: images per class, and evidence outside of the masks as a column', async () => {
  const found = await winnowJson<EvidenceJson>(['evidence', marked.folder, '--run', 'cnn-1'], data);
  expect(found.schema).toBe('winnow/evidence@1');
  expect(found.classes.map(({ name }) => name)).toEqual(['marked', 'plain']);
  expect(found.classes.reduce((sum, { images }) => sum + images, 0)).toBe(120);
  expect(found.samples).toHaveLength(60);
  for (const { outside } of found.samples) expect(outside >= 0 && outside <= 1).toBe(true);
  const { samples } = await winnowJson<{ samples: { path: string }[] }>(
    ['show', marked.folder, '--where', 'cnn-1.outside > 0.4', '--order', '-cnn-1.outside'],
    data,
  );
  expect(samples.map(({ path }) => path)).toEqual(
    found.samples.filter(({ outside }) => outside > 0.4).map(({ path }) => path),
  );
}, 120_000);
