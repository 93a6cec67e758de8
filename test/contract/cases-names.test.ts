/** Inputs that once went wrong: which folders are classes, and names that are written in several ways or not in UTF-8. */
import { cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ClassChoice } from '../../src-main/contract/folder-classes.ts';
import type { LeftOutFolders } from '../../src-main/contract/left-out.ts';
import { type Case, caseInput, caseTest, hasCases, untried } from '../fixtures/cases.ts';
import { winnow, winnowJson } from '../fixtures/command.ts';
import { blob, folderOf, temporaryFolder } from '../fixtures/images.ts';

interface Scanned {
  samples: { path: string; class: string | null; decision: string | null }[];
  issues: { path: string; code: string; message: string }[];
  classes: ClassChoice;
  leftOut: LeftOutFolders;
}

/** A copy of a case with its own data folder. */
const caseOf = (number: Case<'names'>) => opened(caseInput('names', number));

function opened(folder: string) {
  const env = { WINNOW_DATA: temporaryFolder('data') };
  return {
    folder,
    run: (command: string, ...args: string[]) => winnow([command, folder, ...args], env),
    json: <Result = Scanned>(command: string, ...args: string[]) => winnowJson<Result>([command, folder, ...args], env),
  };
}

const classesOf = ({ samples }: Pick<Scanned, 'samples'>) =>
  Object.fromEntries(samples.map((one) => [one.path, one.class]));
const filesIn = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();

caseTest('hidden and system folders are left out and told; the opened folder may be hidden itself', async () => {
  const { folder, json, run } = caseOf('27');
  for (const name of ['.git', '@eaDir', 'dog/.cache']) {
    mkdirSync(join(folder, name));
    cpSync(join(folder, 'cat/0.png'), join(folder, name, 'a.png'));
  }
  const { err } = await run('scan');
  expect(err).toContain(
    '4 image files, 4 read; 6 hidden or system folders left out: .git, .ipynb_checkpoints, .thumbnails, @eaDir, cat/.ipynb_checkpoints, ….',
  );
  const scanned = await json('scan');
  expect(classesOf(scanned)).toEqual({
    'cat/0.png': 'cat',
    'cat/1.png': 'cat',
    'dog/0.png': 'dog',
    'dog/1.png': 'dog',
  });
  expect(scanned.issues).toEqual([]);
  expect(scanned.leftOut).toEqual({
    count: 6,
    paths: ['.git', '.ipynb_checkpoints', '.thumbnails', '@eaDir', 'cat/.ipynb_checkpoints'],
  });
  const hidden = await opened(join(folder, '.git')).json('scan');
  expect(classesOf(hidden)).toEqual({ 'a.png': null });
});

caseTest('train and test without class folders are parts of the set: no image has a class', async () => {
  const { json, run } = caseOf('29');
  const { samples, classes } = await json('scan');
  expect(samples.every((sample) => sample.class === null)).toBe(true);
  expect(samples).toHaveLength(10);
  expect(classes).toMatchObject({ ambiguous: false });
  expect(classes.reason).toBe('No image has a class by its folder: ‘test’ and ‘train’ are parts of the set.');
  const { samples: val } = await json('show', '--where', "split = 'train'");
  expect(val.map(({ path }) => path)).toHaveLength(6);
  const trained = await run('train', '--model', 'mlp', '--epochs', '1');
  expect(trained.code).toBe(2);
  expect(trained.err).toContain('No image has a class yet.');
  const to = join(temporaryFolder('out'), 'yolo');
  const exported = await run('export', '--to', to, '--format', 'yolo');
  expect(exported.code).toBe(0);
  expect(exported.err).toContain('No image has a class: all are in ‘unlabelled’, outside of the splits.');
  expect(
    filesIn(to)
      .filter((path) => path.endsWith('.jpg'))
      .every((path) => path.startsWith('unlabelled/')),
  ).toBe(true);
});

caseTest('a class named train stays a class, in an export with splits and in a scan of that export', async () => {
  const { json } = caseOf('31');
  const scanned = await json('scan');
  expect(scanned.samples.every((sample) => sample.class === sample.path.split('/')[0])).toBe(true);
  expect(scanned.classes).toMatchObject({ ambiguous: true, nested: false });
  const to = join(temporaryFolder('out'), 'set');
  const { warnings } = await json<{ warnings: string[] }>('export', '--to', to, '--split', '0.5,0.25,0.25');
  expect(warnings).toEqual([]);
  const images = filesIn(to).filter((path) => path.endsWith('.png'));
  expect(images).toHaveLength(12);
  expect(images.every((path) => /^(train|val|test)\/(bus|car|train)\/\d\.png$/.test(path))).toBe(true);
  expect(images.filter((path) => path.startsWith('train/train/'))).toHaveLength(2);
  const again = await opened(to).json('scan');
  expect(again.samples.every((sample) => sample.class === sample.path.split('/')[1])).toBe(true);
});

caseTest('names in NFD are found by names typed in NFC, and the other way round', async () => {
  const { json, run } = caseOf('32');
  const names = (await json('scan')).samples.map(({ path }) => path);
  const decomposed = names.filter((path) => path.includes('u\u0308'));
  expect(decomposed).toHaveLength(2);
  const listed = async (...args: string[]) => (await json('show', ...args)).samples.map(({ path }) => path);
  expect(await listed('--where', "class = 'M\u00fcller'")).toEqual(decomposed);
  expect(await listed('--where', "class = 'Mu\u0308ller' and path like 'train/M\u00fc*/**'")).toEqual(decomposed);
  const decided = await json('decide', 'train/M\u00fcller/**', '--reject');
  expect(decided.samples.filter(({ decision }) => decision === 'reject').map(({ path }) => path)).toEqual(decomposed);
  const one = await json<{ changed: number }>('decide', 'train/M\u00fcller/\u00e91.png', '--keep');
  expect(one.changed).toBe(1);
  const ranked = await json<{ run: { trained: number } }>(
    ...(['rank', '--method', 'pca', '--size', '32', '--train-on', 'train/M\u00fcller/**'] as const),
  );
  expect(ranked.run.trained).toBe(2);
  await json('label', 'train/Zoe/x.png', '--as', 'Mu\u0308ller');
  expect(await listed('--where', "class = 'M\u00fcller'")).toHaveLength(3);
  expect((await run('train', '--model', 'mlp', '--epochs', '1')).err).toContain('All images are of one class.');
});

test('marks of a table reach images whose names are written in another form; twins in one folder stay two', async () => {
  const { folder, json } = opened(
    folderOf({ 'a/Mu\u0308ll.png': await blob(1), 'b/\u00e9.png': await blob(2), 'b/e\u0301.png': await blob(3) }),
  );
  const isTwo = readdirSync(join(folder, 'b')).length === 2; // not on a disk that takes both for one
  writeFileSync(join(folder, '..', 'marks.csv'), 'path,decision\na/M\u00fcll.png,reject\nb/\u00e9.png,keep\n');
  await json('scan');
  const { samples } = await json('import', join(folder, '..', 'marks.csv'));
  const decisions = Object.fromEntries(samples.map(({ path, decision }) => [path, decision]));
  expect(decisions).toMatchObject({
    'a/Mu\u0308ll.png': 'reject',
    ...(isTwo ? { 'b/\u00e9.png': 'keep', 'b/e\u0301.png': null } : {}),
  });
});

test('a folder, a workspace and a table are found by names in another form; of twins, both are named', async () => {
  const at = temporaryFolder('forms');
  const [nfd, composed] = ['Mu\u0308ller', 'M\u00fcller'];
  const folder = join(at, nfd, 'photos');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'a.png'), await blob(1));
  writeFileSync(join(at, nfd, 'Entschei\u0301d.csv'), 'path,decision\na.png,reject\n');
  mkdirSync(join(at, 'Ra\u0308ume'));
  const env = { WINNOW_DATA: temporaryFolder('data') };
  const workspace = join(at, 'R\u00e4ume');
  const typed = join(at, composed, 'photos');
  const scanned = await winnowJson<Scanned & { folder: string }>(['scan', typed, '--workspace', workspace], env);
  expect(scanned).toMatchObject({ folder, samples: [{ path: 'a.png' }] });
  const table = join(at, composed, 'Entsch\u0065i\u0301d.csv'.normalize('NFC'));
  const marked = await winnowJson<Scanned>(['import', typed, table, '--workspace', workspace], env);
  expect(marked.samples).toMatchObject([{ path: 'a.png', decision: 'reject' }]);
  const browsed = await winnowJson<Scanned>(['show', folder, '--workspace', join(at, 'Ra\u0308ume')], env);
  expect(browsed.samples).toMatchObject([{ decision: 'reject' }]);
  expect(readdirSync(at).toSorted()).toEqual([nfd, 'Ra\u0308ume'].toSorted());

  for (const name of ['\u1ead', 'a\u0323\u0302']) mkdirSync(join(at, name), { recursive: true });
  if (readdirSync(at).length < 4) return; // a disk that takes both for one
  const { code, err } = await winnow(['scan', join(at, '\u00e2\u0323')], env);
  expect([code, err]).toEqual([1, expect.stringContaining('‘a\u0323\u0302’ (decomposed) and ‘\u1ead’ (composed)')]);
  expect((await winnow(['scan', join(at, 'M\u00fcll')], env)).err).toContain(
    `There is no folder ${join(at, 'M\u00fcll')}.`,
  );
});

test('a file of weights is found by its name in another form', async () => {
  const { run, folder } = opened(
    folderOf({
      'a/1.png': await blob(1),
      'a/2.png': await blob(2),
      'b/3.png': await blob(3),
      'b/4.png': await blob(4),
    }),
  );
  writeFileSync(join(folder, '..', 'Mu\u0308ller.safetensors'), 'x');
  const typed = join(folder, '..', 'M\u00fcller.safetensors');
  for (const job of ['train', 'search']) {
    const { err, out } = await run(job, '--mode', 'scratch', '--model', 'resnet', '--weights', typed, '--seed', '1');
    expect(err + out, job).toContain('Mu\u0308ller.safetensors is not a complete safetensors file');
  }
});

test('bytes that are not UTF-8 are refused with their line, also from standard input', async () => {
  const { json, run, folder } = opened(folderOf({ 'caf\u00e9.png': await blob(1) }));
  await json('scan');
  const latin = Buffer.from('path,label\nother.png,cat\ncaf\u00e9.png,cat\n', 'latin1');
  const file = join(temporaryFolder('tables'), 'latin.csv');
  writeFileSync(file, latin);
  expect((await run('import', file)).err).toContain('Line 3 of latin.csv is not UTF-8.');
  const env = { WINNOW_DATA: temporaryFolder('data') };
  const piped = await winnow(['import', folder, '-'], env, latin);
  expect(piped.err).toContain('Line 3 of standard input is not UTF-8.');
  expect(piped.code).toBe(2);
  const listed = await winnow(['decide', folder, '--reject', '--from', '-'], env, latin);
  expect(listed.err).toContain('Line 3 of standard input is not UTF-8.');
});

test('classes in classes: told, chosen, remembered, undone', async () => {
  const { json, run } = opened(folderOf({ 'apple/ripe/0.png': await blob(1), 'pear/ripe/0.png': await blob(2) }));
  const { err } = await run('scan');
  expect(err).toContain(
    '2 classes. Folders lie in each other: the first is the class (apple, not ripe or apple/ripe). To choose otherwise: scan --classes last (1 class), path (2 classes), none (0 classes).',
  );
  const path = await json('scan', '--classes', 'path');
  expect(classesOf(path)).toEqual({ 'apple/ripe/0.png': 'apple/ripe', 'pear/ripe/0.png': 'pear/ripe' });
  expect(path.classes).toMatchObject({
    setting: 'path',
    by: 'path',
    reason: 'All folders together are the class, as chosen.',
  });
  expect(classesOf(await json('scan'))).toEqual(classesOf(path));
  const { entries } = await json<{ entries: { command: string; title: string }[] }>('history');
  expect(entries[0]).toMatchObject({
    title: 'take classes from all folders together',
    command: expect.stringMatching(/^scan .* --classes path$/) as string,
  });
  expect(classesOf(await json('undo'))).toEqual({ 'apple/ripe/0.png': 'apple', 'pear/ripe/0.png': 'pear' });
  expect((await run('scan', '--classes', 'deep')).code).toBe(2);
});

test('an export says which labels it does not use, and which splits are empty', async () => {
  const { json } = opened(
    folderOf({ 'cat/0.png': await blob(1), 'cat/1.png': await blob(2), 'dog/0.png': await blob(3) }),
  );
  await json('scan');
  await json('label', 'cat/1.png', '--as', 'dog');
  const plan = async (...args: string[]) =>
    (await json<{ warnings: string[] }>('export', '--to', join(temporaryFolder('out'), 'set'), '--dry-run', ...args))
      .warnings;
  expect(await plan()).toEqual([
    '1 corrected label is not used by this format, which keeps the folders as they are: choose ‘yolo’, ‘coco’, ‘csv’ or ‘jsonl’. Only the manifest lists it.',
  ]);
  expect(await plan('--format', 'yolo')).toEqual([
    'No image is in val or test: no division was asked for. To divide them, ask for a split, such as 0.8,0.1,0.1.',
  ]);
  expect(await plan('--format', 'yolo', '--split', '0.9,0.05,0.05')).toEqual(
    ['val', 'test'].map((split) => `No image is in ${split}: there are too few for its fraction.`),
  );
});

test('a training says what its division warns of', async () => {
  const files = Object.fromEntries(
    await Promise.all(
      ['cat', 'dog'].flatMap((name, k) =>
        [0, 1].map(async (i) => [`${name}/${i}.png`, await blob(10 * k + i)] as const),
      ),
    ),
  );
  const { run } = await opened(folderOf(files)).json<{ run: { notes: string[] } }>(
    'train',
    '--model',
    'mlp',
    '--epochs',
    '1',
  );
  expect(run.notes).toContain('cat, dog have fewer than five images to train on.');
});

test.runIf(process.platform === 'linux' && hasCases)(
  'each file and folder whose name is not UTF-8 is read, or told with that reason',
  async () => {
    const { json } = caseOf('34');
    const { samples, issues } = await json('scan');
    expect(samples.map(({ path }) => path)).toContain('ok.png');
    const told = [...samples, ...issues].filter(({ path }) => path.includes('\ufffd')).map(({ path }) => path);
    expect(new Set(told).size).toBe(told.length);
    expect(told).toHaveLength(3);
    for (const { message } of issues) expect(message).toMatch(/name is not valid UTF-8/);
    expect(issues.map(({ message }) => message)).toContain(
      'The folder’s name is not valid UTF-8. Rename it to include its 1 file.',
    );
  },
);

test.runIf(process.platform === 'linux' && hasCases)('each case of this topic is tried', () => {
  expect(untried('names')).toEqual([]);
});
