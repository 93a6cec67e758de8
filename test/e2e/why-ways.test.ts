/** The ways to a map from where a person doubts a network: the hardest images of a classifier, and the images whose evidence lies outside of their mask. */
import type { Page } from 'playwright';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { markedFolder } from '../fixtures/marked.ts';
import { doorName, openDoor, temporary, violationsInBothLights, type OpenDoor } from './door.ts';
import { collectFaults, loadFresh, markUnused, type EngineFolder } from './engine.ts';

const own = temporary();
let folder: string;
let door: OpenDoor;
let page: Page;
let faults: string[];
let engine: EngineFolder;
let classifier: string;

beforeAll(async () => {
  ({ folder } = await markedFolder(12, { masks: true }));
  door = await openDoor(own.data, folder);
  page = door.page;
  faults = collectFaults(page);
  await page.getByText(/^[\d,]+ shown$/).waitFor();
  markUnused(page);
});
beforeEach(async () => {
  engine = await loadFresh(page, folder);
  classifier = await engine.ensureRun(
    ({ method }) => method === 'cnn',
    () =>
      engine.calls.classifier.train.mutate({
        model: 'cnn',
        parameters: { sizePx: 32, width: 8, epochs: 4, policy: 'none' },
      }),
  );
});
afterEach(() => expect(faults.splice(0)).toEqual([]));
afterAll(async () => {
  await door?.close();
  own.remove();
});

const go = (place: string) => page.getByRole('navigation').getByRole('button', { name: place }).click();
const loupe = () => page.getByRole('region', { name: 'Loupe' });
const card = () => page.getByRole('region', { name: 'Why this image' });

test(`from the hardest images of a classifier, ${doorName}`, async () => {
  await go('Train');
  await page.getByRole('tab', { name: 'Result' }).click();
  const strip = page.getByRole('region', { name: 'Hardest', exact: true });
  const path = (await strip.getByRole('img').first().getAttribute('alt'))!;
  await strip.getByRole('listitem').first().hover();
  await strip.getByRole('button', { name: `Why ${path}` }).click();
  await loupe().locator('canvas').waitFor();
  expect(await card().getByLabel('Model').inputValue()).toBe(classifier);
  expect(await loupe().getByTitle(path).count()).toBeGreaterThan(0);
  expect(await violationsInBothLights(page)).toEqual([]);
});

test(`to the images whose evidence lies outside of their mask, ${doorName}`, async () => {
  await page.keyboard.press('Shift+I');
  await page.getByRole('combobox', { name: 'Network' }).selectOption(classifier);
  await page.getByRole('tab', { name: 'Why' }).click();
  await page.getByRole('button', { name: 'By class' }).click();
  await page.getByRole('button', { name: 'Where does it look?' }).click();
  await page.getByRole('button', { name: 'Images whose evidence lies outside their mask' }).click();
  const outside = await engine.column(`${classifier}.outside`);
  const compared = await engine.rows("class = 'marked'");
  const worst = compared.toSorted((a, b) => outside[b.id] - outside[a.id])[0];
  expect(outside[worst.id]).toBeGreaterThan(0);
  await expect.poll(() => page.locator('[role=option]').first().getAttribute('data-path')).toBe(worst.path);
});
