/** Why a classifier gave its output, as a person asks it: in the loupe, over the tiles, from the palette, and in the place Inside. */
import { join } from 'node:path';
import type { Page } from 'playwright';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { copyDigits } from '../fixtures/images.ts';
import { doorName, temporary, violations, violationsInBothLights, type OpenDoor } from './door.ts';
import { loadFresh, markUnused, openScanned, type EngineFolder } from './engine.ts';

const own = temporary();
const digits = join(own.work, 'digits');
const classes = ['0', '1', '2', '3'];
let door: OpenDoor;
let page: Page;
let faults: string[];
let engine: EngineFolder;
let run: string;

beforeAll(async () => {
  copyDigits(digits, classes, 12);
  ({ door, page, faults } = await openScanned(own.data, digits, 48));
  markUnused(page);
  engine = await loadFresh(page, digits);
  run = await train('cnn', {});
});
beforeEach(async () => {
  engine = await loadFresh(page, digits);
  await tiles().first().waitFor();
});
afterEach(() => expect(faults.splice(0)).toEqual([]));
afterAll(async () => {
  await door?.close();
  own.remove();
});

const train = (model: string, parameters: Record<string, unknown>) =>
  engine.ensureRun(
    ({ method }) => method === model,
    () =>
      engine.calls.classifier.train.mutate({
        model,
        parameters: { sizePx: 32, width: 8, epochs: 4, policy: 'none', learningRate: 0.005, ...parameters },
      }),
  );
const tiles = () => page.locator('[role=option]');
const sheet = () => page.getByRole('region', { name: 'Loupe' });
const card = () => page.getByRole('region', { name: 'Why this image' });
const veil = () => sheet().locator('canvas');
const legend = () => card().getByRole('img', { name: /^Colour scale from/ });
/** A hash of the colours of a canvas, and how many of its pixels are covered. */
const drawn = (canvas = veil()) =>
  canvas.evaluate((element: HTMLCanvasElement) => {
    const { data } = element.getContext('2d')!.getImageData(0, 0, element.width, element.height);
    let covered = 0;
    for (let i = 3; i < data.length; i += 4) if (data[i] > 20) covered++;
    return { covered, hash: data.reduce((h, v) => Math.imul(h ^ v, 16777619), 0x811c9dc5) };
  });
/** Opens the loupe on an image with its map. */
async function askWhy(at = 0) {
  await tiles().nth(at).click();
  await page.keyboard.press('Shift+Enter');
  await veil().waitFor();
  await card().getByText('Cannot show:').waitFor();
}

describe(`why, ${doorName}`, () => {
  test('a key shows the map over the image, with its scale; the choice of a person changes it', async () => {
    await tiles().nth(2).click();
    await page.keyboard.press('Shift+Enter');
    await veil().waitFor();
    const image = sheet().locator('img[alt]:not([alt=""])').first();
    await expect.poll(() => veil().boundingBox()).toEqual(await image.boundingBox());
    expect((await drawn()).covered).toBeGreaterThan(0);
    expect(await legend().getAttribute('aria-label')).toMatch(/^Colour scale from 0 to [\d.e-]+$/);
    const target = await card().locator('.target b').innerText();
    expect(classes).toContain(target);
    const probable = card().getByRole('list', { name: 'Predicted probabilities' }).getByRole('listitem');
    expect(await probable.first().innerText()).toMatch(new RegExp(`^${target}\\s+(> )?\\d+ %$`));
    expect(await violationsInBothLights(page)).toEqual([]);

    // Another class has another map, on the same scale.
    const first = await drawn();
    const other = classes.find((name) => name !== target)!;
    await card().getByLabel('Explains').selectOption(`class ${other}`);
    await card().locator('.target b').getByText(other, { exact: true }).waitFor();
    await expect.poll(async () => (await drawn()).hash).not.toBe(first.hash);

    // A signed method has the scale from blue to red, and settings.
    await card().getByLabel('Method').selectOption('occlusion');
    await expect
      .poll(() => legend().getAttribute('aria-label'))
      .toMatch(/^Colour scale from −.+ blue lowers, red raises/);
    await card().getByText('Settings of Occlusion').click();
    const signed = await drawn();
    await card().getByLabel('Window').fill('0.5');
    await card().getByLabel('Window').press('Enter');
    await expect.poll(async () => (await drawn()).hash).not.toBe(signed.hash);
    expect(await violations(page)).toEqual([]);

    await sheet().getByRole('button', { name: 'Why this image' }).click();
    await veil().waitFor({ state: 'detached' });
    await card().waitFor({ state: 'detached' });
  });

  test('a step shows the map of the next image, as strong as chosen', async () => {
    await askWhy();
    const first = await drawn();
    await page.keyboard.press('ArrowRight');
    await expect.poll(async () => ((await veil().count()) ? (await drawn()).hash : first.hash)).not.toBe(first.hash);
    expect(await veil().count()).toBe(1);
    await page.getByRole('slider', { name: 'Strength of the map' }).fill('0.3');
    expect(await veil().evaluate((canvas) => getComputedStyle(canvas).opacity)).toBe('0.3');
  });

  test('the loss of the class of an image follows its label', async () => {
    await askWhy();
    await card().getByLabel('Explains').selectOption('loss');
    await card().getByText('loss of 0').waitFor();
    await page.keyboard.press('2'); // the class 1
    await card().getByText('loss of 1').waitFor();
    await veil().waitFor();
  });

  test('tiles and panes of the comparison show their maps', async () => {
    await tiles().first().click();
    await page.keyboard.press('Shift+W');
    const visible = await tiles().count();
    await expect.poll(() => page.locator('[role=option] canvas').count()).toBe(visible);
    const bar = page.getByRole('group', { name: 'Heat maps over the images' });
    await bar.getByRole('img', { name: /^Colour scale from 0 to/ }).waitFor();
    const hashes = await page
      .locator('[role=option] canvas')
      .evaluateAll((list) => (list as HTMLCanvasElement[]).map((canvas) => canvas.toDataURL()));
    expect(new Set(hashes).size).toBeGreaterThan(visible / 2);
    expect(await violationsInBothLights(page)).toEqual([]);
    await page.keyboard.press('Shift+W');
    await bar.waitFor({ state: 'detached' });

    await page.keyboard.press('c');
    await page.keyboard.press('Shift+W');
    await expect.poll(() => page.locator('article canvas').count()).toBe(2);
    expect(await violations(page)).toEqual([]);
  });

  test('the palette finds it by the name of a method, and the prediction beside an image leads to it', async () => {
    await tiles().nth(1).click();
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox', { name: 'Command' }).fill('layercam');
    await page.keyboard.press('Enter');
    await veil().waitFor();
    expect(await card().getByLabel('Method').inputValue()).toBe('layercam');
    await page.keyboard.press('Shift+W');
    await card().waitFor({ state: 'detached' });
    await page
      .getByRole('region', { name: `Predicted by ${run}` })
      .getByRole('button', { name: 'Why?' })
      .click();
    await card().waitFor();
  });

  test('the place Inside shows two maps side by side, and tests the map', async () => {
    await askWhy();
    await card().getByRole('button', { name: 'Open in Inside' }).click();
    const panel = page.getByRole('tabpanel', { name: 'Why' });
    const one = panel.getByRole('article', { name: 'The map' });
    const other = panel.getByRole('article', { name: 'The other map' });
    await one.locator('canvas').waitFor();
    await panel.getByLabel('Beside it').selectOption('class');
    await other.locator('canvas').waitFor();
    expect((await drawn(other.locator('canvas'))).hash).not.toBe((await drawn(one.locator('canvas'))).hash);
    await panel.getByLabel('Beside it').selectOption('method');
    await other.getByLabel('Method').waitFor();
    await other.locator('canvas').waitFor();
    await panel.getByLabel('Beside it').selectOption('nothing');

    const sanity = panel.getByRole('region', { name: 'Sanity check' });
    await sanity.getByRole('button', { name: 'Randomise the weights' }).click();
    await sanity.getByText(/^The map (changes when|stays similar)/).waitFor();
    expect(await sanity.getByRole('listitem').count()).toBeGreaterThan(3);
    expect(await sanity.getByText(/^ρ = −?[01]\.\d\d$/).count()).toBe((await sanity.getByRole('listitem').count()) - 1);
    const curves = panel.getByRole('region', { name: 'Deletion and insertion' });
    await curves.getByRole('button', { name: 'Compute the curves' }).click();
    await curves.getByText(/^The map is (better|no better) than a random order/).waitFor();
    await curves.getByRole('img', { name: /^Deletion: .* against the share of the image that is covered$/ }).waitFor();
    await curves.getByRole('img', { name: /^Insertion: / }).waitFor();
    expect(await violationsInBothLights(page)).toEqual([]);
    // Results belong to their question.
    await one.getByLabel('Method').selectOption('hirescam');
    await sanity.getByRole('button', { name: 'Randomise the weights' }).waitFor();
  });

  test('where it looks, by class', async () => {
    await askWhy();
    await card().getByRole('button', { name: 'Open in Inside' }).click();
    const panel = page.getByRole('tabpanel', { name: 'Why' });
    await panel.getByRole('button', { name: 'By class' }).click();
    const part = panel.getByRole('region', { name: 'Where it looks, by class' });
    await part.getByRole('button', { name: 'Where does it look?' }).click();
    await expect.poll(() => part.getByRole('listitem').count()).toBe(classes.length);
    const counts = await part.getByText(/^\d+ images?$/).allInnerTexts();
    expect(counts.reduce((sum, text) => sum + Number.parseInt(text), 0)).toBe(48);
    await part.locator('canvas').first().waitFor();
    expect(await violationsInBothLights(page)).toEqual([]);
  });

  test('where a method has no map, the reason is said', async () => {
    const dense = await train('mlp', { width: 16 });
    await askWhy();
    await card().getByLabel('Model').selectOption(dense);
    await card()
      .getByText(/not for this network$/)
      .click();
    await card()
      .getByText(/No layer of this network has places: its layers are dense/)
      .first()
      .waitFor();
    const gradCam = card()
      .getByLabel('Method')
      .locator('option', { hasText: /^Grad-CAM – not here/ });
    expect(await gradCam.isDisabled()).toBe(true);
    // Another method is chosen by itself.
    await card().getByText('How strongly the target reacts').waitFor();
    await veil().waitFor();
  });
});
