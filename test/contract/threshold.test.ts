/** `rank` on the command line: what it trains on if nobody says, and the threshold with its promise. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { binomialInterval } from '../../src-main/contract/binomial.ts';
import type { EngineCalls } from '../../src-main/contract/procedures.ts';
import { router } from '../../src-main/contract/router.ts';
import type { FalseAlarms, RuleChoice } from '../../src-main/contract/threshold.ts';
import { holdOpen, winnow, winnowJson, type RankJson } from '../fixtures/command.ts';
import { blob, folderOf } from '../fixtures/images.ts';
import { openWorkspace } from '../fixtures/workspace.ts';

interface Judged {
  samples: (RankJson['samples'][number] & { flagged: boolean | null })[];
  run: RankJson['run'] & {
    trainOn: string | null;
    trainOnBy: string;
    trained: number;
    notes: string[];
    threshold: {
      rule: string;
      value: number | null;
      score: number | null;
      flagged: number | null;
      promise: FalseAlarms | null;
      reason: string;
    };
  };
}

const data = { WINNOW_DATA: mkdtempSync(join(tmpdir(), 'winnow-data-')) };
let folder: string;
const rank = (...args: string[]) => winnowJson<Judged>(['rank', folder, '--method', 'nearest', ...args], data);

beforeAll(async () => {
  const files: Record<string, Buffer> = {};
  for (let i = 0; i < 40; i++) {
    const name = i < 30 ? 'train/good' : i < 36 ? 'test/good' : 'test/chequered';
    files[`${name}/${String(i).padStart(2, '0')}.png`] = await blob(i, i >= 36);
  }
  folder = folderOf(files, 'threshold');
  return await holdOpen(folder, data); // commands share an engine, which takes less time
});

describe('without --train-on', () => {
  test('the folder of normal images is recognised, said on stderr and in JSON; its threshold has a promise', async () => {
    const { err, out } = await winnow(['rank', folder, '--method', 'nearest', '--json', '-'], data);
    expect(err).toContain('Train on: train/good/** — 30 images, recognised by folder name. Use --train-on all');
    const { run, samples } = JSON.parse(out) as Judged;
    expect(run).toMatchObject({ trainOn: 'train/good/**', trainOnBy: 'recognised', trained: 30 });
    const { rule, value, score, flagged, promise } = run.threshold;
    expect([rule, value, promise?.normals]).toEqual(['percentile', 95, 30]);
    expect(samples.filter((sample) => sample.flagged).map(({ rank: at }) => at)).toEqual(
      Array.from({ length: flagged as number }, (_, i) => i + 1),
    );
    expect(samples.every((sample) => sample.flagged === sample.score >= (score as number))).toBe(true);
    expect(samples.filter(({ path }) => path.includes('chequered')).every((sample) => sample.flagged)).toBe(true);
    const { perThousand, low, high, normals } = promise as FalseAlarms;
    expect(low).toBeLessThanOrEqual(perThousand);
    expect(high).toBeGreaterThanOrEqual(perThousand);
    // The interval is that of a whole number of held-out images above the threshold.
    const intervals = Array.from({ length: normals + 1 }, (_, count) => 1000 * binomialInterval(count, normals).high);
    expect(intervals).toContain(high);
    expect(err).toMatch(
      /Flagged \d+ of 40 images, from [\d.e-]+ on \(\w+:[\d.]+\)\. Expect about \d+ false alarms? in 1,000 normal images \[\d+–\d+\], judged by \d+ images\./,
    );
  });

  test('the last choice is remembered, and all images are a choice too', async () => {
    expect((await rank('--train-on', 'test/good/**')).run).toMatchObject({ trainOnBy: 'given', trained: 6 });
    expect((await rank()).run).toMatchObject({ trainOn: 'test/good/**', trainOnBy: 'remembered', trained: 6 });
    const { run } = await rank('--train-on', 'all');
    expect(run).toMatchObject({ trainOn: null, trainOnBy: 'given', trained: 40 });
    expect(run.threshold).toMatchObject({ rule: 'robust', promise: null });
    expect(run.threshold.reason).toContain('assuming that most are normal. False alarms cannot be judged');
    expect((await rank()).run).toMatchObject({ trainOn: null, trainOnBy: 'remembered' });
  });
});

test('images tagged anomalous are never trained on, those tagged normal are, and the run says so', async () => {
  await winnow(['tag', folder, 'train/good/0[0-4].png', '--add', 'anomalous'], data);
  await winnow(['tag', folder, 'test/good/30.png', '--add', 'normal'], data);
  const { run, samples } = await rank('--train-on', 'train/good/**');
  expect(run.trained).toBe(26);
  expect(run.notes).toEqual(
    expect.arrayContaining([
      '5 images tagged ‘anomalous’ left out of the training.',
      '1 image tagged ‘normal’ added to the training.',
    ]),
  );
  const trained = samples.filter(({ trainedOn }) => trainedOn).map(({ path }) => path);
  expect(trained).toHaveLength(26);
  expect(trained).toContain('test/good/30.png');
  expect(trained).not.toContain('train/good/00.png');
  await winnow(['undo', folder, '--steps', '2'], data);
});

test('without folders of normal images, those tagged normal are trained on alone if they are enough; it is said', async () => {
  const files: Record<string, Buffer> = {};
  for (let i = 0; i < 16; i++) files[`${String(i).padStart(2, '0')}.png`] = await blob(i, i >= 14);
  const unsorted = folderOf(files, 'tagged');
  const ranked = async () => {
    const { err, out } = await winnow(['rank', unsorted, '--method', 'nearest', '--json', '-'], data);
    return { err, run: (JSON.parse(out) as Judged).run };
  };
  await winnow(['scan', unsorted], data);
  await winnow(['tag', unsorted, '0[0-8].png', '--add', 'normal'], data);
  const few = await ranked();
  expect(few.run).toMatchObject({ trainOn: null, trainOnBy: 'all', trained: 16 });
  const said = 'Only 9 images are tagged ‘normal’: 10 are needed to train on them alone. Trained on all images.';
  expect(few.run.notes).toContain(said);
  expect(few.err).toContain(said);
  await winnow(['tag', unsorted, '09.png', '1[0-1].png', '--add', 'normal'], data);
  const { err, run } = await ranked();
  expect(run).toMatchObject({ trainOn: 'tag:normal', trainOnBy: 'tagged', trained: 12 });
  expect(run.threshold.promise?.normals).toBe(12);
  expect(err).toContain('Train on: images tagged ‘normal’ — 12 images, marked by you; no folder of normal images');
});

test('a rule is kept with a ranking: scoring again, evaluation and expressions use it, and it can be undone', async () => {
  const { run } = await rank('--train-on', 'train/good/**');
  const again = () => winnowJson<Judged>(['rank', folder, '--run', run.id], data);
  const done = await winnow(['runs', folder, '--threshold', `${run.id}=share:25`], data);
  expect(done.err).toContain(`Done: set the threshold of ${run.id} to share:25.`);
  const { out } = await winnow(['runs', folder], data);
  expect(out).toMatch(new RegExp(`^${run.id} .* {2}threshold share:25$`, 'm'));
  const listed = await winnowJson<{ runs: { id: string; rule: unknown }[] }>(['runs', folder], data);
  expect(listed.runs.find(({ id }) => id === run.id)?.rule).toEqual({ rule: 'share', value: 25 });
  const { threshold } = (await again()).run;
  expect(threshold).toMatchObject({ rule: 'share', value: 25, flagged: 10 });
  type Judgement = { image: { threshold: number; rule: string } };
  const { image } = await winnowJson<Judgement>(['evaluate', folder, '--run', run.id], data);
  expect(image).toMatchObject({ threshold: threshold.score, rule: 'share' });
  const found = await winnowJson<{ matching: number }>(
    ['show', folder, '--where', `flagged(${run.id}.error) = 1`],
    data,
  );
  expect(found.matching).toBe(10);
  const { err } = await winnow(['show', folder, '--where', `flagged(${run.id}.error, sharpness) = 1`], data);
  expect(err).toContain('‘sharpness’ has no threshold');
  // It is not moved by a rule for one command.
  const other = await winnowJson<Judged>(['rank', folder, '--run', run.id, '--threshold', 'share:50'], data);
  expect(other.run.threshold.flagged).toBe(20);
  expect((await again()).run.threshold.flagged).toBe(10);
  await winnow(['undo', folder], data);
  expect((await again()).run.threshold).toMatchObject(run.threshold);
  expect((await winnow(['runs', folder, '--threshold', `${run.id}=p95`], data)).code).toBe(2);
});

test('every call that takes a rule refuses one that does not exist, or a value out of its bounds', async () => {
  const workspace = openWorkspace(folder);
  const caller = router.createCaller({ engine: {} as EngineCalls, workspace: workspace.calls });
  const calls: ((rule: RuleChoice) => Promise<unknown>)[] = [
    (rule) => caller.runs.threshold({ id: 'none', rule }),
    (rule) => caller.runs.setThreshold({ id: 'none', rule }),
    (rule) => caller.runs.writeMaps({ runId: 'none', rule }),
    (rule) => caller.watch.start({ runId: 'none', rule }),
    (rule) => caller.evaluation.judge({ runId: 'none', threshold: rule }),
  ];
  for (const call of calls) {
    await expect(call({ rule: 'p95', value: null })).rejects.toThrow('There is no rule ‘p95’');
    await expect(call({ rule: 'share', value: 200 })).rejects.toThrow('must be a number from 0 to 100');
    await expect(call({ rule: 'share', value: 20 })).rejects.toThrow(/none/); // the ranking
  }
});

describe('--threshold', () => {
  test('applies a rule with a value', async () => {
    const { run, samples } = await rank('--train-on', 'train/good/**', '--threshold', 'share:25');
    expect(run.threshold).toMatchObject({ rule: 'share', value: 25, flagged: 10 });
    expect(samples.filter(({ flagged }) => flagged)).toHaveLength(10);
  });
  test('separates images with labels best', async () => {
    const { run } = await rank('--train-on', 'train/good/**', '--threshold', 'f1');
    expect(run.threshold).toMatchObject({ rule: 'f1', value: null, flagged: 4 });
  });
  test('says what a rule lacks and flags nothing', async () => {
    const { run, samples } = await rank('--train-on', 'train/good/**', '--threshold', 'percentile:99.9');
    expect(run.threshold).toMatchObject({ score: null, flagged: null, promise: null });
    expect(run.threshold.reason).toContain('needs 1000 normal images');
    expect(samples.every(({ flagged }) => flagged === null)).toBe(true);
  });
  test.each(['p95', 'share:200', 'f1:2', 'score'])('refuses %s', async (rule) => {
    const { code, err } = await winnow(['rank', folder, '--threshold', rule], data);
    expect(code).toBe(2);
    expect(err).toMatch(/no rule|from 0 to 100|no value/);
  });
});
