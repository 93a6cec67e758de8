/**
 * Transfer learning as a person does it, in the window and in the browser: read the recommended training mode, train the head, resolve label errors, find similar images,
 * compute the map, export the classifier. What the page shows is compared with the command line on the same engine.
 */
import { existsSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import type { Page } from 'playwright';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { reference, winnowJson } from '../fixtures/command.ts';
import { copyDigits } from '../fixtures/images.ts';
import { doorName, openDoor, temporary, violations, violationsInBothLights, type OpenDoor } from './door.ts';
import { collectFaults, loadFresh, markUnused, type EngineFolder } from './engine.ts';

const own = temporary();
const env = { WINNOW_DATA: own.data };
const folder = join(own.work, 'digits');
const perClass = 14;
const classes = ['0', '1', '2', '5', '6', '9'];
const count = classes.length * perClass;
/** Two images in the wrong class folder. */
const planted: string[] = [];
let faults: string[];
let door: OpenDoor;
let page: Page;
let engine: EngineFolder;

beforeAll(async () => {
  copyDigits(folder, classes, perClass);
  for (const [from, to, place] of [
    ['0', '5', 2],
    ['5', '1', 3],
  ] as const) {
    const file = readdirSync(join(folder, from)).sort()[place];
    renameSync(join(folder, from, file), join(folder, to, `moved-${file}`));
    planted.push(`${to}/moved-${file}`);
  }
  door = await openDoor(own.data, folder);
  page = door.page;
  faults = collectFaults(page);
  await page.getByText(`${count} shown`).waitFor({ timeout: 60_000 });
  await page.getByRole('contentinfo').getByText(`Scan: ${count} image files`).waitFor();
  markUnused(page);
});
beforeEach(async () => {
  engine = await loadFresh(page, folder);
});
afterEach(() => expect(faults.splice(0)).toEqual([]));
afterAll(async () => {
  await door?.close();
  own.remove();
});

const inBothLights = () => violationsInBothLights(page);
const place = (name: string) => page.getByRole('navigation').getByRole('button', { name, exact: true }).click();
const cards = () => page.getByRole('listbox', { name: 'Suspected labels' }).getByRole('option');
const suspectPaths = () =>
  cards().evaluateAll((list) => list.map((card) => (card as HTMLElement).dataset.path as string));

/** The head in three folds, as the form trains it. */
const ensureHead = () =>
  engine.ensureRun(
    ({ kind, method }) => kind === 'train' && method === 'efficientnet-lite0',
    () => engine.calls.classifier.train.mutate({ model: 'efficientnet-lite0', mode: 'head', division: { folds: 3 } }),
  );

describe(`transfer learning, ${doorName}`, () => {
  test('the advice places the folder in the table of modes, and the form follows it', async () => {
    await place('Train');
    const table = page.getByRole('table', { name: 'Training modes by data set size and similarity to ImageNet' });
    await table.waitFor({ timeout: 60_000 });
    const here = table.locator('[aria-current=true]');
    expect(await here.count()).toBe(1);
    expect(await here.innerText()).toMatch(/this folder/i);
    const advice = await winnowJson<{ mode: string; reasons: string[]; distance: number }>(['advise', folder], env);
    await page.getByText(`${advice.distance.toFixed(2)} nats from ImageNet`).waitFor();
    await page.getByText(advice.reasons[0]).waitFor();
    expect(await page.getByRole('radio', { name: 'Head', exact: true }).getAttribute('aria-checked')).toBe('true');
    expect(await inBothLights()).toEqual([]);
    // Each mode shows the fields that it uses.
    const form = page.getByRole('complementary', { name: 'Train' });
    expect(await form.getByLabel('Epochs', { exact: true }).count()).toBe(0);
    await page.getByRole('radio', { name: 'Head, then all' }).click();
    await form.getByLabel('Epochs', { exact: true }).waitFor();
    await page.getByRole('radio', { name: 'Head', exact: true }).click();
  });

  test('the head is trained in folds, and its accuracy equals that of the command line', async () => {
    await place('Train');
    const form = page.getByRole('complementary', { name: 'Train' });
    await form.getByLabel('Folds', { exact: true }).fill('3');
    await form.getByLabel('Folds', { exact: true }).press('Tab');
    await form.getByRole('button', { name: 'Train', exact: true }).click();
    await page
      .getByText(/^efficientnet-lite0-\d+: [\d.]+ % of \d+ images correct/)
      .first()
      .waitFor({ timeout: 120_000 });
    await page.getByRole('tab', { name: 'Result' }).click();
    const shown = await page
      .locator('dl[aria-label=Figures] div', { hasText: /^accuracy/ })
      .locator('dd')
      .first()
      .innerText();
    const { run } = await reference<{ run: { metrics: { accuracy: number } } }>('digits-head', [
      'train',
      folder,
      '--mode',
      'head',
      '--folds',
      '3',
      '--fresh',
    ]);
    expect(shown).toBe(`${(run.metrics.accuracy * 100).toFixed(1)} %`);
    const cells = await page
      .getByRole('region', { name: 'Confusion matrix' })
      .getByRole('button')
      .evaluateAll((list) =>
        list.map((cell) => Number(/: (\d+) images?$/.exec(cell.getAttribute('aria-label') ?? '')?.[1])),
      );
    expect(cells.reduce((a, b) => a + b)).toBe(count);
    expect(await inBothLights()).toEqual([]);
  });

  test('probable label errors are resolved by one key each, and undone', async () => {
    await page.keyboard.press('e');
    await page.getByRole('heading', { name: 'Are the labels right?' }).waitFor();
    expect(await inBothLights()).toEqual([]);
    await page
      .getByRole('complementary', { name: 'Labels' })
      .getByRole('button', { name: 'Find label errors' })
      .click();
    const said = page.getByText(/^labels-\d+: /).first();
    await said.waitFor({ timeout: 120_000 });
    const [run] = (await said.innerText()).split(':');
    await cards().first().waitFor();
    const suspects = await suspectPaths();
    expect(suspects.filter((path) => planted.includes(path)).length).toBeGreaterThanOrEqual(1);
    expect(suspects).toEqual(
      (
        await winnowJson<{ samples: { path: string }[] }>(
          ['show', folder, '--where', `${run}.suspect > 0`, '--order', `${run}.quality`],
          env,
        )
      ).samples.map(({ path }) => path),
    );
    expect(await inBothLights()).toEqual([]);

    const [first] = suspects;
    const suggested = (await cards().first().locator('.suggested .clip').innerText())
      .replace(/^suggested\s*/, '')
      .trim();
    await cards().first().click();
    await page.keyboard.press('y');
    await expect.poll(() => engine.paths(`label = '${suggested}'`)).toEqual([first]);
    await expect.poll(async () => (await suspectPaths()).includes(first)).toBe(false);
    await page.keyboard.press('Control+z');
    await expect.poll(suspectPaths).toEqual(suspects);
    await expect.poll(() => engine.paths(`label = '${suggested}'`)).toEqual([]);
    await cards().first().click();
    await page.keyboard.press('v');
    await expect.poll(async () => (await suspectPaths()).includes(first)).toBe(false);
    expect(await engine.paths('label != none')).toEqual([]); // confirming sets no label
    await page.keyboard.press('Control+z');
    await expect.poll(suspectPaths).toEqual(suspects);
  });

  test('‘More like this’ lists the image itself, then the most similar ones', async () => {
    const tiles = page.locator('[role=option][data-path]');
    const chosen = `2/${readdirSync(join(folder, '2')).sort()[4]}`;
    await page.getByLabel('Expression').fill("class = '2'");
    await page.getByText(`${perClass} shown`).waitFor();
    await page.locator(`[role=option][data-path="${chosen}"]`).click();
    await page.keyboard.press('q');
    await expect.poll(() => tiles.first().getAttribute('data-path'), { timeout: 60_000 }).toBe(chosen);
    const { samples } = await winnowJson<{ samples: { path: string }[] }>(
      ['show', folder, '--where', 'alike >= -1', '--order', '-alike'],
      env,
    );
    expect(
      await tiles.evaluateAll((list) => list.slice(0, 6).map((tile) => (tile as HTMLElement).dataset.path)),
    ).toEqual(samples.slice(0, 6).map(({ path }) => path));
    expect(await inBothLights()).toEqual([]);
  });

  test('the map is computed with the bundled weights, without a training', async () => {
    await page.keyboard.press('m');
    await page.getByRole('button', { name: 'Compute the map' }).click();
    await page.getByRole('application', { name: `Map of ${count} images` }).waitFor({ timeout: 60_000 });
    expect((await engine.paths('map.x >= -1000')).length).toBe(count);
    expect(await inBothLights()).toEqual([]);
  });

  test('an exported classifier runs in onnxruntime', async () => {
    await ensureHead();
    await place('Train');
    await page.getByRole('tab', { name: 'Result' }).click();
    await page.getByRole('button', { name: 'Export model…' }).click();
    const dialog = page.getByRole('dialog');
    expect(await violations(page)).toEqual([]);
    await dialog.getByLabel('Folder of the model').fill(folder);
    await dialog.getByRole('button', { name: 'Export' }).click();
    await dialog.getByRole('alert').waitFor(); // originals are never written to
    const to = join(own.work, 'model');
    await dialog.getByLabel('Folder of the model').fill(to);
    await dialog.getByRole('button', { name: 'Export' }).click();
    await dialog.getByText('has a ten-line example').waitFor({ timeout: 60_000 });
    expect(existsSync(join(to, 'tfjs', 'model.json'))).toBe(true);
    const session = await ort.InferenceSession.create(join(to, 'model.onnx'));
    const { probabilities } = await session.run({
      pixels: new ort.Tensor('float32', new Float32Array(224 * 224 * 3).fill(128), [1, 224, 224, 3]),
    });
    expect((probabilities.data as Float32Array).reduce((a, b) => a + b)).toBeCloseTo(1, 4);
    expect(probabilities.dims).toEqual([1, classes.length]);
  });
});
