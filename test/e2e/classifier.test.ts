/**
 * Training a classifier as a person does it, in the window and in the browser: preview the augmented images, find a learning rate, train, and read the result.
 */
import { join } from 'node:path';
import type { Page } from 'playwright';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { reference } from '../fixtures/command.ts';
import { copyDigits } from '../fixtures/images.ts';
import { doorName, temporary, violationsInBothLights, type OpenDoor } from './door.ts';
import { loadFresh, markUnused, openScanned, type EngineFolder } from './engine.ts';

const own = temporary();
const digits = join(own.work, 'digits');
const classes = Array.from({ length: 10 }, (_, i) => String(i));
let door: OpenDoor;
let page: Page;
let faults: string[];
let engine: EngineFolder;

beforeAll(async () => {
  copyDigits(digits, classes, 20);
  ({ door, page, faults } = await openScanned(own.data, digits, 200));
  markUnused(page);
});
beforeEach(async () => {
  engine = await loadFresh(page, digits);
});
afterEach(() => expect(faults.splice(0)).toEqual([]));
afterAll(async () => {
  await door?.close();
  own.remove();
});

const inBothLights = () => violationsInBothLights(page);
const field = (name: string) => page.getByRole('complementary', { name: 'Train' }).getByLabel(name, { exact: true });
const set = async (name: string, value: string) => {
  await field(name).fill(value);
  await field(name).press('Tab');
};
const cells = () => page.getByRole('table', { name: 'Augmented views' }).getByRole('cell').getByRole('img');
/** A hash of the pixels of each tile. */
const pixels = () =>
  cells().evaluateAll((images) =>
    (images as HTMLImageElement[]).map((image) => {
      const canvas = Object.assign(document.createElement('canvas'), {
        width: image.naturalWidth,
        height: image.naturalHeight,
      });
      const context = canvas.getContext('2d')!;
      context.drawImage(image, 0, 0);
      return [...context.getImageData(0, 0, canvas.width, canvas.height).data].reduce(
        (h, v) => Math.imul(h ^ v, 16777619),
        0x811c9dc5,
      );
    }),
  );

const openTrain = async () => {
  await page.getByRole('navigation').getByRole('button', { name: 'Train' }).click();
  await page.getByRole('complementary', { name: 'Train' }).getByRole('row', { name: 'all 140 30 30' }).waitFor();
};
const chooseCnn = async () => {
  await page.getByRole('radio', { name: 'From scratch' }).click();
  await field('Architecture').selectOption('cnn');
  await field('Size').selectOption('32');
};
/** The settings of a small network, which trains in seconds. */
async function fillForm() {
  await openTrain();
  await chooseCnn();
  await set('Width', '4');
  await set('Epochs', '4');
  await set('Rotation', '90');
  await field('Policy').selectOption('none');
  await set('Learning rate', '0.005');
}
/** A classifier with these settings. */
const ensureCnn = () =>
  engine.ensureRun(
    ({ kind }) => kind === 'train',
    () =>
      engine.calls.classifier.train.mutate({
        model: 'cnn',
        parameters: { sizePx: 32, width: 4, epochs: 4, rotation: 90, policy: 'none', learningRate: 0.005 },
      }),
  );

describe(`a classifier, ${doorName}`, () => {
  test('the preview shows the augmented images and follows the sliders', async () => {
    await openTrain();
    await chooseCnn();
    await page.getByRole('tab', { name: 'Preview' }).click();
    await page.getByText('32 × 32 px, as the network gets them').waitFor();
    await expect.poll(() => cells().count()).toBe(6 * 9);
    const before = await pixels();
    expect(new Set(before).size).toBeGreaterThan(50); // the views differ
    expect(await cells().first().getAttribute('alt')).toBe('0: as evaluated');
    await set('Rotation', '90');
    await expect
      .poll(async () => (await cells().nth(1).getAttribute('alt'))?.match(/rotate -?(\d+)/)?.[1] ?? '')
      .not.toBe('');
    await expect.poll(async () => (await pixels()).filter((hash, i) => hash !== before[i]).length).toBe(6 * 8);
    const after = await pixels();
    expect(after.filter((hash, i) => hash === before[i])).toHaveLength(6); // evaluation views do not change
    await page.getByLabel('Show operations').check();
    await page
      .getByText(/^rotate -?\d+°, .*brightness/)
      .first()
      .waitFor();
    await field('Policy').selectOption('none');
    await page.getByText('unchanged').first().waitFor();
    await expect.poll(async () => new Set(await pixels()).size).toBe(6);
    expect(await inBothLights()).toEqual([]);
  });

  test('a split that cannot be used gives a message; the size of the network is shown', async () => {
    await openTrain();
    await chooseCnn();
    await page.getByText(/^[\d.]+ k parameters · [\d.]+ MFLOPs · about [\d.]+ MB to train$/).waitFor();
    await set('Fraction of train', '0');
    await set('Fraction of val', '0');
    await page
      .getByText('cannot be evaluated')
      .or(page.getByText('fewer than two images'))
      .or(page.getByText('cannot be learned'))
      .first()
      .waitFor();
    await set('Fraction of train', '70');
    await set('Fraction of val', '15');
    await page.getByRole('complementary', { name: 'Train' }).getByRole('row', { name: 'all 140 30 30' }).waitFor();
  });

  test('a learning rate is found and used', async () => {
    await fillForm();
    await page.getByRole('button', { name: 'Find rate' }).click();
    await page.getByRole('heading', { name: 'Loss while the learning rate rises' }).waitFor({ timeout: 60_000 });
    await page
      .getByText(/^cnn-range-\d+: suggested learning rate/)
      .first()
      .waitFor({ timeout: 60_000 });
    await page.getByRole('img', { name: 'Loss against learning rate' }).waitFor();
    const use = page.getByRole('button', { name: /^Use \d/ });
    const rate = (await use.innerText()).replace('Use ', '');
    await use.click();
    expect(Number(await field('Learning rate').inputValue())).toBe(Number(rate));
    expect(await inBothLights()).toEqual([]);
  });

  test('a training shows its curves, and its accuracy equals that of the command line', async () => {
    await fillForm();
    await page
      .getByRole('complementary', { name: 'Train' })
      .getByRole('button', { name: 'Train', exact: true })
      .click();
    await page.getByRole('img', { name: 'Training and validation loss' }).waitFor({ timeout: 60_000 });
    await page.getByRole('heading', { name: 'Predictions on some images that are not trained on' }).waitFor();
    await page
      .getByText(/^cnn-\d+: [\d.]+ % of 30 images correct/)
      .first()
      .waitFor({ timeout: 60_000 });
    expect(await inBothLights()).toEqual([]);
    await page.getByRole('tab', { name: 'Result' }).click();
    const shown = await page
      .locator('dl[aria-label=Figures] div', { hasText: /^accuracy/ })
      .locator('dd')
      .first()
      .innerText();
    const { run } = await reference<{ run: { metrics: { accuracy: number } } }>('digits-cnn', [
      'train',
      digits,
      '--model',
      'cnn',
      '--size',
      '32',
      '--width',
      '4',
      '--epochs',
      '4',
      '--rotation',
      '90',
      '--policy',
      'none',
      '--learning-rate',
      '0.005',
    ]);
    expect(shown).toBe(`${(run.metrics.accuracy * 100).toFixed(1)} %`);
    await page.waitForFunction(() =>
      [...document.querySelectorAll<HTMLImageElement>('[role=tabpanel] img')].every(
        (image) => image.complete && image.naturalWidth > 0,
      ),
    );
    expect(await page.locator('section[aria-label=Hardest] li').count()).toBe(12);
    expect(await inBothLights()).toEqual([]);
  });

  test('a cell of the confusion matrix opens its images', async () => {
    const run = await ensureCnn();
    await openTrain();
    await page.getByRole('tab', { name: 'Result' }).click();
    const matrix = page.getByRole('region', { name: 'Confusion matrix' });
    await matrix.getByRole('button').first().waitFor();
    const labels = await matrix
      .getByRole('button')
      .evaluateAll((list) => list.map((cell) => cell.getAttribute('aria-label') as string));
    const parsed = labels.map((label) => /^(.+) as (.+): (\d+) images?$/.exec(label) as RegExpExecArray);
    expect(parsed.reduce((sum, [, , , count]) => sum + Number(count), 0)).toBe(30);
    const [label, given, predicted, count] = parsed.find(([, a, b]) => a !== b) as RegExpExecArray; // four epochs leave some errors
    await matrix.getByRole('button', { name: label, exact: true }).click();
    await page.getByText(`${count} shown`).waitFor();
    const paths = await page
      .locator('[role=option]')
      .evaluateAll((list) => list.map((element) => (element as HTMLElement).dataset.path as string));
    expect(paths).toHaveLength(Number(count));
    expect(paths.every((path) => path.startsWith(`${given}/`))).toBe(true);
    await page.locator('[role=option]').first().click();
    const said = page.getByRole('region', { name: `Predicted by ${run}` });
    expect(await said.locator('.first').innerText()).toContain(predicted);
    // Its predictions are a facet of classes, not a range of numbers.
    await page
      .getByRole('complementary', { name: 'Filters' })
      .getByRole('heading', { name: `${run} · predicted class` })
      .waitFor();
    expect(await inBothLights()).toEqual([]);
  });

  test('the settings of a run fill the form again, and a range test does not hide a result', async () => {
    await ensureCnn();
    await openTrain();
    await chooseCnn();
    await set('Width', '8');
    await field('Policy').selectOption('randaugment');
    await set('Learning rate', '0.01');
    await set('Fraction of train', '80');
    await page.getByRole('button', { name: 'Find rate' }).click();
    await page
      .getByText(/^cnn-range-\d+: suggested learning rate/)
      .first()
      .waitFor({ timeout: 60_000 });
    await page.getByRole('tab', { name: 'Result' }).click();
    await page.getByText('On 30 images of the test split.').waitFor();
    expect(await page.getByLabel('Run', { exact: true }).locator('option').allInnerTexts()).toEqual(
      (await engine.calls.runs.list.query())
        .filter(({ kind }) => kind === 'train')
        .map(({ id }) => expect.stringMatching(new RegExp(`^${id} · `))),
    );
    await page.getByRole('button', { name: 'Use its settings' }).click();
    const form = () =>
      Promise.all(['Width', 'Policy', 'Learning rate', 'Fraction of train'].map((name) => field(name).inputValue()));
    await expect.poll(form).toEqual(['4', 'none', '0.005', '70']);
  });

  test('the preview warns if a trained model misclassifies augmented images', async () => {
    const run = await ensureCnn();
    await openTrain();
    await chooseCnn();
    await page.getByRole('tab', { name: 'Preview' }).click();
    await field('Policy').selectOption('custom');
    await set('Rotation', '180');
    await page.getByLabel('Images', { exact: true }).fill('24');
    await page.getByLabel('Check with a model').selectOption(run);
    await page
      .getByText(
        new RegExp(
          `^${run} misclassifies \\d+ of \\d+ views of images that it classifies correctly: the augmentation may be too strong\\.$`,
        ),
      )
      .waitFor({ timeout: 30_000 });
    expect(
      await cells().evaluateAll((images) =>
        images.some((image) => /misclassified as/.test(image.getAttribute('alt') ?? '')),
      ),
    ).toBe(true);
    expect(await inBothLights()).toEqual([]);
  });
});
