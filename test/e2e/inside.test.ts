/** Looking inside a network as a person does it: from its training to its layers, filters, feature maps and units, and why it gave its output. */
import { join } from 'node:path';
import type { Page } from 'playwright';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { copyDigits } from '../fixtures/images.ts';
import { temporary, violationsInBothLights, type OpenDoor } from './door.ts';
import { loadFresh, markUnused, openScanned, type EngineFolder } from './engine.ts';

const own = temporary();
const digits = join(own.work, 'digits');
let door: OpenDoor;
let page: Page;
let faults: string[];
let engine: EngineFolder;
let run: string;

beforeAll(async () => {
  copyDigits(digits, ['0', '1', '2'], 12);
  ({ door, page, faults } = await openScanned(own.data, digits, 36));
  markUnused(page);
});
beforeEach(async () => {
  engine = await loadFresh(page, digits);
  run = await engine.ensureRun(
    ({ method }) => method === 'se-resnet',
    () =>
      engine.calls.classifier.train.mutate({
        model: 'se-resnet',
        mode: 'scratch',
        parameters: { sizePx: 32, width: 8, epochs: 1 },
        division: { by: 'shares', shares: { train: 70, val: 15, test: 15 }, folds: 0, seed: 1 },
        seed: 1,
      }),
  );
  await page.keyboard.press('Shift+I');
  await network().selectOption(run);
  await item('image').waitFor();
});
afterEach(() => expect(faults.splice(0)).toEqual([]));
afterAll(async () => {
  await door?.close();
  own.remove();
});

const network = () => page.getByRole('combobox', { name: 'Network' });
/** A layer or block of the graph. */
const item = (name: string) => page.getByRole('treeitem', { name: new RegExp(`^(▾)?${name}(:|$)`) });
const tab = (name: string) => page.getByRole('tab', { name, exact: true }).click();
const card = () => page.getByRole('complementary', { name: 'Layer' });
const tiles = (title: string) => page.getByRole('listbox', { name: title }).getByRole('option');
const canvasIn = (name: string) => page.getByRole('img', { name });
/** How many different colours a canvas has. */
const coloursOf = (canvas: ReturnType<typeof canvasIn>) =>
  canvas.evaluate((element) => {
    const { width, height } = element as HTMLCanvasElement;
    const { data } = (element as HTMLCanvasElement).getContext('2d')!.getImageData(0, 0, width, height);
    return new Set(new Uint32Array(data.buffer)).size;
  });

describe('the network', () => {
  test('has its layers with shapes and costs; blocks fold and open with the keyboard', async () => {
    const { layers, parameters } = await engine.calls.inside.network.query({ run });
    expect(parameters).toBeGreaterThan(1000);
    await expect.poll(() => item('stem').textContent()).toContain('convolution · 32 × 32 × 8');
    await item('stem').click();
    const stem = layers.find(({ name }) => name === 'stem')!;
    await card().getByText(`${stem.parameters} · `).waitFor();
    await card().getByText('3 px, every 1').waitFor();
    // The block that follows opens and shows its squeeze-and-excitation and its addition.
    await item('stem').press('ArrowDown');
    const block = item('block0').first();
    await page.keyboard.press('ArrowDown');
    await expect.poll(() => block.getAttribute('aria-selected')).toBe('true');
    await page.keyboard.press('Enter');
    await expect.poll(() => block.getAttribute('aria-expanded')).toBe('true');
    await item('add').waitFor();
    await item('se').press('Enter');
    await item('excite').waitFor();
    await page.keyboard.press('ArrowLeft');
    await expect.poll(() => item('excite').count()).toBe(0);
    expect(await violationsInBothLights(page)).toEqual([]);
  });

  test('is also shown for the bundled weights, with one map of the image in each block', async () => {
    await network().selectOption({ label: 'EfficientNet-Lite0, trained on ImageNet' });
    await item('▸ stage1').or(item('stage1')).first().locator('canvas').waitFor();
    await page.getByText('4.65 M').waitFor();
  });
});

test('filters: pictures by norm, the weights of one, and earlier epochs with what they cost', async () => {
  await tab('Filters');
  await page.getByText('8 kernels of 3 × 3 × 3 · none dead').waitFor();
  const norms = async () =>
    (await tiles('Kernels of stem').allInnerTexts()).map((text) => Number(/\s([\d.]+)$/.exec(text)?.[1]));
  const sorted = await norms();
  expect(sorted).toHaveLength(8);
  expect(sorted).toEqual(sorted.toSorted((a, b) => b - a));
  await tiles('Kernels of stem').first().click();
  expect(
    await coloursOf(
      canvasIn('Kernel \\d+'.replace('\\d+', (await tiles('Kernels of stem').first().innerText()).split(/\s/)[0])),
    ),
  ).toBeGreaterThan(3);
  await page.getByText(/Kernels of 2 epochs were kept while it trained: they take [\d.]+ .?B on the disk/).waitFor();
  const before = await tiles('Kernels of stem').allInnerTexts();
  await page.getByRole('slider', { name: 'Epoch' }).press('Home');
  await expect.poll(() => tiles('Kernels of stem').allInnerTexts()).not.toEqual(before);
  await page.keyboard.press('.'); // the next layer
  await page.getByText(/kernels of 3 × 3 × 8/).waitFor();
  expect(await violationsInBothLights(page)).toEqual([]);
});

test('feature maps: on one scale, the place under the pointer, and one channel followed through the layers', async () => {
  await tab('Feature maps');
  await page.getByText('8 maps of 32 × 32').waitFor();
  const tile = tiles('Feature maps of stem').first();
  await tile.click();
  const channel = (await tile.innerText()).split(/\s/)[0];
  expect(await coloursOf(canvasIn(`Feature map of channel ${channel}`))).toBeGreaterThan(8);
  await tile.locator('.picture').hover();
  await page.getByText(new RegExp(`^Channel ${channel}, row 1[56], column 1[56]: `)).waitFor();
  await page.keyboard.press('.');
  await expect
    .poll(() => page.getByRole('listbox', { name: /^Feature maps of / }).getAttribute('aria-label'))
    .not.toBe('Feature maps of stem');
  await page.locator(`[data-unit="${channel}"][aria-selected=true]`).waitFor();
  expect(await violationsInBothLights(page)).toEqual([]);
});

test('units: a survey of the folder, the images of one, and its ideal image while it climbs', async () => {
  await tab('Units');
  await page.getByRole('button', { name: 'Survey this folder' }).click();
  const units = page.getByRole('region', { name: 'Units of stem' });
  await units.getByRole('row').nth(8).waitFor();
  await page.getByText(/^36 images · /).waitFor();
  await units.getByRole('button', { name: 'Largest' }).click();
  const largest = (await units.locator('tbody tr td:nth-child(3)').allInnerTexts()).map(Number);
  expect(largest).toEqual(largest.toSorted((a, b) => b - a));
  await units.getByRole('row').nth(1).getByRole('button').click();
  await expect
    .poll(() => page.getByRole('list', { name: 'Images that drive it most' }).getByRole('button').count())
    .toBe(12);
  const made = page.getByRole('region', { name: 'Activation maximisation' });
  await made.getByRole('button', { name: 'Make the image' }).click();
  await made.getByText(/^Step 128 of 128, answer /).waitFor({ timeout: 120_000 });
  expect(await coloursOf(made.getByRole('img'))).toBeGreaterThan(50);
  expect(await violationsInBothLights(page)).toEqual([]);
});

test('why: the map of the image; another image is chosen by a key', async () => {
  await tab('Why');
  await page.getByText('Shows:').first().waitFor();
  const strip = page.getByRole('listbox', { name: 'Filmstrip' });
  const chosen = () => strip.getByRole('option', { selected: true }).textContent();
  const first = await chosen();
  await page.getByRole('tab', { name: 'Why' }).blur();
  await page.keyboard.press('d');
  await expect.poll(chosen).not.toBe(first);
});

describe('the latent space of an autoencoder', () => {
  const rank = (method: string, parameters: Record<string, unknown>) =>
    engine.ensureRun(
      (known) => known.method === method,
      () =>
        engine.calls.workspace.rank.mutate({
          method,
          parameters: { sizePx: 32, epochs: 2, minSteps: 4, ...parameters },
          trainOn: '**',
        }),
    );
  const decoded = () => page.getByRole('list', { name: 'Decoded images' }).locator('canvas');
  /** The pixels of all decoded images. */
  const pictures = () =>
    decoded().evaluateAll((all) => (all as HTMLCanvasElement[]).map((canvas) => canvas.toDataURL()));
  const show = async (title: string) => {
    await page.getByLabel('Show', { exact: true }).selectOption({ label: title });
  };

  test('of maps: a line to a chosen image, codes around one by a seed, and directions', async () => {
    const ae = await rank('conv-ae', { width: 8, depth: 3 });
    await network().selectOption(ae);
    await tab('Latent space');
    await expect.poll(() => decoded().count()).toBe(9);
    const line = await pictures();
    expect(new Set(line).size).toBeGreaterThan(4);
    // From an image to itself there is one image.
    await page.getByRole('button', { name: 'End at this image' }).click();
    await expect.poll(async () => new Set(await pictures()).size).toBe(1);
    expect((await pictures())[0]).toBe(line[0]);

    await show('Around this image');
    const seed = page.getByRole('spinbutton', { name: 'Seed' });
    await expect.poll(async () => new Set(await pictures()).size).toBe(9);
    const first = await pictures();
    await seed.fill('2');
    await expect.poll(pictures).not.toEqual(first);
    await seed.fill('1');
    await expect.poll(pictures).toEqual(first);

    await show('Along a direction');
    await expect.poll(() => decoded().count()).toBe(7);
    const along = await pictures();
    await page.getByLabel('Direction', { exact: true }).selectOption({ label: '2' });
    await expect.poll(pictures).not.toEqual(along);
    await page.getByText(/need not be an image that exists/).waitFor();
    expect(await violationsInBothLights(page)).toEqual([]);
  });

  test('of a short code: a slider for each number', async () => {
    const ae = await rank('mlp-ae', { width: 32, depth: 1, bottleneck: 5 });
    await network().selectOption(ae);
    await tab('Latent space');
    await show('Numbers of the code');
    const sliders = page.getByRole('slider', { name: /^number \d/ });
    await expect.poll(() => sliders.count()).toBe(5);
    const before = await pictures();
    await sliders.nth(2).press('End');
    await expect.poll(pictures).not.toEqual(before);
    expect(await violationsInBothLights(page)).toEqual([]);
    await page.getByRole('button', { name: 'Reset' }).click();
    await expect.poll(pictures).toEqual(before);
  });
});

test('ways in: from the settings of a training, and from the menu of a run', async () => {
  await page.getByRole('navigation').getByRole('button', { name: 'Train' }).click();
  await page.getByLabel('Training mode').getByRole('radio', { name: 'From scratch' }).click();
  await page.getByLabel('Architecture').selectOption('se-resnet');
  await page.getByRole('button', { name: `Look inside ${run}` }).click();
  await item('stem').waitFor();
  await page.getByRole('navigation').getByRole('button', { name: 'Train' }).click();
  await page.getByRole('tab', { name: 'Result' }).click();
  await page.getByRole('button', { name: `More about ${run}` }).click();
  await page.getByRole('button', { name: 'Look inside', exact: true }).click();
  await item('stem').waitFor();
});
