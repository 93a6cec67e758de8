/** The threshold on anomaly scores as a person meets it: from images known to be normal, with its promise, and corrected by saying what is normal. */
import type { Page } from 'playwright';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { promiseText, type FalseAlarms } from '../../src-main/contract/threshold.ts';
import { winnowJson, type RankJson } from '../fixtures/command.ts';
import { blob, folderOf } from '../fixtures/images.ts';
import { doorName, openDoor, temporary, violationsInBothLights, type OpenDoor } from './door.ts';
import { collectFaults, engineFolder, loadFresh } from './engine.ts';

const own = temporary();
let door: OpenDoor;
let page: Page;
let faults: string[];
/** 24 blobs known to be normal; 6 more and 4 chequered ones to test with. */
let images: Record<string, Buffer>;

beforeAll(async () => {
  const list = Array.from({ length: 34 }, async (_, i) => {
    const folder = i < 24 ? 'train/good' : i < 30 ? 'test/good' : 'test/chequered';
    return [`${folder}/${String(i).padStart(2, '0')}.png`, await blob(i, i >= 30)] as const;
  });
  images = Object.fromEntries(await Promise.all(list));
  door = await openDoor(own.data);
  page = door.page;
  faults = collectFaults(page);
});
afterEach(() => expect(faults.splice(0)).toEqual([]));
afterAll(async () => {
  await door?.close();
  own.remove();
});

const form = () => page.getByRole('complementary', { name: 'Method' });
const flagged = () => page.getByRole('status').getByText(/^Flagged/);
const flaggedNow = async () => Number(/Flagged (\d+) of 34/.exec(await flagged().innerText())?.[1]);
/** Opens Anomalies, with a method that takes no training. */
async function anomalies() {
  await page.getByRole('navigation').getByRole('button', { name: 'Anomalies' }).click();
  await form().getByTitle('Nearest images', { exact: true }).click();
}

/** Opens a new folder with these images in Anomalies. */
async function enter(): Promise<string> {
  const folder = folderOf(images, 'threshold');
  await loadFresh(page, folder);
  await anomalies();
  return folder;
}
async function rankInPage() {
  await form()
    .getByRole('button', { name: /^Train (and rank|again)$/ })
    .click();
  await page.getByText(/^nearest-\d+: 34 images ranked\.$/).waitFor({ timeout: 120_000 });
}

describe(`the threshold, ${doorName}`, () => {
  test('normal images are recognised by their folder, and the threshold promises as much as on the command line', async () => {
    const folder = await enter();
    expect(await form().getByLabel('Train on').inputValue()).toBe('train/good/**');
    await form().getByText('Train on: train/good/** — 24 images, recognised by folder name.').waitFor();
    await rankInPage();
    type Judged = RankJson & {
      run: { trainOn: string; trainOnBy: string; threshold: { flagged: number; score: number; promise: FalseAlarms } };
    };
    const { run } = await winnowJson<Judged>(['rank', folder, '--method', 'nearest'], { WINNOW_DATA: own.work });
    expect([run.trainOn, run.trainOnBy]).toEqual(['train/good/**', 'recognised']);
    const { promise } = run.threshold;
    expect(promise.normals).toBe(24);
    await page.getByText(`${promiseText(promise)}, judged by 24 images`).waitFor();
    expect(await flaggedNow()).toBe(run.threshold.flagged);
    expect(run.threshold.flagged).toBeGreaterThanOrEqual(4); // not a fixed share: all chequered ones
    const legend = page.getByRole('list', { name: 'Colours of the histogram' });
    expect(await legend.getByRole('listitem').allInnerTexts()).toEqual(['normal 30', 'anomalous 4']);
    expect(await violationsInBothLights(page)).toEqual([]);
  });

  test('what was trained on is remembered for the folder; one click trains on all', async () => {
    await enter();
    await form().getByLabel('Train on').fill('test/good/**');
    await form().getByText('Train on: test/good/** — 6 images, as given.').waitFor();
    await rankInPage();
    await page.reload();
    await page.getByText(/^[\d,]+ shown$/).waitFor();
    await anomalies();
    await form().getByText('Train on: test/good/** — 6 images, as last time.').waitFor();
    await form().getByRole('button', { name: 'Train on all' }).click();
    expect(await form().getByLabel('Train on').inputValue()).toBe('');
    await rankInPage();
    await page.getByText(/False alarms cannot be judged: no image is known to be normal/).waitFor();
  });

  test('a chosen threshold is kept with the ranking: after a reload, on the command line, until it is undone', async () => {
    const folder = await enter();
    await rankInPage();
    const before = await flaggedNow();
    await page.getByLabel('Rule of the threshold').selectOption('Expected share');
    await page.getByLabel('Anomalies', { exact: true }).fill('50');
    await page.getByLabel('Anomalies', { exact: true }).press('Tab');
    await expect.poll(flaggedNow).toBe(17);
    const engine = await engineFolder(page, folder);
    await expect.poll(async () => (await engine.calls.runs.list.query())[0].rule).toEqual({ rule: 'share', value: 50 });
    await page.reload();
    await page.getByText(/^[\d,]+ shown$/).waitFor();
    await page.getByRole('navigation').getByRole('button', { name: 'Anomalies' }).click();
    await expect.poll(flaggedNow).toBe(17);
    const { image } = await engine.calls.evaluation.judge.query({});
    expect(image).toMatchObject({ rule: 'share', confusion: { truePositive: 4 } });
    // Moved by keys: kept once it rests.
    await page.getByRole('slider', { name: 'Threshold' }).press('End');
    await expect.poll(async () => (await engine.calls.runs.list.query())[0].rule?.rule).toBe('score');
    await page.keyboard.press('Control+z');
    await expect.poll(flaggedNow).toBe(17);
    await page.keyboard.press('Control+z');
    await page.keyboard.press('Control+z');
    await expect.poll(flaggedNow).toBe(before);
  });

  test('without a folder of normal images, those marked normal are trained on as soon as they are enough', async () => {
    const folder = folderOf(
      Object.fromEntries(Object.entries(images).map(([path, content]) => [path.replace(/^.*\//, ''), content])),
      'unsorted',
    );
    const engine = await loadFresh(page, folder);
    await anomalies();
    await form().getByText('Name the images known to be normal').waitFor();
    const tag = (from: number, to: number) => {
      const paths = Array.from({ length: to - from }, (_, i) => `${String(from + i).padStart(2, '0')}.png`);
      return engine.calls.journal.edit.mutate({ choice: { paths }, change: { addTags: ['normal'] } });
    };
    await tag(0, 9);
    await form().getByText('Only 9 images are tagged ‘normal’: 10 are needed to train on them alone.').waitFor();
    await tag(9, 12);
    await form()
      .getByText('Train on: images tagged ‘normal’ — 12 images, marked by you; no folder of normal images recognised.')
      .waitFor();
    expect(await violationsInBothLights(page)).toEqual([]);
    await rankInPage();
    const [{ trainOn, trained }] = await engine.calls.runs.list.query();
    expect([trainOn, trained]).toEqual(['tag:normal', 12]);
    await page.getByText(/judged by 12 images$/).waitFor();
  });

  test('an image declared normal moves the threshold and the promise at once, until it is undone', async () => {
    await enter();
    await rankInPage();
    await page.getByText(/judged by 24 images$/).waitFor();
    const before = await flaggedNow();
    await page.locator('[role=option]').first().click();
    await page.keyboard.press('Shift+N');
    await page.getByText(/judged by 25 images$/).waitFor();
    await page.keyboard.press('Control+z');
    await page.getByText(/judged by 24 images$/).waitFor();
    expect(await flaggedNow()).toBe(before);
    // A threshold moved by hand stays where it is.
    await page.getByRole('slider', { name: 'Threshold' }).focus();
    await page.keyboard.press('PageUp');
    await page.getByLabel('Rule of the threshold').getByText('Moved by hand').waitFor({ state: 'attached' });
    const moved = await flagged().innerText();
    await page.locator('[role=option]').first().click();
    await page.keyboard.press('Shift+A');
    await form().getByText('1 image tagged ‘anomalous’').waitFor({ state: 'detached' }); // it is no training image
    expect(await flagged().innerText()).toBe(moved);
    await page.getByLabel('Rule of the threshold').selectOption('Auto: Percentile');
    expect(await flaggedNow()).toBe(before);
  });
});
