/** Stacks: the inspector says which plane is shown, and shows another one of all stacks; an open page draws the new pixels. */
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { doorName, openDoor, temporary, violationsInBothLights, type OpenDoor } from './door.ts';
import { collectFaults } from './engine.ts';

const own = temporary();
const folder = join(own.work, 'cells');
let faults: string[];
let door: OpenDoor;
let page: Page;

beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  const pictures = join(import.meta.dirname, '..', 'fixtures', 'tiff-pictures');
  for (const name of ['stack.ome.tif', 'stack-imagej.tif']) cpSync(join(pictures, name), join(folder, name));
  door = await openDoor(own.data, folder);
  page = door.page;
  faults = collectFaults(page);
  await page.getByText('2 shown').waitFor();
  await page.getByRole('contentinfo').getByText('Scan: 2 image files').waitFor();
});
afterEach(() => expect(faults.splice(0)).toEqual([]));
afterAll(async () => {
  await door?.close();
  own.remove();
});

/** The level of a point of the thumbnail in the gallery. */
const levelAt = (x: number) =>
  page.evaluate(async (at) => {
    const image = document.querySelector<HTMLImageElement>('[role=option] img')!;
    await image.decode();
    const canvas = Object.assign(document.createElement('canvas'), { width: 32, height: 16 });
    const context = canvas.getContext('2d')!;
    context.drawImage(image, 0, 0);
    return context.getImageData(at, 8, 1, 1).data[0];
  }, x);

describe(`through ${doorName}`, () => {
  test('the plane is told and chosen, for all stacks', async () => {
    await page.locator('[role=option]').first().click();
    const shown = (notice: string) => page.locator('dl').getByText(notice, { exact: true });
    await shown('channel 1 of 2, z 1 of 3').waitFor();
    const before = await levelAt(4);
    const planes = page.getByRole('group', { name: 'Plane of all stacks' });
    expect(await planes.getByLabel('Channel').inputValue()).toBe('1');
    expect(await violationsInBothLights(page)).toEqual([]);

    await planes.getByLabel('Z').fill('3');
    await planes.getByLabel('Z').press('Enter');
    await shown('channel 1 of 2, z 3 of 3').waitFor();
    await planes.getByLabel('Channel').fill('2');
    await planes.getByLabel('Channel').press('Enter');
    await shown('channel 2 of 2, z 3 of 3').waitFor();
    await expect.poll(async () => (await levelAt(4)) - before).toBeGreaterThanOrEqual(3); // 105 and 100

    await page.locator('[role=option]').nth(1).click();
    await shown('channel 2 of 2, z 3 of 3').waitFor();
    await shown('105 to 205 · uint16').waitFor();
  });

  test('a place that no stack has is not taken', async () => {
    const z = page.getByRole('group', { name: 'Plane of all stacks' }).getByLabel('Z');
    await z.fill('9');
    await z.press('Enter');
    expect(await z.evaluate((input: HTMLInputElement) => input.validity.rangeOverflow)).toBe(true);
    await page.locator('dl').getByText('channel 2 of 2, z 3 of 3', { exact: true }).waitFor();
  });
});
