/** Which folders are classes, which are parts of the set: a table of folders with images, and the class and split of each. */
import { describe, expect, test } from 'vitest';
import { classRules, folderClasses, splitNamed, type ClassRule } from '../../src-main/contract/folder-classes.ts';
import { isHiddenFolder, isInHiddenFolder, leftOutText } from '../../src-main/contract/left-out.ts';

/** Folders with one image each → `class` or `class @ split`; `-` without a class. */
function read(folders: string, setting: ClassRule = 'auto') {
  const paths = folders.split(' ').map((folder) => (folder === '.' ? '0.png' : `${folder}/0.png`));
  const { of, choice } = folderClasses(paths, setting);
  const places = paths.map((path) => of(path)!);
  return {
    text: places.map((place) => `${place.class ?? '-'}${place.split ? `@${place.split}` : ''}`).join(' '),
    choice,
  };
}

const cases: [what: string, folders: string, expected: string, isAmbiguous?: true][] = [
  ['no folder', '.', '-'],
  ['class folders', 'cat dog', 'cat dog'],
  ['images beside class folders', '. cat dog', '- cat dog'],
  ['splits alone', 'train test', '-@train -@test'],
  ['one split alone', 'train', '-@train'],
  ['other names of splits', 'Training Valid TESTING dev', '-@train -@val -@test -@val'],
  ['splits of COCO', 'train2017 val2017', '-@train -@val'],
  ['splits with classes', 'train/cat train/dog val/cat test/dog', 'cat@train dog@train cat@val dog@test'],
  ['a class named train', 'bus car train', 'bus car train', true],
  [
    'classes named train and test inside of splits',
    'train/bus train/train val/bus val/train test/train',
    'bus@train train@train bus@val train@val train@test',
  ],
  [
    'only the class named train is left in a split',
    'train/bus train/train test/train',
    'bus@train train@train train@test',
  ],
  ['a test folder beside classes', 'cat dog test', 'cat dog test', true],
  ['two splits beside a part that has no split’s name', 'train/cat test/cat extra/cat', 'cat@train cat@test cat', true],
  ['a split and one other part', 'train/cat train/dog holdout/cat', 'cat@train dog@train cat', true],
  ['classes with the same views', 'bus/front car/front train/front', 'bus car train', true],
  ['splits inside of classes', 'cat/train cat/test dog/train', 'cat@train cat@test dog@train'],
  [
    'splits inside of a class named train',
    'bus/train bus/val train/train train/val',
    'bus@train bus@val train@train train@val',
    true,
  ],
  ['MVTec AD', 'train/good test/good test/scratch ground_truth/scratch', 'good@train good@test scratch@test -'],
  ['a wrapped MVTec AD', 'bottle/train/good bottle/test/broken bottle/ground_truth/broken', 'good@train broken@test -'],
  ['YOLO, images first', 'images/train images/val labels/train', '-@train -@val -@train'],
  ['YOLO, splits first', 'train/images valid/images train/labels', '-@train -@val -@train'],
  ['images in each class', 'train/n01/images train/n02/images val/images', 'n01@train n02@train -@val'],
  ['images beside classes', 'images bus', 'images bus'],
  ['masks beside classes', 'cat dog masks', 'cat dog masks'],
  ['masks beside images', 'images masks', '- -'],
  ['an export for YOLO classification', 'train/cat val/cat unlabelled', 'cat@train cat@val -'],
  ['unlabelled beside classes', 'cat dog unlabeled', 'cat dog -'],
  ['nested classes', 'apple/ripe pear/ripe', 'apple pear', true],
  [
    'nested classes in splits',
    'train/apple/ripe test/apple/ripe test/pear/ripe',
    'apple@train apple@test pear@test',
    true,
  ],
  ['images beside nested folders', 'cat cat/extra dog', 'cat cat dog', true],
  ['a wrapper', 'photos/cat photos/dog', 'cat dog'],
  ['two wrappers', 'a/b/cat a/b/dog', 'cat dog'],
  ['a wrapper around splits', 'set/train/cat set/test/dog', 'cat@train dog@test'],
  ['a wrapper with an image beside', '. photos/cat photos/dog', '- cat dog'],
  [
    'unpacked into a folder of its own name',
    'training_set/training_set/cat test_set/test_set/dog',
    'cat@train dog@test',
  ],
  ['names in two forms of Unicode', 'train/Mu\u0308ller test/M\u00fcller', 'M\u00fcller@train M\u00fcller@test'],
  ['names that differ in case stay two', 'Cat cat', 'Cat cat'],
  ['a name of an object’s member', 'constructor __proto__', 'constructor __proto__'],
];

describe('folders', () => {
  test.each(cases)('%s: %s', (_what, folders, expected, isAmbiguous) => {
    const { text, choice } = read(folders);
    expect(text).toBe(expected);
    expect(choice.ambiguous).toBe(isAmbiguous ?? false);
    expect(choice.reason).toMatch(/^[A-Z].*\.$/s);
  });

  test('the order of the paths does not matter', () => {
    for (const [, folders] of cases) {
      const places = (list: string[]) =>
        new Map(list.map((path) => [path, read(list.join(' ')).text.split(' ')[list.indexOf(path)]]));
      const list = folders.split(' ');
      expect([...places(list.toReversed())].sort()).toEqual([...places(list)].sort());
    }
  });

  test('a person chooses the rule', () => {
    const folders = 'train/apple/ripe test/pear/ripe';
    expect(Object.fromEntries(classRules.map((rule) => [rule, read(folders, rule).text]))).toEqual({
      auto: 'apple@train pear@test',
      first: 'apple@train pear@test',
      last: 'ripe@train ripe@test',
      path: 'apple/ripe@train pear/ripe@test',
      none: '-@train -@test',
    });
    expect(read(folders).choice).toMatchObject({
      setting: 'auto',
      by: 'first',
      counts: { first: 2, last: 1, path: 2, none: 0 },
      reason: 'Folders lie in each other: the first is the class (pear, not ripe or pear/ripe).',
    });
    expect(read(folders, 'last').choice.reason).toBe('The last folder is the class, as chosen.');
  });

  test('the reason names the folders', () => {
    expect(read('train test').choice.reason).toBe(
      'No image has a class by its folder: ‘test’ and ‘train’ are parts of the set.',
    );
    expect(read('bus car train').choice.reason).toBe(
      'Each folder is a class; ‘train’ is a class and no part of the set, since ‘bus’ and ‘car’ lie beside.',
    );
    expect(read('train/cat').choice.reason).toBe('Each folder inside of ‘train’ is a class.');
  });

  test('an unknown folder has no place', () => {
    expect(folderClasses(['cat/0.png'], 'auto').of('dog/0.png')).toBeUndefined();
    expect(folderClasses(['cat/0.png'], 'auto').of('cat/1.png')).toEqual({ class: 'cat', split: null });
  });

  test('100,000 images in 1,000 folders take less than a second', () => {
    const paths = Array.from({ length: 100_000 }, (_, i) => `train/class ${i % 1000}/é${i}.png`);
    const from = performance.now();
    expect(folderClasses(paths, 'auto').choice.counts.first).toBe(1000);
    expect(performance.now() - from).toBeLessThan(1000);
  });
});

test.each([
  ['train', 'train'],
  ['Validation', 'val'],
  ['test_set', 'test'],
  ['trainset', 'train'],
  ['val-images', 'val'],
  ['test2017', 'test'],
  ['training data', 'train'],
  ['trains', null],
  ['tester', null],
  ['dataset', null],
  ['2017', null],
  ['constructor', null],
])('the split that ‘%s’ names: %s', (name, split) => expect(splitNamed(name)).toBe(split));

test('hidden and system folders', () => {
  for (const name of [
    '.git',
    '.ipynb_checkpoints',
    '.Trash-1000',
    '@eaDir',
    '#recycle',
    '$RECYCLE.BIN',
    'System Volume Information',
    '__MACOSX',
    'lost+found',
  ])
    expect(isHiddenFolder(name), name).toBe(true);
  for (const name of ['cat', 'git', 'a.b', '_', '#1', '@home', 'recycle'])
    expect(isHiddenFolder(name), name).toBe(false);
  expect(isInHiddenFolder('cat/.git/0.png')).toBe(true);
  expect(isInHiddenFolder('cat/.0.png')).toBe(false);
  expect(leftOutText({ count: 0, paths: [] })).toBeNull();
  expect(leftOutText({ count: 1, paths: ['.git'] })).toBe('1 hidden or system folder left out: .git');
  expect(leftOutText({ count: 7, paths: ['.git', 'a/.x'] })).toBe('7 hidden or system folders left out: .git, a/.x, …');
});
