/** `evaluate` on a set with planted defects and masks: real rankings, and figures that are computed here again from the scores. */
import { mkdtempSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Evaluation } from '../../src-main/contract/evaluation.ts';
import { winnow, winnowJson, type RankJson } from '../fixtures/command.ts';
import { blobFolder, temporaryFolder } from '../fixtures/images.ts';
import { inspectionFolder } from '../fixtures/inspection.ts';

type EvaluateJson = Evaluation & { schema: string; folder: string };

const data = { WINNOW_DATA: mkdtempSync(join(tmpdir(), 'winnow-data-')) };
interface Setting {
  folder: string;
  ranked: RankJson;
  judged: EvaluateJson;
}
let made: Promise<Setting> | undefined;
/** The set, ranked by `pca` and evaluated; made by the first test that asks. */
const setting = () =>
  (made ??= (async () => {
    const folder = await inspectionFolder();
    const ranked = await winnowJson<RankJson>(
      ['rank', folder, '--method', 'pca', '--size', '64', '--train-on', 'train/good/**'],
      data,
    );
    return { folder, ranked, judged: await winnowJson<EvaluateJson>(['evaluate', folder], data) };
  })());

/** AUROC by its definition: over all pairs of a normal and an anomalous image. */
function aurocOf({ ranked }: Setting, isAnomalous: (path: string) => boolean): number {
  const test = ranked.samples.filter(({ path }) => path.startsWith('test/'));
  const pairs = test
    .filter(({ path }) => isAnomalous(path))
    .flatMap((bad) =>
      test
        .filter(({ path }) => path.startsWith('test/good/'))
        .map((good) => (bad.score > good.score ? 1 : bad.score === good.score ? 0.5 : 0)),
    );
  return pairs.reduce<number>((sum, one) => sum + one, 0) / pairs.length;
}

test('figures of images, pixels and types on the images that were not trained on', async () => {
  const set = await setting();
  const { folder, judged, ranked } = set;
  expect(judged).toMatchObject({
    schema: 'winnow/evaluate@1',
    folder,
    run: 'pca-1',
    truth: { source: 'masks+folders', normal: 8, anomalous: 10, unknown: 0, trained: 16 },
  });
  expect(ranked.samples.some(({ path }) => path.startsWith('ground_truth/'))).toBe(false); // masks are not ranked
  const { image, pixel, byType, worst, notes } = judged;
  expect(image!.auroc).toBeGreaterThan(0.9);
  expect(image!.auroc).toBeCloseTo(
    aurocOf(set, (path) => !path.includes('good')),
    12,
  );
  expect(image!.low).toBeLessThanOrEqual(image!.auroc);
  expect(image!.high).toBeGreaterThanOrEqual(image!.auroc);
  const { threshold } = ranked.run as unknown as { threshold: { rule: string; score: number } };
  expect(image).toMatchObject({ rule: threshold.rule, threshold: threshold.score }); // as `rank` flags
  const { truePositive, falsePositive, falseNegative, trueNegative } = image!.confusion;
  expect([truePositive + falseNegative, falsePositive + trueNegative]).toEqual([10, 8]);
  expect(image!.f1).toBeCloseTo((2 * truePositive) / (2 * truePositive + falsePositive + falseNegative), 12);
  expect(worst.misses).toHaveLength(falseNegative);
  expect(worst.falseAlarms).toHaveLength(falsePositive);
  expect(pixel).toMatchObject({ images: 18, regions: 10 });
  expect(pixel!.auroc).toBeGreaterThan(0.9);
  expect(pixel!.aupro).toBeGreaterThan(0.6);
  expect(pixel!.aupro).toBeLessThanOrEqual(1);
  expect(Object.fromEntries(byType.map(({ type, images, auroc }) => [type, [images, auroc]]))).toEqual({
    spot: [5, aurocOf(set, (path) => path.includes('spot'))],
    scratch: [5, aurocOf(set, (path) => path.includes('scratch'))],
  });
  expect(notes).toContain('16 images left out: pca-1 was trained on them.');
  expect(notes).toContain(
    '1 evaluated image is an exact copy of an image that pca-1 was trained on: the figures are too optimistic.',
  );
  expect(notes).toContain('10 images in the folder are masks and are not evaluated.');
});

test('the confusion at a given threshold counts scores at or above it; mistakes are listed, the worst first', async () => {
  const { folder, ranked } = await setting();
  const spots = ranked.samples.filter(({ path }) => path.startsWith('test/') && !path.includes('good'));
  const { score: threshold } = spots[4]; // the fifth of ten
  const { image, worst, pixel } = await winnowJson<EvaluateJson>(
    ['evaluate', folder, '--run', 'pca-1', '--threshold', `score:${threshold}`, '--no-pixels'],
    data,
  );
  expect(image).toMatchObject({ threshold, rule: 'score', confusion: { truePositive: 5, falseNegative: 5 } });
  expect(worst.misses.map(({ path }) => path)).toEqual(
    spots
      .slice(5)
      .map(({ path }) => path)
      .reverse(),
  );
  expect(pixel).toBeNull();
});

test('a table replaces the folders, and says so', async () => {
  const set = await setting();
  const { folder } = set;
  const truth = join(temporaryFolder('truth'), 'truth.csv');
  const wrong = Array.from({ length: 8 }, (_, i) => `test/good/00${i}.png,1`);
  const right = Array.from({ length: 5 }, (_, i) => `test/spot/00${i}.png,0`);
  writeFileSync(truth, ['path,is_anomaly', ...wrong, ...right].join('\n'));
  const { truth: known, image } = await winnowJson<EvaluateJson>(['evaluate', folder, '--truth', truth], data);
  expect(known).toMatchObject({ source: 'file', normal: 5, anomalous: 8, unknown: 21 });
  expect(image!.auroc).toBeCloseTo(1 - aurocOf(set, (path) => path.includes('spot')), 12);
  writeFileSync(truth, 'path,is_anomaly\ntest/good/000.png,0\ntest/spot/000.png,perhaps\n');
  const { code, err } = await winnow(['evaluate', folder, '--truth', truth], data);
  expect(code).toBe(2);
  expect(err).toContain('Line 3 of truth.csv: ‘perhaps’ is neither 0 (normal) nor 1 (anomalous).');
});

test('tags come before folders, and the stored figures of pixels then no longer apply', async () => {
  const { folder } = await setting();
  expect((await winnow(['tag', folder, 'test/spot/000.png', '--add', 'normal'], data)).code).toBe(0);
  const tagged = await winnowJson<EvaluateJson>(['evaluate', folder], data);
  expect(tagged.truth).toMatchObject({ source: 'tags+masks+folders', normal: 9, anomalous: 9 });
  expect(tagged.pixel).toMatchObject({ images: 17, regions: 9 });
  expect(tagged.notes).toContain('1 image left out of the pixel figures: mask and truth disagree.');
  await winnow(['undo', folder], data);
});

test('masks outside of the folder are found beside it or by their name', async () => {
  const { folder } = await setting();
  const test = join(folder, 'test');
  await winnowJson(['rank', test, '--method', 'pca', '--size', '64', '--train-on', 'good/**'], data);
  const beside = await winnowJson<EvaluateJson>(['evaluate', test], data);
  const named = await winnowJson<EvaluateJson>(['evaluate', test, '--masks', join(folder, 'ground_truth')], data);
  expect(beside.pixel).toMatchObject({ images: 10, regions: 10 }); // without the normal images, which were trained on
  expect(named.pixel).toEqual(beside.pixel);
  expect(beside.notes.join()).toContain(
    'Evaluated on the images it was trained on: pca-1 was trained on all normal images',
  );
});

test('without truth, or with one class only, nothing is judged, and a message says what to do', async () => {
  const { folder } = await setting();
  const plain = await blobFolder();
  renameSync(join(plain, 'good'), join(plain, 'some'));
  await winnowJson(['rank', plain, '--method', 'pca', '--size', '32'], data);
  const none = await winnow(['evaluate', plain, '--json', '-'], data);
  expect(none.code).toBe(1);
  expect(JSON.parse(none.out)).toMatchObject({ image: null, pixel: null, truth: { source: null, unknown: 25 } });
  expect(none.err).toContain('Cannot be judged: nothing says which images are normal');
  expect((await winnow(['tag', plain, 'other/**', '--add', 'normal'], data)).code).toBe(0);
  const one = await winnow(['evaluate', plain], data);
  expect(one.code).toBe(1);
  expect(one.err).toContain('all 12 images with a known truth are normal, and none is known to be anomalous');
  const unranked = await winnow(['evaluate', folder, '--run', 'pca-9'], data);
  expect(unranked.code).toBe(1);
  expect(unranked.err).toContain('There is no run ‘pca-9’');
});
