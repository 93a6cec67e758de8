/** What a place of an image is unlike, by the command line; and training images that are recognised by their files. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import type { Box } from '../../src-main/contract/unlike.ts';
import { winnow, winnowJson, type RankJson } from '../fixtures/command.ts';
import { temporaryFolder } from '../fixtures/images.ts';
import { inspectionFolder } from '../fixtures/inspection.ts';

interface UnlikeJson {
  schema: string;
  run: string;
  sample: { path: string; box: Box };
  normal: { path: string; box: Box };
  distance: number;
  usual: number;
}

const data = { WINNOW_DATA: mkdtempSync(join(tmpdir(), 'winnow-data-')) };
const method = ['--method', 'patch-memory', '--train-on', 'train/good/**'];
let folder: string;
let ranked: RankJson;
const scoreOf = ({ samples }: RankJson, path: string) => samples.find((sample) => sample.path === path)!.score;

beforeAll(async () => {
  folder = await inspectionFolder();
});

test('the most unusual place of a defect is on the defect, and is compared with a normal image', async () => {
  ranked = await winnowJson<RankJson>(['rank', folder, ...method], data);
  // The spot: 12 × 12 pixels from (38, 26), in an image of 96 × 64.
  const found = await winnowJson<UnlikeJson>(['unlike', folder, 'test/spot/002.png'], data);
  expect(found).toMatchObject({ schema: 'winnow/unlike@1', run: ranked.run.id, sample: { path: 'test/spot/002.png' } });
  const { x, y, width, height } = found.sample.box;
  expect([x + width / 2, y + height / 2].map((value, i) => Math.abs(value - [44 / 96, 32 / 64][i]) < 0.15)).toEqual([
    true,
    true,
  ]);
  expect(found.normal.path).toMatch(/^train\/good\//);
  expect(found.distance).toBeGreaterThan(1.05 * found.usual);

  const { code, out } = await winnow(['unlike', folder, 'test/spot/002.png', '--at', '0.95,0.05'], data);
  expect(code).toBe(0);
  expect(out).toMatch(/^place .*test\/spot\/002\.png at 0\.9\d+,0\.0\d+\nnearest normal {2}train\/good\/.* at /);
  const far = await winnowJson<UnlikeJson>(['unlike', folder, 'test/spot/002.png', '--at', '0.95,0.05'], data);
  expect(far.distance).toBeLessThan(found.distance);

  await winnow(['runs', folder, '--archive', ranked.run.id], data);
  expect(await winnow(['unlike', folder, 'test/spot/002.png'], data)).toMatchObject({
    code: 1,
    err: expect.stringContaining('no finished ranking that keeps patches') as string,
  });
  await winnow(['undo', folder], data);
});

test('says what is wrong: no such image, a place outside, a ranking without patches', async () => {
  expect(await winnow(['unlike', folder, 'none.png'], data)).toMatchObject({
    code: 1,
    err: expect.stringMatching(/no image ‘none.png’/) as string,
  });
  expect(await winnow(['unlike', folder, 'test/spot/002.png', '--at', '3,1'], data)).toMatchObject({
    code: 2,
    err: expect.stringMatching(/two numbers from 0 to 1/) as string,
  });
  const { run } = await winnowJson<RankJson>(['rank', folder, '--method', 'pca'], data);
  expect(await winnow(['unlike', folder, 'test/spot/002.png', '--run', run.id], data)).toMatchObject({
    code: 1,
    err: expect.stringMatching(/has no nearest normal patch/) as string,
  });
});

test('a copy of a training image has its score, in the ranking and in another folder', async () => {
  const own = scoreOf(ranked, 'train/good/000.png');
  expect(scoreOf(ranked, 'test/good/007.png')).toBeCloseTo(own, 4);
  const other = temporaryFolder('tuesday');
  mkdirSync(other, { recursive: true });
  copyFileSync(join(folder, 'train/good/000.png'), join(other, 'copy.png'));
  copyFileSync(join(folder, 'test/spot/002.png'), join(other, 'spot.png'));
  const again = await winnowJson<RankJson>(['rank', other, '--run', ranked.run.id, '--of', folder], data);
  expect(scoreOf(again, 'copy.png')).toBeCloseTo(own, 4);
  expect(scoreOf(again, 'spot.png')).toBeCloseTo(scoreOf(ranked, 'test/spot/002.png'), 4);
  // The normal images are not here, once the copy of one is removed.
  rmSync(join(other, 'copy.png'));
  expect((await winnow(['scan', other], data)).code).toBe(0);
  expect(await winnow(['unlike', other, 'spot.png'], data)).toMatchObject({
    code: 1,
    err: expect.stringContaining(`in an image of ${folder}`) as string,
  });
});

test('says that the image of the nearest normal patch is gone', async () => {
  rmSync(join(folder, 'train'), { recursive: true });
  rmSync(join(folder, 'test/good'), { recursive: true });
  expect((await winnow(['scan', folder], data)).code).toBe(0);
  expect(await winnow(['unlike', folder, 'test/spot/002.png', '--run', ranked.run.id], data)).toMatchObject({
    code: 1,
    err: expect.stringMatching(/nearest normal patch is gone.*Rank again/) as string,
  });
});
