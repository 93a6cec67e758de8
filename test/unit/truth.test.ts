/** What is known about images, by tags, masks, folders and tables; and what is refused because it could be wrong. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { withoutTrained } from '../../src-main/jobs/gather-truth.ts';
import { matchMasks } from '../../src-main/jobs/masks.ts';
import { importTruth } from '../../src-main/workspace/truth-file.ts';
import { folderTruth } from '../../src-main/contract/folder-truth.ts';
import { truthOf } from '../../src-main/workspace/truth.ts';
import { temporaryFolder } from '../fixtures/images.ts';
import { sampleOf } from '../fixtures/samples.ts';

describe('names of folders', () => {
  const of = (...paths: string[]) => {
    const verdict = folderTruth(paths);
    return paths.map((path) => {
      const found = verdict(path);
      return found && (found.isAnomalous ? found.type : 'normal');
    });
  };
  test.each([
    ['as in MVTec AD', ['train/good/1.png', 'test/good/1.png', 'test/scratch/1.png'], ['normal', 'normal', 'scratch']],
    [
      'several sets',
      ['cap/test/ok/1.png', 'cap/test/dent/1.png', 'nut/train/Good/1.png'],
      ['normal', 'dent', 'normal'],
    ],
    ['normal images only in train', ['train/good/1.png', 'test/crack/1.png', 'test/1.png'], ['normal', 'crack', null]],
    ['two folders', ['normal/1.png', 'broken/1.png', 'broken/deep/2.png'], ['normal', 'broken', 'broken']],
    ['folders that only divide', ['good/1.png', 'train/1.png', 'masks/1.png', '1.png'], ['normal', null, null, null]],
    ['classes without a normal one are not guessed', ['test/cat/1.png', 'test/dog/1.png'], [null, null]],
  ])('%s', (_, paths, expected) => expect(of(...paths)).toEqual(expected));
});

describe('precedence', () => {
  const samples = [
    sampleOf(1, 'test/good/1.png'),
    sampleOf(2, 'test/good/2.png', { tags: ['anomalous'] }),
    sampleOf(3, 'test/hole/3.png'),
    sampleOf(4, 'test/hole/4.png', { tags: ['anomalous', 'normal'] }),
    sampleOf(5, 'test/hole/5.png'),
    sampleOf(6, 'other/6.png'),
  ];
  test('a tag comes before a mask, a mask before the folder; contradictory tags are reported', () => {
    const { verdicts, source, contradictory } = truthOf(
      samples,
      null,
      new Map([
        [2, false],
        [5, false],
      ]),
    );
    expect(source).toBe('tags+masks+folders');
    expect(Object.fromEntries(verdicts)).toEqual({
      1: { isAnomalous: false, type: null },
      2: { isAnomalous: true, type: null },
      3: { isAnomalous: true, type: 'hole' },
      5: { isAnomalous: false, type: null },
    });
    expect(contradictory).toEqual(['test/hole/4.png']);
  });
  test('a table replaces all other sources; a defect without a name has that of its folder', () => {
    const table = new Map([
      [1, { isAnomalous: true, type: 'dirt' }],
      [3, { isAnomalous: true, type: null }],
    ]);
    const { verdicts, source } = truthOf(samples, table, new Map([[3, false]]));
    expect(source).toBe('file');
    expect([...verdicts]).toEqual([
      [1, { isAnomalous: true, type: 'dirt' }],
      [3, { isAnomalous: true, type: 'hole' }],
    ]);
  });
});

describe('masks', () => {
  const images = ['test/good/001.png', 'test/hole/001.png', 'test/hole/002.jpg', 'test/cut/001.png', 'only.webp'].map(
    (path, id) => ({ id, path }),
  );
  const match = (...paths: string[]) => {
    const { files, unmatched } = matchMasks(
      images,
      paths.map((path) => ({ path })),
    );
    return {
      files: Object.fromEntries([...files].map(([id, list]) => [images[id].path, list.map(({ path }) => path)])),
      unmatched,
    };
  };
  test('belong to the image of the same name in the folder of the same name', () => {
    expect(match('ground_truth/hole/001_mask.png', 'hole/002.png', 'cut/001-gt.png')).toEqual({
      files: {
        'test/hole/001.png': ['ground_truth/hole/001_mask.png'],
        'test/hole/002.jpg': ['hole/002.png'],
        'test/cut/001.png': ['cut/001-gt.png'],
      },
      unmatched: [],
    });
  });
  test('several masks of one image are in a folder of its name', () =>
    expect(match('hole/001/0.png', 'hole/001/1.png').files).toEqual({
      'test/hole/001.png': ['hole/001/0.png', 'hole/001/1.png'],
    }));
  test('without folders, a unique name decides; an ambiguous one, or one of another folder, does not', () => {
    expect(match('only.png', '001_mask.png', 'good/only.png')).toEqual({
      files: { 'only.webp': ['only.png'] },
      unmatched: ['001_mask.png', 'good/only.png'],
    });
  });
});

describe('tables', () => {
  const samples = ['test/good/1.png', 'test/good/2.png', 'test/bad/3.png', 'test/bad/4.png'].map((path, i) =>
    sampleOf(i + 1, path),
  );
  const read = async (content: string) => {
    const file = join(temporaryFolder('truth'), 'truth.csv');
    writeFileSync(file, content);
    const { verdicts, ...counts } = await importTruth(file, samples);
    return {
      ...counts,
      truth: Object.fromEntries(
        verdicts.map(([id, { isAnomalous, type }]) => [id, isAnomalous ? (type ?? true) : false]),
      ),
    };
  };
  test.each([
    ['0 and 1', 'path,is_anomaly\ntest/good/1.png,0\ntest/bad/3.png,1\n', { 1: false, 3: true }],
    [
      'words',
      'file;label\n1.png;Good\n2.png;OK\n3.png;normal\n4.png;scratch\n',
      { 1: false, 2: false, 3: false, 4: 'scratch' },
    ],
    [
      'a flag and a class',
      'path\tclass\tis_anomaly\ntest/good/1.png\tgood\t0\ntest/bad/3.png\tdent\t1\n',
      { 1: false, 3: 'dent' },
    ],
    ['an empty cell is unknown', 'path,anomaly\ntest/good/1.png,\ntest/bad/3.png,yes\n', { 3: true }],
    [
      'the manifest of a set, with absolute paths',
      'path,label\n/data/set/test/good/1.png,0\n/data/set/test/bad/4.png,1\n',
      { 1: false, 4: true },
    ],
  ])('%s', async (_, content, truth) => expect((await read(content)).truth).toEqual(truth));

  test('rows of other images are counted', async () =>
    expect(await read('path,label\ntest/good/1.png,ok\nelsewhere/9.png,ok\n')).toMatchObject({
      rows: 2,
      unmatched: 1,
      example: 'elsewhere/9.png',
    }));
  test.each([
    [
      'a number that is neither',
      'path,is_anomaly\ntest/good/1.png,0\ntest/bad/3.png,0.7\n',
      /Line 3.*‘0.7’ is neither 0 \(normal\) nor 1/,
    ],
    ['a class number', 'path,label\ntest/good/1.png,4\n', /Line 2.*label 4 is neither/],
    ['no truth', 'path,note\ntest/good/1.png,hello\n', /Line 2.*Name a column is_anomaly/],
    ['no paths', 'name,label\nx,good\n', /no column with image paths/],
    [
      'a contradiction',
      'path,label\ntest/bad/3.png,0\ntest/bad/3.png,1\n',
      /Line 3 of truth.csv contradicts line 2.*test\/bad\/3.png/,
    ],
    ['another folder', 'path,label\nx/9.png,0\n', /No row of truth.csv matches/],
  ])('%s is refused with line and reason', async (_, content, message) =>
    expect(read(content)).rejects.toMatchObject({ code: 'bad-request', message: expect.stringMatching(message) }),
  );
});

describe('images that the run was trained on', () => {
  const judged = (path: string, score: number, isAnomalous: boolean) => ({
    sample: sampleOf(score, path),
    score,
    verdict: { isAnomalous, type: null },
  });
  const good = Array.from({ length: 8 }, (_, i) => judged(`good/${i}.png`, i, false));
  const bad = [judged('bad/1.png', 20, true), judged('bad/2.png', 30, true)];
  const isTrained = ({ path }: { path: string }) => path.startsWith('good/');
  const judge = (trainOn: string | null, normals: number[], known = [...good, ...bad]) => {
    const notes: string[] = [];
    const scores = withoutTrained({ id: 'pca-1', trainOn, normals }, known, isTrained, notes).map(({ score }) => score);
    return { scores, notes };
  };
  test('are left out if there are others of their class', () => {
    const other = judged('more/1.png', 9, false);
    expect(judge('good/**', [0, 1, 2, 3, 4, 5], [...good, ...bad, other])).toEqual({ scores: [9, 20, 30], notes: [] });
  });
  test('are judged by the scores that held-out ones got as unseen images', () => {
    const { scores, notes } = judge('good/**', [1, 2, 3, 5, 7]);
    expect(scores).toEqual([1, 2, 3, 5, 7, 20, 30]);
    expect(notes).toEqual([
      'pca-1 was trained on all normal images. 5 of them are evaluated, with the scores that it gave them as unseen images.',
    ]);
  });
  test.each([
    ['too few were held out', 'good/**', [1, 2]],
    ['nobody declared them to be normal', null, [0, 1, 2, 3, 4, 5, 6, 7]],
  ])('are all judged, with a warning, if %s', (_, trainOn, normals) => {
    const { scores, notes } = judge(trainOn, normals);
    expect(scores).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 20, 30]);
    expect(notes.join()).toContain('Evaluated on the images it was trained on: pca-1 was trained on all normal images');
  });
});
