/** `runs --compare` and the command that repeats a run: real trainings and rankings, and figures that are computed here again from their predictions. */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunComparison } from '../../src-main/contract/run-comparison.ts';
import { holdOpen, shellWords, winnow, winnowJson, type RankJson } from '../fixtures/command.ts';
import { blob, copyDigits, folderOf, temporaryFolder } from '../fixtures/images.ts';

interface TrainJson {
  samples: { path: string; split: string; label: string; predicted: string; probabilities: Record<string, number> }[];
  run: { id: string; metrics: Record<string, number> };
}
interface CompareJson extends Omit<RunComparison, 'changed'> {
  schema: string;
  changed: { gained: string[]; lost: string[] } | null;
}
interface RunsJson {
  runs: { id: string; command: string | null }[];
}

const data = { WINNOW_DATA: temporaryFolder('data') };
const classes = ['0', '3', '7'];
const small = ['--model', 'cnn', '--size', '32', '--width', '4', '--depth', '2', '--dense', '8', '--policy', 'none'];
let folder: string;
let closeEngine: () => Promise<void>;
beforeAll(async () => {
  folder = temporaryFolder('digits');
  copyDigits(folder, classes, 24);
  closeEngine = await holdOpen(folder, data);
});
afterAll(() => closeEngine());

const train = (...args: string[]) => winnowJson<TrainJson>(['train', folder, ...small, ...args], data);
const compare = (a: string, b: string, at = folder) => winnowJson<CompareJson>(['runs', at, '--compare', a, b], data);

async function again<Result>(id: string, at = folder): Promise<Result> {
  const { runs } = await winnowJson<RunsJson>(['runs', at], data);
  return winnowJson<Result>(shellWords(runs.find((run) => run.id === id)!.command as string), data);
}

/** Balanced accuracy and macro F1 over the classes that occur, by counting. */
function counted(rows: readonly { label: string; predicted: string }[]) {
  const present = classes.filter((name) => rows.some(({ label }) => label === name));
  const per = present.map((name) => {
    const right = rows.filter(({ label, predicted }) => label === name && predicted === name).length;
    const [given, said] = [
      rows.filter(({ label }) => label === name).length,
      rows.filter(({ predicted }) => predicted === name).length,
    ];
    return { recall: right / given, f1: (2 * right) / (given + said) };
  });
  const mean = (of: (one: (typeof per)[number]) => number) => per.reduce((sum, one) => sum + of(one), 0) / per.length;
  return { balancedAccuracy: mean(({ recall }) => recall), macroF1: mean(({ f1 }) => f1) };
}

test('classifiers are compared on the images that both held out, with labels as of now', async () => {
  const a = await train('--epochs', '1', '--split', '50,10,40');
  const b = await train('--epochs', '12', '--split', '50,10,40', '--learning-rate', '0.005', '--split-seed', '2');
  const inB = new Map(b.samples.map((one) => [one.path, one]));
  const both = a.samples.filter(({ path, split }) => split === 'test' && inB.get(path)?.split === 'test');
  expect(both.length).toBeGreaterThan(5);
  // One label changes, one image is rejected, one file changes: the first counts as of now, the others are left out.
  const [relabelled, rejected, edited] = both.map(({ path }) => path);
  const other = classes.find((name) => !relabelled.startsWith(name)) as string;
  await winnow(['label', folder, relabelled, '--as', other], data);
  await winnow(['decide', folder, rejected, '--reject'], data);
  appendFileSync(join(folder, edited), ' ');
  await winnow(['scan', folder], data);

  const found = await compare('cnn-1', 'cnn-2');
  const rows = both
    .filter(({ path }) => path !== rejected && path !== edited)
    .map((one) => ({ ...one, label: one.path === relabelled ? other : one.label }));
  const rowsB = rows.map(({ path, label }) => ({ ...inB.get(path)!, label }));
  expect(found).toMatchObject({ schema: 'winnow/compare@1', a: 'cnn-1', b: 'cnn-2', images: rows.length });
  expect(found.parameters).toEqual([
    { name: 'division.seed', a: 1, b: 2 },
    { name: 'epochs', a: 1, b: 12 },
    { name: 'learningRate', a: 0.002, b: 0.005 },
  ]);
  const isRight = ({ label, predicted }: { label: string; predicted: string }) => label === predicted;
  const pathsOf = (indices: number[]) => indices.map((i) => rows[i].path).sort();
  const at = [...rows.keys()];
  const gained = pathsOf(at.filter((i) => isRight(rowsB[i]) && !isRight(rows[i])));
  const lost = pathsOf(at.filter((i) => isRight(rows[i]) && !isRight(rowsB[i])));
  expect(found.changed).toEqual({ gained, lost });
  const [accuracy, balanced, f1, loss] = found.figures;
  expect(accuracy.b).toBeCloseTo(rowsB.filter(isRight).length / rows.length, 12);
  expect(accuracy.difference).toBeCloseTo((gained.length - lost.length) / rows.length, 12);
  expect(accuracy.low).toBeLessThanOrEqual(accuracy.difference);
  expect(accuracy.high).toBeGreaterThanOrEqual(accuracy.difference);
  expect(balanced.a).toBeCloseTo(counted(rows).balancedAccuracy, 12);
  expect(f1.b).toBeCloseTo(counted(rowsB).macroF1, 12);
  const mean = rows.reduce((sum, { label, probabilities }) => sum - Math.log(probabilities[label]), 0) / rows.length;
  expect(loss.a).toBeCloseTo(mean, 5);
  expect(found.confusion!.classes).toEqual(classes);
  expect(found.confusion!.a[classes.indexOf(other)].reduce((sum, count) => sum + count)).toBe(
    rows.filter(({ label }) => label === other).length,
  );
  expect(found.notes).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/were not trained on the same images, classes and splits/),
      expect.stringMatching(/^2 of the \d+ images that cnn-1 held out left out: changed, gone, rejected/),
      expect.stringMatching(/^\d+ images left out: only one of the two held them out\.$/),
    ]),
  );
  expect(found.verdict).toMatch(/cnn-\d .* on \d+ images: (more than|not told from) chance \(p [=<]/);
  const printed = await winnow(['runs', folder, '--compare', 'cnn-1', 'cnn-2'], data);
  expect(printed.out).toContain('learningRate   0.002  0.005\n');
  expect(printed.out.trimEnd().split('\n').at(-1)).toBe(found.verdict);
  expect(printed.err).toContain('only one of the two held them out');

  const back = await compare('cnn-2', 'cnn-1');
  expect(back.changed).toEqual({ gained: lost, lost: gained });
  expect(back.figures[0]).toMatchObject({ p: accuracy.p, low: -accuracy.high!, high: -accuracy.low! });
});

test('with folds each image is judged out of fold; without held-out images nothing is judged', async () => {
  const folds = await train('--epochs', '1', '--folds', '2');
  const one = await train('--epochs', '1', '--split', '60,40,0');
  const none = await train('--epochs', '1', '--split', '100,0,0');
  const [a, b, c] = [folds, one, none].map(({ run }) => run.id);
  const found = await compare(a, b);
  expect(found.images).toBe(one.samples.filter(({ split }) => split === 'val').length);
  expect(found.notes.join(' ')).toContain(`${b} has no test split. It is judged by its validation images`);
  const outOfFold = new Map(folds.samples.map(({ path, label, predicted }) => [path, label === predicted]));
  const judged = one.samples.filter(({ split }) => split === 'val');
  expect(found.figures[0].a).toBeCloseTo(judged.filter(({ path }) => outOfFold.get(path)).length / judged.length, 12);
  expect(await compare(a, c)).toMatchObject({
    cannotJudge: true,
    better: null,
    figures: [],
    images: 0,
    verdict: `Cannot be judged: ${c} held no image out.`,
  });
});

test('the command of a classifier makes the same classifier again', async () => {
  const first = await train('--epochs', '2', '--folds', '2', '--seed', '7', '--split-seed', '3', '--dropout', '0.3');
  const repeated = await again<TrainJson>(first.run.id);
  expect(repeated.run.id).not.toBe(first.run.id);
  expect(repeated.run.metrics).toEqual(first.run.metrics);
  expect(repeated.samples).toEqual(first.samples);
  const same = await compare(first.run.id, repeated.run.id);
  expect(same).toMatchObject({ parameters: [], better: null, changed: { gained: [], lost: [] } });
  expect(same.verdict).toMatch(/have the same accuracy \(.* not told from chance/);
});

test('rankings are compared by the images whose truth is known, without those that one was trained on', async () => {
  const files: Record<string, Buffer> = {};
  for (let i = 0; i < 40; i++) {
    const name = i < 16 ? 'train/good' : i < 28 ? 'test/good' : 'test/chequered';
    files[`${name}/${String(i).padStart(2, '0')}.png`] = await blob(i, i >= 28 && i % 3 === 0);
  }
  const images = folderOf(files, 'blobs');
  const rank = (...args: string[]) => winnowJson<RankJson>(['rank', images, '--method', 'pca', ...args], data);
  const a = await rank('--size', '32', '--train-on', 'train/good/**', '--seed', '5');
  await rank('--size', '64', '--train-on', '{train/good,test/good}/1*');
  const found = await compare('pca-1', 'pca-2', images);
  expect(found.parameters.map(({ name }) => name)).toEqual(['seed', 'trainOn', 'sizePx']);
  expect(found.agreement).toMatchObject({ images: 40 });
  const judged = a.samples.filter(({ path }) => path.startsWith('test/') && !path.startsWith('test/good/1'));
  expect(found.images).toBe(judged.length);
  const scores = (isGood: boolean) =>
    judged.filter(({ path }) => path.includes('/good/') === isGood).map(({ score }) => score);
  const pairs = scores(false).flatMap((bad) => scores(true).map((good) => (bad > good ? 1 : bad === good ? 0.5 : 0)));
  const [figure] = found.figures;
  expect(figure).toMatchObject({ name: 'auroc', images: judged.length });
  expect(figure.a).toBeCloseTo(pairs.reduce<number>((sum, one) => sum + one, 0) / pairs.length, 12);
  expect(figure.low).toBeLessThanOrEqual(figure.difference);
  expect(figure.p).toBeGreaterThan(0);
  expect(found.verdict).toContain(' points of AUROC (');

  const repeated = await again<RankJson>('pca-1', images);
  expect(repeated.samples).toEqual(a.samples);
  expect(await compare('pca-1', repeated.run.id, images)).toMatchObject({ parameters: [], better: null });
});

test('without a known truth rankings are only told alike or not; other pairs are refused with the reason', async () => {
  for (const size of ['32', '64'])
    await winnow(['rank', folder, '--method', 'pca', '--size', size, '--train-on', 'all'], data);
  const found = await compare('pca-1', 'pca-2');
  expect(found).toMatchObject({ cannotJudge: true, figures: [], changed: null, agreement: { images: 72 } });
  expect(found.verdict).toMatch(/^Cannot be judged: nothing says which images are normal/);
  expect(found.agreement!.rankCorrelation).toBeGreaterThan(0.5);
  const { id } = (await train('--epochs', '1')).run;
  const refused = async (...pair: string[]) => winnow(['runs', folder, '--compare', ...pair], data);
  expect(await refused('pca-1', id)).toMatchObject({
    code: 2,
    err: expect.stringContaining(`pca-1 is a ranking and ${id} a classifier`),
  });
  expect((await refused(id, id)).err).toContain('cannot be compared with itself');
  expect(await refused(id)).toMatchObject({ code: 2, err: expect.stringContaining('Give two runs') });
  expect(await refused(id, 'cnn-99')).toMatchObject({ code: 1, err: expect.stringContaining('There is no run') });
});
