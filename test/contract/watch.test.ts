/** `watch` and `rank --run` on the command line: files are scored once as they arrive, by a detector that was trained before. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { dropFiles, faultsIn, startWatch, type RunningWatch } from '../fixtures/arrivals.ts';
import { winnow, winnowJson, type RankJson } from '../fixtures/command.ts';
import { blob, blobFolder, folderOf, temporaryFolder } from '../fixtures/images.ts';

const env = { WINNOW_DATA: temporaryFolder('watch-data') };
const rank = (...args: string[]) => winnowJson<RankJson & { run: { origin: object | null } }>(['rank', ...args], env);
/** Starts the command; it ends with the test. */
async function watching(...args: string[]): Promise<RunningWatch> {
  const watch = await startWatch(args, env);
  onTestFinished(() => watch.kill());
  return watch;
}
const scoresOf = ({ samples }: RankJson) => new Map(samples.map(({ path, score }) => [path, score]));

/** Blobs that `pca-1` has ranked. */
async function rankedFolder(): Promise<string> {
  const folder = await blobFolder();
  await rank(folder, '--method', 'pca', '--size', '32');
  return folder;
}

test('each of 64 files that arrive in every way is scored once, with the score of its final content', async () => {
  const folder = await rankedFolder();
  const watch = await watching(folder, '--run', 'pca-1', '--threshold', '0.01');
  const dropped = await dropFiles(folder, { count: 64, seconds: 3, pauseMs: 900, seed: 1 });
  await watch.until(() => dropped.every(({ path }) => watch.lines.some((line) => line.path === path)));
  // Contents that replaced others may still be on their way: they differ from the first line's score.
  const scored = await rank(folder, '--run', 'pca-1');
  const copy = await rank(folder, '--run', 'pca-1', '--of', folder, '--workspace', temporaryFolder('copy'));
  await watch.until(() => !faultsIn(watch.lines, dropped, scoresOf(copy)).length);
  expect(await watch.stop()).toBe(0);
  expect(faultsIn(watch.lines, dropped, scoresOf(copy))).toEqual([]);
  const arrived = new Set(dropped.map(({ path }) => path));
  for (const { path, score } of copy.samples.filter(({ path }) => arrived.has(path)))
    expect(scoresOf(scored).get(path)).toBeCloseTo(score, 9);

  const [line] = watch.lines.filter(({ issue }) => !issue);
  expect(line).toEqual({
    schema: 'winnow/watch@1',
    path: expect.any(String),
    at: expect.stringMatching(/^\d{4}-.*Z$/),
    score: expect.any(Number),
    flagged: (line.score as number) >= 0.01,
    threshold: 0.01,
  });
  const alarms = watch.lines.filter(({ flagged }) => flagged);
  expect(alarms.length).toBeGreaterThan(0);
  for (const { score } of alarms) expect(score).toBeGreaterThanOrEqual(0.01);
  for (const { path } of alarms) expect(watch.messages).toMatch(new RegExp(`ALARM .*${path}`));
});

test('a file that came while nobody watched is scored at the start; one that is touched is not scored again', async () => {
  const own = folderOf(
    Object.fromEntries(await Promise.all([1, 2, 3, 4].map(async (n) => [`${n}.png`, await blob(n)]))),
  );
  await rank(own, '--method', 'pca', '--size', '32');
  writeFileSync(join(own, 'between.png'), await blob(50));
  const watch = await watching(own);
  await watch.until(() => watch.lines.length === 1);
  expect(watch.lines[0].path).toBe('between.png');
  writeFileSync(join(own, 'between.png'), await blob(50)); // the same content
  rmSync(join(own, '1.png'));
  writeFileSync(join(own, 'last.png'), await blob(51));
  await watch.until(() => watch.lines.some(({ path }) => path === 'last.png'));
  expect(await watch.stop()).toBe(0);
  expect(watch.lines.map(({ path }) => path)).toEqual(['between.png', 'last.png']);
  expect((await rank(own, '--run', 'pca-1')).samples.map(({ path }) => path).sort()).toEqual([
    '2.png',
    '3.png',
    '4.png',
    'between.png',
    'last.png',
  ]);
});

test('with --poll, files are found without reports of the system; --json FILE gets the lines', async () => {
  const own = folderOf(
    Object.fromEntries(await Promise.all([1, 2, 3, 4].map(async (n) => [`${n}.png`, await blob(n)]))),
  );
  await rank(own, '--method', 'pca', '--size', '32');
  const file = join(temporaryFolder('lines'), 'lines.jsonl');
  const watch = await watching(own, '--poll', '0.5', '--json', file);
  writeFileSync(join(own, 'new.png'), await blob(60));
  await watch.until(() => watch.messages.includes('new.png'));
  expect(await watch.stop()).toBe(0);
  expect(watch.lines).toEqual([]);
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ schema: 'winnow/watch@1', path: 'new.png' });
});

test('a detector of another folder scores this one in a run that names its origin; images added later were not in a training', async () => {
  const folder = await rankedFolder();
  const own = folderOf({ 'a.png': await blob(70), 'odd.png': await blob(71, true) });
  await rank(folder, '--method', 'nearest');
  const first = await rank(own, '--run', 'nearest-1', '--of', folder);
  expect(first.run).toMatchObject({ id: 'nearest-1', origin: { folder, runId: 'nearest-1' } });
  const threshold = first.run.threshold.score!.toPrecision(4);
  const flagged = first.samples.filter((sample) => sample.flagged).length;
  expect(first.run.notes).toContainEqual(
    expect.stringMatching(
      new RegExp(`^Threshold here: ${threshold} \\(.+\\), with ${flagged} flagged images?; in ${folder} it is `),
    ),
  );
  expect(first.samples.map(({ path, trainedOn }) => [path, trainedOn])).toEqual([
    ['odd.png', false],
    ['a.png', false],
  ]);
  writeFileSync(join(folder, 'good/later.png'), await blob(72, true));
  const { samples } = await rank(folder, '--run', 'nearest-1');
  const notTrained = samples.filter(({ path, trainedOn }) => path.startsWith('good/') && !trainedOn); // good/** was recognised
  expect(notTrained.map(({ path }) => path)).toEqual(['good/later.png']);

  expect(await winnow(['rank', own, '--run', 'pca-9', '--of', folder], env)).toMatchObject({
    code: 1,
    err: expect.stringContaining('It has: nearest-1, pca-1.'),
  });
  expect((await winnow(['rank', own, '--run', 'nearest-1', '--size', '32'], env)).code).toBe(2);
  expect((await winnow(['rank', own, '--run', 'nearest-1', '--method', 'pca'], env)).code).toBe(2);
});
