/** A detector in use: the page scores new images with a finished ranking, once or as files arrive, and lists alarms. */
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Page } from 'playwright';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { blob, folderOf } from '../fixtures/images.ts';
import { openDoor, temporary, violations, violationsInBothLights, type OpenDoor } from './door.ts';
import { collectFaults, engineFolder, loadFresh, type EngineFolder } from './engine.ts';

const own = temporary();
let folder: string;
let door: OpenDoor;
let page: Page;
let engine: EngineFolder;
let faults: string[];

beforeAll(async () => {
  const files: Record<string, Buffer> = {};
  for (let n = 0; n < 24; n++) files[`train/good/${n}.png`] = await blob(n);
  folder = folderOf(files);
  door = await openDoor(own.data, folder);
  page = door.page;
  faults = collectFaults(page);
  await page.getByText('24 shown').waitFor();
  engine = await engineFolder(page, folder);
  await engine.ended(await engine.calls.workspace.rank.mutate({ method: 'pca', parameters: { sizePx: 32 } }));
  await page.getByRole('navigation').getByRole('button', { name: 'Anomalies' }).click();
});
afterEach(() => expect(faults.splice(0)).toEqual([]));
afterAll(async () => {
  await door?.close();
  own.remove();
});

const add = (path: string, content: Buffer) => {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), content);
};
const watch = () => page.getByRole('switch', { name: 'Watch this folder' });

test('new images are scored on request', async () => {
  add('later.png', await blob(100));
  await engine.ended(await engine.calls.workspace.scan.mutate());
  await page.getByRole('button', { name: 'Score 1 new image' }).click();
  await page.getByText('1 new image scored by pca-1.', { exact: true }).waitFor();
  await expect.poll(() => page.getByRole('button', { name: /^Score \d+ new/ }).count()).toBe(0);
  const scores = await engine.column('pca-1.error');
  const [later] = await engine.rows('path = "later.png"');
  expect(scores[later.id]).toBeGreaterThan(0);
});

test('while the folder is watched, files are scored as they arrive; alarms are announced and listed, and open in the loupe', async () => {
  await watch().check();
  await page.getByText('0 files arrived, 0 alarms.', { exact: true }).waitFor();
  add('new/normal.png', await blob(101));
  add('new/odd.png', await blob(102, true));
  await page.getByText(/^2 files arrived, [12] alarms?\.$/).waitFor();
  await page.getByText(/^(Alarm: |2 alarms, for example )new\/(odd|normal)\.png/).waitFor();
  await page
    .getByRole('contentinfo')
    .getByText(/^2 files arrived, [12] alarms?$/)
    .waitFor();
  expect(await violationsInBothLights(page)).toEqual([]);

  await page.getByRole('list', { name: 'Alarms' }).getByRole('button', { name: 'odd.png' }).click();
  await page.getByRole('complementary', { name: 'Image' }).getByText('odd.png').first().waitFor();
  await page.keyboard.press('Escape');
  expect(await engine.calls.watch.state.query()).toMatchObject({
    runId: 'pca-1',
    arrived: 2,
    flagged: 1,
    problem: null,
  });
});

test('another job runs between arrivals; the watch ends when it is switched off', async () => {
  await engine.ended(await engine.calls.workspace.scan.mutate());
  add('new/between.png', await blob(103));
  await page.getByText(/^3 files arrived, \d alarms?\.$/).waitFor();
  await watch().uncheck();
  await expect.poll(() => engine.calls.watch.state.query()).toBe(null);
  add('new/after.png', await blob(104));
  await engine.ended(await engine.calls.workspace.scan.mutate());
  await page.getByRole('button', { name: 'Score 1 new image' }).waitFor();
});

test('the detector is exported as ONNX with the threshold that is kept', async () => {
  await engine.calls.runs.setThreshold.mutate({ id: 'pca-1', rule: { rule: 'share', value: 10 } });
  mkdirSync(own.work, { recursive: true });
  const to = join(own.work, 'detector');
  await page.getByRole('button', { name: 'Export…', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText(/^winnow export-model .* --run pca-1 --to pca-1$/).waitFor();
  await dialog.getByLabel('Folder of the detector').fill(to);
  expect(await violations(page)).toEqual([]);
  await dialog.getByRole('button', { name: 'Export', exact: true }).click();
  await dialog.getByText(/^pca-1 is in .*README\.md there has a ten-line example\.$/).waitFor();
  await dialog.getByRole('button', { name: 'Close' }).click();
  const about = JSON.parse(readFileSync(join(to, 'about.json'), 'utf8')) as { threshold: object };
  expect(about.threshold).toEqual(await engine.calls.runs.threshold.query({ id: 'pca-1' }));
  expect(about.threshold).toMatchObject({ rule: 'share', value: 10, score: expect.any(Number) });
  expect(statSync(join(to, 'model.onnx')).size).toBeGreaterThan(10_000);
});

test('a detector of another folder scores the images of this one, with its threshold', async () => {
  const kept = await engine.calls.runs.threshold.query({ id: 'pca-1', rule: { rule: 'score', value: 0.05 } });
  await engine.calls.runs.setThreshold.mutate({ id: 'pca-1', rule: { rule: 'score', value: 0.05 } });
  const [before] = await engine.rows('path = "later.png"');
  const score = (await engine.column('pca-1.error'))[before.id];
  const files = { 'copy.png': await blob(100), 'odd.png': await blob(102, true), '3.png': await blob(3) };
  const other = folderOf(files, 'tuesday');
  const there = await loadFresh(page, other);
  await page.getByRole('navigation').getByRole('button', { name: 'Anomalies' }).click();
  await page.getByRole('button', { name: 'Use a saved detector…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('No ranking of this folder has finished yet.').waitFor();
  expect(await dialog.getByRole('button', { name: /^Score/ }).isDisabled()).toBe(true);
  await dialog.getByRole('radio', { name: basename(folder) }).click();
  await dialog
    .getByRole('radio', {
      name: /^pca-1 .*Trained on train\/good\/\*\* — 24 images, recognised by folder name there: threshold 0\.0500? \(moved by hand\)$/,
    })
    .waitFor();
  expect(await violations(page)).toEqual([]);
  await dialog.getByRole('button', { name: 'Score 3 images' }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByText(/^Flagged \d of 3/).waitFor();
  const run = await there.calls.runs.get.query({ id: 'pca-1' });
  expect(run.origin).toEqual({ folder, runId: 'pca-1' });
  await page
    .getByText(/^Threshold here: 0\.05000 \(moved by hand\), with \d flagged images?; in .* it is 0\.05000\.$/)
    .waitFor();
  const scores = await there.column('pca-1.error');
  const of = async (path: string) => scores[(await there.rows(`path = "${path}"`))[0].id];
  expect(await of('copy.png')).toBeCloseTo(score, 6);
  expect((await there.calls.runs.threshold.query({ id: 'pca-1' })).score).toBe(kept.score);
  expect(await there.paths('flagged(pca-1.error) = 1')).toEqual(
    (await there.rows('pca-1.error >= 0.05')).map(({ path }) => path),
  );
});
