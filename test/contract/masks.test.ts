/** Error maps and masks as files, in the shape of their images: what the command line writes is what readers of PNG and COCO expect. */
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, expect, test } from 'vitest';
import { winnow, winnowJson, type RankJson } from '../fixtures/command.ts';
import { temporaryFolder } from '../fixtures/images.ts';
import { inspectionFolder } from '../fixtures/inspection.ts';
import { filled, overlap } from '../fixtures/masks.ts';

const data = { WINNOW_DATA: mkdtempSync(join(tmpdir(), 'winnow-data-')) };
let folder: string;
beforeAll(async () => {
  folder = await inspectionFolder(30);
});

interface Coco {
  info: { run: string; threshold: number; scoreThreshold: number };
  images: {
    id: number;
    file_name: string;
    width: number;
    height: number;
    mask: string;
    score: number;
    flagged: boolean;
  }[];
  annotations: {
    image_id: number;
    category_id: number;
    segmentation: number[][];
    bbox: number[];
    area: number;
    iscrowd: number;
    score: number;
  }[];
  categories: { id: number; name: string }[];
}

interface Ranked {
  samples: (RankJson['samples'][number] & { flagged: boolean })[];
  run: RankJson['run'] & { threshold: { score: number } };
}

async function pixelsOf(file: string) {
  const { data: pixels, info } = await sharp(file).extractChannel(0).raw().toBuffer({ resolveWithObject: true });
  const { depth } = await sharp(file).metadata();
  return { ...info, depth, pixels: Uint8Array.from(pixels, (value) => Number(value > 127)) };
}

/** How well a mask covers a planted defect: intersection over union. */
async function coverOf(to: string, type: string, name: string): Promise<number> {
  const [found, truth] = await Promise.all([
    pixelsOf(join(to, 'test', type, `${name}.png.png`)),
    pixelsOf(join(folder, 'ground_truth', type, `${name}_mask.png`)),
  ]);
  expect([found.width, found.height, found.depth]).toEqual([96, 64, 'uchar']);
  return overlap(found.pixels, truth.pixels);
}

const numbers = ['000', '001', '002', '003', '004'];

test('masks cover planted squares, as PNG and as COCO polygons and boxes; maps have the shape of the image', async () => {
  const [masks, maps] = [join(temporaryFolder('masks'), 'new'), join(temporaryFolder('maps'), 'new')];
  const first = await winnowJson<RankJson>(['rank', folder, '--method', 'pca', '--train-on', 'train/good/**'], data);
  // In the middle between normal pixels and the most anomalous ones, where the outline of a defect is.
  const threshold = 0.3 * (first.run.report.mapScale as number);
  await winnow(['runs', folder, '--threshold', `${first.run.id}=share:25`], data); // kept with the ranking
  const wanted = ['--mask-threshold', String(threshold), '--masks', masks, '--maps', maps];
  const { run, samples } = await winnowJson<Ranked>(['rank', folder, '--run', first.run.id, ...wanted], data);
  for (const name of numbers) {
    expect(await coverOf(masks, 'spot', name)).toBeGreaterThan(0.6);
    expect(await coverOf(masks, 'scratch', name)).toBeGreaterThan(0.6);
  }
  const map = await sharp(join(maps, 'test', 'spot', '000.png.png')).metadata();
  expect([map.width, map.height, map.depth]).toEqual([96, 64, 'ushort']);

  const coco = JSON.parse(readFileSync(join(masks, 'masks.json'), 'utf8')) as Coco;
  expect(coco.info).toMatchObject({ run: run.id, threshold, scoreThreshold: run.threshold.score });
  const flags = (list: readonly { flagged: boolean; name: string; score: number }[]) =>
    list.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(({ name, score, flagged }) => ({ name, score, flagged }));
  expect(flags(coco.images.map((image) => ({ ...image, name: image.file_name })))).toEqual(
    flags(samples.map((sample) => ({ ...sample, name: sample.path }))),
  );
  expect(coco.images.filter(({ flagged }) => flagged)).toHaveLength(12); // a quarter of 48
  // A rule for this command alone.
  const other = join(temporaryFolder('masks'), 'new');
  const asked = ['--threshold', 'share:50', '--mask-threshold', String(threshold), '--masks', other];
  const half = await winnowJson<Ranked>(['rank', folder, '--run', first.run.id, ...asked], data);
  const written = JSON.parse(readFileSync(join(other, 'masks.json'), 'utf8')) as Coco;
  expect(written.info.scoreThreshold).toBe(half.run.threshold.score);
  expect(written.images.filter(({ flagged }) => flagged)).toHaveLength(24);
  expect(coco.categories).toEqual([expect.objectContaining({ id: 1, name: 'anomaly' })]);
  expect(coco.images).toHaveLength(48); // without the ten masks in ground_truth
  for (const { id, file_name, mask, width, height } of coco.images) {
    const regions = coco.annotations.filter(({ image_id }) => image_id === id);
    const polygons = new Uint8Array(width * height);
    for (const { segmentation, bbox, area, score } of regions) {
      const pixels = filled(segmentation[0], width, height);
      pixels.forEach((isIn, i) => (polygons[i] |= isIn));
      expect(score).toBeGreaterThanOrEqual(threshold);
      expect(area).toBeLessThanOrEqual(bbox[2] * bbox[3]);
    }
    const { pixels } = await pixelsOf(join(masks, mask));
    if (pixels.includes(1)) expect(overlap(polygons, pixels), file_name).toBeGreaterThan(0.9);
    else expect(regions, file_name).toEqual([]);
  }
  expect(coco.images.filter(({ id }) => coco.annotations.some(({ image_id }) => image_id === id)).length).toBeLessThan(
    25,
  );
});

test('the threshold of masks comes from held-out normal images; with too few of them the command says what to do', async () => {
  const to = join(temporaryFolder('masks'), 'new');
  const { run } = await winnowJson<RankJson>(
    ['rank', folder, '--method', 'pca', '--seed', '2', '--train-on', 'train/good/**', '--masks', to],
    data,
  );
  expect(run.report.mapThreshold).toBeGreaterThan(0);
  expect(run.report.mapThreshold).toBeLessThanOrEqual(run.report.mapScale as number);
  for (const name of numbers) {
    const [found, truth] = await Promise.all([
      pixelsOf(join(to, 'test', 'spot', `${name}.png.png`)),
      pixelsOf(join(folder, 'ground_truth', 'spot', `${name}_mask.png`)),
    ]);
    const inside = truth.pixels.filter((isDefect, i) => isDefect && found.pixels[i]).length;
    expect(inside / truth.pixels.filter(Boolean).length).toBeGreaterThan(0.9);
  }
  const good = await pixelsOf(join(to, 'test', 'good', '000.png.png'));
  expect(good.pixels.filter(Boolean).length / good.pixels.length).toBeLessThan(0.1);

  const few = join(temporaryFolder('masks'), 'few');
  const { code, err } = await winnow(
    ['rank', folder, '--method', 'pca', '--train-on', 'train/good/00{0,1,2}.png', '--masks', few],
    data,
  );
  expect(code).toBe(1);
  expect(err).toContain('--mask-threshold');
  expect(existsSync(few)).toBe(false);
});

test('a method without maps has no masks, and both kinds of files need folders of their own', async () => {
  const to = temporaryFolder('masks');
  const refused = await winnow(['rank', folder, '--method', 'nearest', '--masks', to], data);
  expect(refused).toMatchObject({ code: 2, err: expect.stringContaining('no error maps') as string });
  const same = await winnow(['rank', folder, '--method', 'pca', '--masks', to, '--maps', to], data);
  expect(same).toMatchObject({ code: 2, err: expect.stringContaining('two folders') as string });
  expect(readdirSync(to)).toEqual([]);
});
