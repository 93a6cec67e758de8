/** Keys, menus and the palette, in fields, selects and the grid; and queued jobs. */
import type { Page } from 'playwright';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { winnowJson } from '../fixtures/command.ts';
import { blobFolder } from '../fixtures/images.ts';
import { doorName, openDoor, temporary, violations, type OpenDoor } from './door.ts';
import { loadFresh, markUnused, type EngineFolder } from './engine.ts';

const own = temporary();
let door: OpenDoor;
let page: Page;
let folder: string;
let engine: EngineFolder;

beforeAll(async () => {
  folder = await blobFolder();
  door = await openDoor(own.data, folder);
  page = door.page;
  await page.getByText('25 shown').waitFor();
  await page.getByRole('contentinfo').getByText('Scan: 25 image files, 25 read').waitFor();
  markUnused(page);
});
beforeEach(async () => {
  engine = await loadFresh(page, folder);
});
afterAll(async () => {
  await door?.close();
  own.remove();
});

const press = async (...keys: string[]) => {
  for (const key of keys) await page.keyboard.press(key);
};
const status = (text: RegExp | string) => page.getByRole('contentinfo').getByText(text).waitFor();
const palette = () => page.getByRole('dialog', { name: 'All commands' });

describe(`keys and menus, ${doorName}`, () => {
  test.each([
    ['Views', 'Saved views', 'below'],
    ['Tile captions', 'Tile captions', 'below'],
    [/threads?$/, 'Compute backend', 'above'],
  ] as const)('the menu of %s opens at its button', async (name, title, side) => {
    const button = page.getByRole('button', { name });
    await button.click();
    const menu = page.getByRole('group', { name: title });
    const [at, box, size] = [(await button.boundingBox())!, (await menu.boundingBox())!, page.viewportSize()!];
    const gap = side === 'below' ? box.y - (at.y + at.height) : at.y - (box.y + box.height);
    expect(gap).toBeGreaterThanOrEqual(0);
    expect(gap).toBeLessThan(12);
    // Its left or right edge is aligned with the button, and it is inside the window.
    expect(Math.min(Math.abs(box.x - at.x), Math.abs(box.x + box.width - at.x - at.width))).toBeLessThan(2);
    expect([box.x >= 0, box.y >= 0, box.x + box.width <= size.width, box.y + box.height <= size.height]).toEqual([
      true,
      true,
      true,
      true,
    ]);
    await press('Escape');
    await menu.waitFor({ state: 'hidden' });
  });

  test('Tab leaves the grid', async () => {
    await page.locator('[data-path="good/blob-01.png"]').click();
    const seen = new Set<string>();
    for (let n = 0; n < 6; n++) {
      await press('Tab');
      seen.add(
        await page.evaluate(() => {
          const { activeElement } = document;
          return activeElement === document.body
            ? 'nothing'
            : `${activeElement?.tagName} ${activeElement?.getAttribute('aria-label') ?? activeElement?.textContent?.trim()}`;
        }),
      );
    }
    expect(seen.size).toBeGreaterThan(4);
    expect(await page.locator('.cursor, [aria-selected=true]').first().getAttribute('data-path')).toBe(
      'good/blob-01.png',
    ); // the cursor did not move
  });

  test('after a choice from a select, the keys are commands again', async () => {
    const sort = page.getByRole('combobox', { name: 'Sort by' });
    await page.locator('[data-path="good/blob-01.png"]').click();
    await sort.click();
    await sort.selectOption({ label: 'File size' });
    await press('p');
    await status('1 of 25 images reviewed');
    expect(await sort.inputValue()).toBe('bytes');
    // Also with the keyboard: letters are commands, arrows change the choice.
    await sort.focus();
    await press('x');
    await status('2 of 25 images reviewed');
    expect(await sort.inputValue()).toBe('bytes');
    await press('ArrowDown');
    expect(await sort.inputValue()).toBe('width');
  });

  test('a tab keeps only the keys that it uses', async () => {
    const places = page.getByRole('navigation');
    const selected = (name: string) => page.getByRole('tab', { name, selected: true }).waitFor();
    await places.getByRole('button', { name: 'Train' }).click();
    await page.getByRole('tab', { name: 'Preview' }).click();
    await press('ArrowRight');
    await selected('Training');
    await press('ArrowLeft', 'ArrowLeft');
    await selected('Advice');
    await press('g');
    await page.locator('[data-path="good/blob-01.png"]').waitFor();
    expect(await places.getByRole('button', { name: 'Gallery' }).getAttribute('aria-current')).toBe('page');
  });

  test('commands with Ctrl work in a field, letters and the keys of text do not', async () => {
    const field = page.getByRole('searchbox');
    await field.click();
    await page.keyboard.type('pux');
    await page.getByText('Nothing matches').waitFor(); // letters are text in a field
    await press('Control+a', 'Control+x');
    expect(await field.inputValue()).toBe('');
    expect(await page.getByText(/\d+ selected/).count()).toBe(0);
    await status('0 of 25 images reviewed');
    await press('Control+k');
    await palette().waitFor();
    await press('Escape');
    await palette().waitFor({ state: 'detached' });
    await field.focus();
    await press('Control+e');
    await page.getByRole('dialog', { name: 'Export' }).waitFor();
    await press('Escape');
    await page.getByRole('dialog', { name: 'Export' }).waitFor({ state: 'detached' });
  });

  test('the palette creates a tag from an unknown word only if that item is chosen', async () => {
    const added = (samples: readonly { tags: readonly string[]; label: string | null }[]) =>
      samples.flatMap(({ tags, label }) => [...tags, label]).filter(Boolean);
    const inEngine = async () => added(await engine.rows('width > 0'));
    const tagsByCommand = async () =>
      added(
        (
          await winnowJson<{ samples: Parameters<typeof added>[0] }>(['show', folder], {
            WINNOW_DATA: own.data,
          })
        ).samples,
      );
    await page.locator('[data-path="good/blob-03.png"]').click();
    await press('Control+k');
    await page.keyboard.type('qxzzy');
    await palette().getByText('No command has ‘qxzzy’ in its name.').waitFor();
    expect(await palette().locator('[aria-selected=true]').count()).toBe(0);
    expect(await violations(page)).toEqual([]);
    await press('Enter');
    expect(await palette().isVisible()).toBe(true);
    await press('Escape');
    expect(await tagsByCommand()).toEqual([]);
    await press('Control+k');
    await page.keyboard.type('qxzzy');
    await palette().getByText('Tag as ‘qxzzy’').waitFor();
    await press('ArrowDown', 'Enter');
    await expect.poll(inEngine).toEqual(['qxzzy']);
  });

  test('jobs started while another one runs are shown in a queue, moved and cancelled', async () => {
    await page.getByRole('navigation').getByRole('button', { name: 'Anomalies' }).click();
    await page.getByRole('radio', { name: 'Conv AE' }).click();
    await page.getByLabel('Epochs').fill('2000');
    await page.getByLabel('Epochs').press('Tab');
    await page.getByRole('button', { name: 'Train and rank' }).click();
    await status('Training');
    await page.getByTitle('Principal components', { exact: true }).click();
    await page.getByRole('button', { name: 'Queue' }).click();
    await page
      .getByText('Rank with Principal components waits until Rank with Convolutional autoencoder has ended.')
      .waitFor();
    await press('F5'); // a scan is queued too
    await page.getByRole('contentinfo').getByRole('button', { name: '2 waiting' }).click();
    const jobs = page.getByRole('dialog', { name: 'Jobs' });
    const titles = () =>
      jobs
        .getByRole('listitem')
        .evaluateAll((list) => list.slice(0, 3).map((item) => item.querySelector('b')?.textContent));
    expect(await titles()).toEqual(['Rank with Convolutional autoencoder', 'Rank with Principal components', 'Scan']);
    expect(await violations(page)).toEqual([]);
    await jobs.getByRole('button', { name: 'Scan: next' }).click();
    await expect
      .poll(titles)
      .toEqual(['Rank with Convolutional autoencoder', 'Scan', 'Rank with Principal components']);
    await jobs.getByRole('button', { name: 'Scan: later' }).click();
    await expect
      .poll(titles)
      .toEqual(['Rank with Convolutional autoencoder', 'Rank with Principal components', 'Scan']);
    await jobs.getByRole('button', { name: 'Cancel Scan' }).click();
    await jobs.getByRole('button', { name: 'Cancel Rank with Convolutional autoencoder' }).click();
    await press('Escape');
    await page
      .getByText(/pca-\d+: 25 images ranked/)
      .first()
      .waitFor(); // it ran when the other had ended
  });
});
