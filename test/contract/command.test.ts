/** The command line's promise to scripts: JSON, exit codes, silence with --quiet, and no loss after a kill. */
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { scorers } from '../../src-main/compute/anomaly/index.ts';
import { start, untilEpoch, winnow, winnowJson, type RankJson } from '../fixtures/command.ts';
import { blobFolder, temporaryFolder } from '../fixtures/images.ts';

let folder: string;
const data = { WINNOW_DATA: mkdtempSync(join(tmpdir(), 'winnow-data-')) };
beforeAll(async () => {
  folder = await blobFolder();
});

describe('exit codes', () => {
  test.each([
    [2, ['nonsense']],
    [2, ['scan']],
    [2, ['scan', '.', '--nonsense']],
    [1, ['scan', '/nowhere/at/all']],
    [2, ['rank', '.', '--method', 'nonsense']],
    [2, ['rank', '.', '--method', 'pca', '--learning-rate', '0.1']],
    [2, ['rank', '.', '--size', 'big']],
    [2, ['rank', '.', '--size', '63']],
    [2, ['decide', '.', 'a.jpg']],
    [0, ['--help']],
    [0, ['rank', '--help']],
    [0, ['--version']],
  ])('%i for %j', async (code, args) => {
    const ended = await winnow(
      args.map((arg) => (arg === '.' ? folder : arg)),
      data,
    );
    expect(ended.code, ended.err).toBe(code);
    expect(ended.err + ended.out).not.toMatch(/\bat .*:\d+:\d+/); // a message, not a stack trace
  });

  test.each([
    [['search', '--method', 'pca', '--repeat-best', '1000'], '--repeat-best must be at most 20.\n'],
    [['search', '--method', 'pca', '--parallel', '100'], '--parallel must be at most 64.\n'],
    [['watch', '--run', 'pca', '--poll', '0.0001'], '--poll must be at least 0.1.\n'],
  ])('a value that is refused is named by its option: %j', async ([name, ...more], message) => {
    expect(await winnow([name, folder, ...more, '--quiet'], data)).toMatchObject({ code: 2, err: message });
  });
});

test('scan: one object on stdout, progress elsewhere', async () => {
  const { out, err, code } = await winnow(['scan', folder, '--json', '-'], data);
  expect(code).toBe(0);
  const json = JSON.parse(out);
  expect(json).toMatchObject({ schema: 'winnow/scan@1', folder, issues: [] });
  expect(json.groups.filter(({ kind }: { kind: string }) => kind === 'exact')).toEqual([]);
  expect(json.samples).toHaveLength(25);
  expect(json.samples[0]).toMatchObject({
    path: 'good/blob-01.png',
    width: 48,
    height: 48,
    format: 'png',
    sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  expect(Object.keys(json.samples[0].columns)).toEqual(
    expect.arrayContaining(['brightness', 'contrast', 'entropy', 'sharpness']),
  );
  expect(err).toContain('25 image files');
  expect((await winnow(['scan', folder, '--quiet', '--json', '-'], data)).err).toBe('');
});

/** Narrow networks can also separate blobs from a checkerboard. */
const narrow: Record<string, string[]> = { 'conv-ae': ['--width', '8'], 'mlp-ae': ['--width', '64'] };

describe.each(scorers.filter(({ inputs }) => inputs === 'pixels').map(({ id }) => id))('rank with %s', (method) => {
  test('finds the anomaly after training on the other images; the same seed gives the same scores', async () => {
    const args = [
      'rank',
      folder,
      '--method',
      method,
      '--train-on',
      'other/**',
      '--size',
      '32',
      '--seed',
      '3',
      ...(method === 'pca' ? [] : ['--epochs', '10']),
      ...(narrow[method] ?? []),
    ];
    const [first, again] = [
      await winnowJson<RankJson>(args, data),
      await winnowJson<RankJson>([...args, '--fresh'], data),
    ];
    expect(first.samples).toHaveLength(25);
    expect(first.samples[0]).toMatchObject({ path: 'good/odd.png', rank: 1, trainedOn: false });
    expect(first.samples.filter(({ trainedOn }) => trainedOn)).toHaveLength(12);
    expect(again.samples).toEqual(first.samples);
    expect(again.run.id).not.toBe(first.run.id);
    expect(first.run).toMatchObject({
      method,
      seed: 3,
      report: { spearmanEntropy: expect.any(Number), mapScale: expect.any(Number) },
    });
    expect(first.run.parameters.sizePx).toBe(32);
  });
});

test('rank with padim finds the anomaly in the features of patches, with a map per image', async () => {
  const to = temporaryFolder('maps');
  const { samples, run } = await winnowJson<RankJson>(
    ['rank', folder, '--method', 'padim', '--train-on', 'other/**', '--features', '20', '--maps', to],
    data,
  );
  expect(samples).toHaveLength(25);
  expect(samples[0]).toMatchObject({ path: 'good/odd.png', rank: 1, trainedOn: false });
  expect(run).toMatchObject({ method: 'padim', report: { mapScale: expect.any(Number) } });
  expect(readdirSync(to, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.png'))).toHaveLength(
    25,
  );
});

test('rank combines scorers by default, with and without chosen normal images, and says why', async () => {
  const chosen = await winnowJson<RankJson>(['rank', folder, '--train-on', 'other/**', '--size', '224'], data);
  expect(chosen.samples).toHaveLength(25);
  expect(chosen.samples[0]).toMatchObject({ path: 'good/odd.png', rank: 1, trainedOn: false });
  expect(chosen.run).toMatchObject({ method: 'auto', parameters: { sizePx: 224 } });
  const said = chosen.run.notes.join(' ');
  expect(said).toMatch(/First ranking by Gaussian of embeddings, shown until Automatic has finished\./);
  expect(said).toMatch(/The score combines .*It compares with 12 selected normal images\./);
  // Without normal images those that resemble most others are taken, and a column says which.
  const free = await winnowJson<RankJson>(['rank', folder, '--train-on', 'all', '--size', '224'], data);
  expect(free.samples[0].path).toBe('good/odd.png');
  expect(free.run.notes.join(' ')).toMatch(/so it compares with the 13 images of 25 that resemble most others\./);
  const { samples: taken } = await winnowJson<{ samples: { path: string }[] }>(
    ['show', folder, '--where', `${free.run.id}.normal = 1`],
    data,
  );
  expect(taken).toHaveLength(13);
  expect(taken.map(({ path }) => path)).not.toContain('good/odd.png');
});

test('rank reports the memory of a training before it starts, and finds a batch size that fits on request', async () => {
  const { code, out, err } = await winnow(
    [
      'rank',
      folder,
      '--method',
      'conv-ae',
      '--size',
      '32',
      '--train-on',
      'all',
      '--width',
      '4',
      '--depth',
      '2',
      '--epochs',
      '1',
      '--batch',
      '0',
      '--json',
      '-',
    ],
    data,
  );
  expect(code).toBe(0);
  expect(err).toMatch(
    /Training takes about \d+ MiB with batch size 1 \([\d,]+ weights; [\d.]+ MiB per image of a batch, [\d,]+ MiB for the rest\); [\d,]+ MiB are free/,
  );
  expect(err.indexOf('Training takes about')).toBeLessThan(err.indexOf('trained on'));
  const { run } = JSON.parse(out) as { run: { report: Record<string, number> } };
  expect(run.report.batch).toBe(16); // 23 of 25 images are training images
  expect(run.report.estimatedMiB).toBeGreaterThan(0);
  expect(run.report.waiting).toBeGreaterThanOrEqual(0);
  expect(run.report.waiting).toBeLessThan(1);
});

test('maps: one 16-bit PNG per image, the anomaly is brightest; never into the opened folder', async () => {
  const to = temporaryFolder('maps');
  await winnowJson(['rank', folder, '--method', 'pca', '--train-on', 'other/**', '--size', '32', '--maps', to], data);
  const files = readdirSync(to, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.png'));
  expect(files).toHaveLength(25);
  const means = await Promise.all(
    files.map(async (file) => ({ file, mean: (await sharp(join(to, file)).stats()).channels[0].mean })),
  );
  expect(means.sort((a, b) => b.mean - a.mean)[0].file).toBe(join('good', 'odd.png.png'));
  expect((await sharp(join(to, 'good', 'odd.png.png')).metadata()).depth).toBe('ushort');
  const inside = await winnow(['rank', folder, '--method', 'pca', '--maps', join(folder, 'maps')], data);
  expect(inside.code).toBe(1);
  expect(existsSync(join(folder, 'maps'))).toBe(false);
});

test('decide, undo, redo, export', async () => {
  const own = { WINNOW_DATA: mkdtempSync(join(tmpdir(), 'winnow-data-')) };
  await winnowJson(['rank', folder, '--method', 'pca', '--train-on', 'other/**', '--size', '32'], own);
  type Decided = { changed: number; samples: { path: string; decision: string | null }[] };
  const rejected = ({ samples }: Decided) =>
    samples.filter(({ decision }) => decision === 'reject').map(({ path }) => path);
  const top = (
    await winnowJson<RankJson>(['rank', folder, '--method', 'pca', '--train-on', 'other/**', '--size', '32'], own)
  ).samples;
  const between = (top[0].score + top[1].score) / 2;
  expect(rejected(await winnowJson<Decided>(['decide', folder, `pca.error > ${between}`, '--reject'], own))).toEqual([
    'good/odd.png',
  ]);
  expect(rejected(await winnowJson<Decided>(['undo', folder], own))).toEqual([]);
  expect((await winnow(['undo', folder], own)).code).toBe(1);
  expect(rejected(await winnowJson<Decided>(['redo', folder], own))).toEqual(['good/odd.png']);
  const to = join(temporaryFolder('export'), 'clean');
  expect(await winnowJson(['export', folder, '--to', to, '--dry-run'], own)).toMatchObject({
    dryRun: true,
    copied: 24,
    rejected: 1,
    undecided: 24,
  });
  expect(existsSync(to)).toBe(false);
  expect(await winnowJson(['export', folder, '--to', to], own)).toMatchObject({
    dryRun: false,
    copied: 24,
    failed: [],
  });
  expect(readFileSync(join(to, 'manifest.csv'), 'utf8').split('\r\n')[0]).toMatch(
    /^path,original,class,.*,blurry,.*,pca-1\.error,pca-2\.error$/,
  );
  expect((await winnow(['export', folder, '--to', to], own)).code).toBe(1);
});

/** Needs far more epochs than pass before it is stopped. */
const longRank = (epochs: number) => [
  'rank',
  folder,
  '--method',
  'mlp-ae',
  ...narrow['mlp-ae'],
  '--size',
  '32',
  '--epochs',
  String(epochs),
  '--patience',
  '0',
  '--json',
  '-',
];
test('Ctrl-C ends with 130 and leaves a run that can be resumed', async () => {
  const own = mkdtempSync(join(tmpdir(), 'winnow-data-'));
  const { process: child, ended } = start(longRank(10_000), { WINNOW_DATA: own });
  await untilEpoch(own, 2);
  child.kill('SIGINT');
  const { code, out, err } = await ended;
  expect(code, err).toBe(130);
  expect(out).toBe('');
  expect(err).toContain('Cancelled');
});

test('a killed rank resumes from its checkpoint and ends with the same scores', async () => {
  const own = mkdtempSync(join(tmpdir(), 'winnow-data-'));
  const { process: child, ended } = start(longRank(16), { WINNOW_DATA: own });
  await untilEpoch(own, 3);
  child.kill('SIGKILL');
  await ended;
  const args = longRank(16).slice(0, -2);
  const resumed = await winnowJson<RankJson>(args, { WINNOW_DATA: own });
  expect(resumed.run.id).toBe('mlp-ae-1');
  expect(Number(resumed.run.report.resumedFrom)).toBeGreaterThanOrEqual(2);
  const whole = await winnowJson<RankJson>([...args, '--fresh'], { WINNOW_DATA: own });
  expect(whole.run.report.resumedFrom).toBeNull();
  expect(resumed.samples).toEqual(whole.samples);
});
