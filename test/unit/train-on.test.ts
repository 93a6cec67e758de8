/** What a ranking is trained on: recognised from folder names, remembered, and corrected by tags. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { globMatcher } from '../../src-main/contract/glob.ts';
import {
  fewestTagged,
  normalTag,
  recogniseNormal,
  suggestTrainOn,
  taggedNormal,
  tooFewTagged,
  trainedOn,
  trainingImages,
  trainOnText,
} from '../../src-main/contract/train-on.ts';
import { editSchema, rankSchema } from '../../src-main/contract/schemas.ts';
import { rank } from '../../src-main/jobs/rank.ts';
import { blob, folderOf } from '../fixtures/images.ts';
import { openWorkspace, scanned } from '../fixtures/workspace.ts';

/** Two images in each of these folders. */
const imagesIn = (...folders: string[]): string[] =>
  folders.flatMap((folder) => [`${folder}/1.png`, `${folder}/2.png`]);
const untagged = (paths: readonly string[]) => paths.map((path) => ({ path, tags: [] as string[] }));

describe('normal images are recognised by folder names', () => {
  test.each<[string, string[], string | null]>([
    ['MVTec', ['train/good', 'test/good', 'test/crack', 'ground_truth/crack'], 'train/good/**'],
    ['MVTec without training images', ['test/good', 'test/crack'], 'test/good/**'],
    [
      'several categories of MVTec',
      ['nut/train/good', 'nut/test/good', 'pill/train/good', 'pill/test/bad'],
      '**/train/good/**',
    ],
    ['a folder for each class', ['good', 'bad'], 'good/**'],
    ['a folder for each class, inside another', ['parts/ok', 'parts/nok'], 'parts/ok/**'],
    ['Keras', ['train/normal', 'train/defect', 'validation/normal', 'validation/defect'], 'train/normal/**'],
    ['capitals', ['train/NORMAL', 'train/PNEUMONIA', 'val/NORMAL'], 'train/NORMAL/**'],
    ['splits inside a class', ['good/train', 'good/test', 'bad/test'], 'good/train/**'],
    ['normal images outside of the test', ['a/good', 'b/good', 'test/good', 'test/bad'], '{a/good,b/good}/**'],
    ['several folders without splits', ['a/good', 'b/good', 'b/bad'], '**/good/**'],
    ['different names', ['left/ok', 'right/good', 'right/bad'], '{left/ok,right/good}/**'],
    ['signs of globs in a name', ['[old]/good', '[old]/bad'], '\\[old\\]/good/**'],
    ['nested', ['train/good/day', 'train/good/night', 'test/bad'], 'train/good/**'],
    ['other classes', ['cat', 'dog'], null],
    ['a name that only starts alike', ['goods', 'normals', 'okay', 'notok', 'train/goods'], null],
  ])('%s', (_, folders, glob) => expect(recogniseNormal(imagesIn(...folders))).toBe(glob));

  test('a file of that name is no folder of normal images', () => {
    expect(recogniseNormal(['good', 'ok.png', 'a/normal.jpg'])).toBe(null);
    expect(recogniseNormal([])).toBe(null);
  });

  test('test images are not trained on where there are training images', () => {
    const paths = imagesIn('train/good', 'test/good', 'test/bad');
    const matches = globMatcher(recogniseNormal(paths) as string);
    expect(paths.filter(matches)).toEqual(imagesIn('train/good'));
  });
});

describe('without a choice', () => {
  const paths = imagesIn('train/good', 'test/good', 'test/bad');
  test('the last choice for the folder comes first, also the one of all images', () => {
    expect(suggestTrainOn(untagged(paths), { glob: 'test/good/**' })).toEqual({
      glob: 'test/good/**',
      by: 'remembered',
    });
    expect(suggestTrainOn(untagged(paths), { glob: null })).toEqual({ glob: null, by: 'remembered' });
  });
  test('a remembered glob that matches no image any more is ignored', () =>
    expect(suggestTrainOn(untagged(paths), { glob: 'gone/**' })).toEqual({ glob: 'train/good/**', by: 'recognised' }));
  test('all images are used where no folder is recognised', () =>
    expect(suggestTrainOn(untagged(imagesIn('cat', 'dog')), null)).toEqual({ glob: null, by: 'all' }));
});

describe('tagged images', () => {
  const manyOf = (count: number) =>
    Array.from({ length: 30 }, (_, i) => ({ path: `cat/${i}.png`, tags: i < count ? ['normal'] : [] }));

  test('are trained on alone where no folder is recognised, if they are enough', () => {
    expect(suggestTrainOn(manyOf(fewestTagged), null)).toEqual({ glob: 'tag:normal', by: 'tagged' });
    expect(suggestTrainOn(manyOf(fewestTagged - 1), null)).toEqual({ glob: null, by: 'all' });
    expect(tooFewTagged(fewestTagged - 1)).toContain('Only 9 images are tagged');
    expect(tooFewTagged(fewestTagged)).toBeNull();
    expect(tooFewTagged(0)).toBeNull();
  });
  test('come after a recognised folder and after the last choice', () => {
    const good = manyOf(fewestTagged).map((sample, i) => (i < 15 ? sample : { ...sample, path: `good/${i}.png` }));
    expect(suggestTrainOn(good, null)).toEqual({ glob: 'good/**', by: 'recognised' });
    expect(suggestTrainOn(manyOf(20), { glob: null })).toEqual({ glob: null, by: 'remembered' });
    expect(suggestTrainOn(manyOf(3), { glob: 'tag:normal' })).toEqual({ glob: 'tag:normal', by: 'remembered' });
    expect(suggestTrainOn(manyOf(0), { glob: 'tag:normal' })).toEqual({ glob: null, by: 'all' });
  });
  test('what a run was trained on stays known when tags change', () => {
    const images = trainingImages(manyOf(12), 'tag:normal');
    expect(images.positions).toEqual(Array.from({ length: 12 }, (_, i) => i));
    const isTrained = trainedOn({ trainOn: 'tag:normal', trainTags: images });
    expect(manyOf(0).filter(({ path }) => isTrained(path))).toHaveLength(12);
    expect(trainOnText({ glob: 'tag:normal', by: 'tagged' }, 12)).toMatch(
      /^images tagged ‘normal’ — 12 images, marked/,
    );
  });
  test('no image is known to a detector of another folder', () =>
    expect(trainedOn({ trainOn: null, trainTags: { added: [], leftOut: [] }, origin: {} })('cat/1.png')).toBe(false));
});

describe('tags', () => {
  const samples = [
    { path: 'good/1.png', tags: [] },
    { path: 'good/2.png', tags: ['anomalous', 'later'] },
    { path: 'other/1.png', tags: ['normal'] },
    { path: 'other/2.png', tags: [] },
    { path: 'other/3.png', tags: ['anomalous'] },
  ];
  test('normal images are added, anomalous ones are left out', () => {
    const images = trainingImages(samples, 'good/**');
    expect(images).toEqual({ positions: [0, 2], added: ['other/1.png'], leftOut: ['good/2.png'] });
    const isTrained = trainedOn({ trainOn: 'good/**', trainTags: images });
    expect(samples.map(({ path }) => isTrained(path))).toEqual([true, false, true, false, false]);
  });
  test('anomalous images are left out of all images too', () =>
    expect(trainingImages(samples, null)).toEqual({
      positions: [0, 2, 3],
      added: [],
      leftOut: ['good/2.png', 'other/3.png'],
    }));
});

test('images that can no longer be read do not change the choice', async () => {
  const files: Record<string, Buffer> = {};
  for (let i = 0; i < fewestTagged + 4; i++) files[`${String(i).padStart(2, '0')}.png`] = await blob(i);
  const workspace = await scanned(openWorkspace(folderOf(files, 'train-on')));
  const tagged = workspace.table.samples().slice(0, fewestTagged);
  workspace.calls.journal.edit(
    editSchema.parse({ choice: { ids: tagged.map(({ id }) => id) }, change: { addTags: [normalTag] } }),
  );
  const report = {
    signal: new AbortController().signal,
    stage: () => undefined,
    progress: () => undefined,
    run: () => undefined,
  };
  const ranked = (more: object) =>
    rank(workspace, rankSchema.parse({ method: 'pca', parameters: { sizePx: 32, components: 2 }, ...more }), report);
  rmSync(join(workspace.folder, tagged[0].path));
  expect(await ranked({})).toMatchObject({ trainOn: taggedNormal, trainOnBy: 'tagged', trained: fewestTagged - 1 });
  for (const { path } of tagged.slice(1)) rmSync(join(workspace.folder, path));
  const again = { trainOn: taggedNormal, parameters: { sizePx: 64, components: 2 } };
  await expect(ranked(again)).rejects.toMatchObject({
    code: 'no-samples',
    message: expect.stringContaining('None of'),
  });
});
