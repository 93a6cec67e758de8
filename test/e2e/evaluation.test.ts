/** Evaluation of a ranking in the page: a set with planted defects and masks, the figures of the command line, and the way to the images. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Evaluation } from '../../src-main/contract/evaluation.ts';
import { temporaryFolder } from '../fixtures/images.ts';
import { inspectionFolder } from '../fixtures/inspection.ts';
import { openDoor, temporary, violationsInBothLights, type OpenDoor } from './door.ts';
import { collectFaults, loadFresh, type EngineFolder } from './engine.ts';

const own = temporary();
let folder: string;
let door: OpenDoor;
let page: Page;
let faults: string[];

beforeAll(async () => {
  folder = await inspectionFolder();
  door = await openDoor(own.data, folder);
  page = door.page;
  faults = collectFaults(page, /^Failed to load resource/); // a table is refused here
  await page.getByText(/^[\d,]+ shown$/).waitFor();
});
afterEach(() => expect(faults.splice(0)).toEqual([]));
afterAll(async () => {
  await door?.close();
  own.remove();
});

const panel = () => page.getByRole('region', { name: 'Evaluation', exact: true });
const figures = () => panel().getByLabel('Figures');
const figure = (title: string) =>
  figures()
    .locator('div', { has: page.locator('dt', { hasText: new RegExp(`^${title}$`) }) })
    .locator('dd')
    .first();

/** Opens the evaluation of a finished ranking, as a person does. */
async function enter(): Promise<{ engine: EngineFolder; runId: string }> {
  const engine = await loadFresh(page, folder);
  const runId = await engine.ensureRun(
    ({ method }) => method === 'pca',
    () => engine.calls.workspace.rank.mutate({ method: 'pca', trainOn: 'train/good/**' }),
  );
  await page.getByRole('navigation').getByRole('button', { name: 'Anomalies' }).click();
  await page.getByRole('button', { name: 'Evaluate', exact: true }).click();
  return { engine, runId };
}

test('shows the figures of the engine; maps are compared with masks on request, and the result is kept', async () => {
  const { engine, runId } = await enter();
  await panel().getByText('Against masks and names of folders: 8 normal and 10 anomalous images').waitFor();
  const { image } = (await engine.calls.evaluation.judge.query({ runId })) as Evaluation;
  expect(image!.auroc).toBeGreaterThan(0.9);
  expect(await figure('image AUROC').innerText()).toBe(image!.auroc.toFixed(3));
  if (await figure('AUPRO').isHidden()) {
    await panel().getByRole('button', { name: 'Compare maps with masks' }).click();
    await figure('AUPRO').waitFor();
  }
  const { pixel } = (await engine.calls.evaluation.judge.query({ runId })) as Evaluation;
  expect(pixel!.auroc).toBeGreaterThan(0.9);
  expect(await figure('pixel AUROC').innerText()).toBe(pixel!.auroc.toFixed(3));
  expect(await figure('AUPRO').innerText()).toBe(pixel!.aupro.toFixed(3));
  await panel()
    .getByRole('row', { name: /^spot 5 [01]\.\d{3} [01]\.\d{3}$/ })
    .waitFor();
  await panel().getByText('10 images in the folder are masks and are not evaluated.').waitFor();
  expect(await violationsInBothLights(page)).toEqual([]);
});

test('the confusion follows the threshold below, and a missed image opens in the loupe', async () => {
  const { engine, runId } = await enter();
  const scores = await engine.column(`${runId}.error`);
  const defects = (await engine.rows("path like 'test/s*/**'")).sort((a, b) => scores[b.id] - scores[a.id]);
  await page.getByRole('slider', { name: 'Threshold' }).press('End'); // the highest score
  const missed = panel().getByRole('region', { name: 'Missed' });
  const flagged = Number(scores[defects[0].id] >= Math.max(...scores.filter((value) => !Number.isNaN(value))));
  await panel()
    .getByRole('row', { name: `anomalous ${flagged} ${10 - flagged}` })
    .waitFor();
  const worst = defects.at(-1)!;
  expect(await missed.getByRole('img').first().getAttribute('alt')).toBe(worst.path);
  await missed
    .getByRole('button')
    .filter({ has: page.getByRole('img') })
    .first()
    .click();
  await page.getByText(worst.path.split('/').at(-1)!).first().waitFor();
  await page.getByRole('complementary', { name: 'Image' }).getByText(worst.path).waitFor();
  await panel().waitFor({ state: 'hidden' });
});

test('a tag or a table changes the truth at once; a table that cannot be read is refused with its line', async () => {
  const { engine } = await enter();
  await panel().getByText('8 normal and 10 anomalous').waitFor();
  await engine.calls.journal.edit.mutate({ choice: { paths: ['test/spot/000.png'] }, change: { addTags: ['normal'] } });
  await panel().getByText('Against tags, masks, and names of folders: 9 normal and 9 anomalous images').waitFor();
  const table = join(temporaryFolder('truth'), 'truth.csv');
  writeFileSync(table, 'path,label\ntest/good/000.png,good\ntest/good/001.png,good\ntest/spot/000.png,stain\n');
  await panel().getByText('Truth from a table, masks from another folder').click();
  await page.getByLabel('Table of the truth').fill(table);
  await panel().getByText('Against the table: 2 normal and 1 anomalous images').waitFor();
  writeFileSync(table, 'path,label\ntest/good/000.png,good\ntest/good/001.png,3\n');
  await page.getByLabel('Table of the truth').fill('');
  await page.getByLabel('Table of the truth').fill(table);
  await panel()
    .getByRole('alert')
    .getByText('Line 3 of truth.csv: the label 3 is neither 0 (normal) nor 1 (anomalous)')
    .waitFor();
});

test('a missed image leads to the map of why it was missed', async () => {
  const { engine } = await enter();
  const runId = await engine.ensureRun(
    ({ method }) => method === 'conv-ae',
    () =>
      engine.calls.workspace.rank.mutate({
        method: 'conv-ae',
        parameters: { sizePx: 32, width: 8, depth: 3, epochs: 1, minSteps: 4 },
        trainOn: 'train/good/**',
      }),
  );
  await page
    .getByRole('button', { name: new RegExp(`^${runId}`) })
    .first()
    .click();
  await page.getByRole('slider', { name: 'Threshold' }).press('End');
  const missed = panel().getByRole('region', { name: 'Missed' });
  const path = (await missed.getByRole('img').first().getAttribute('alt'))!;
  await missed.getByRole('listitem').first().hover();
  await missed.getByRole('button', { name: `Why ${path}` }).click();
  const loupe = page.getByRole('region', { name: 'Loupe' });
  await loupe.getByTitle(path).first().waitFor();
  const card = loupe.getByRole('region', { name: 'Why this image' });
  expect(await card.getByLabel('Model').inputValue()).toBe(runId);
  await card.locator('.target').getByText('reconstruction error', { exact: true }).waitFor();
  await loupe.locator('canvas').first().waitFor();
});
