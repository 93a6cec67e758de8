/** What cannot be done is said: labels without evidence are listed with their reasons, an import names columns and rows that it does not use, and says why it reads nothing. */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { winnowJson } from '../fixtures/command.ts';
import { copyDigits } from '../fixtures/images.ts';
import { doorName, openDoor, temporary, violations, violationsInBothLights, type OpenDoor } from './door.ts';
import { collectFaults } from './engine.ts';

const own = temporary();
const folder = join(own.work, 'signs');
let faults: string[];
let door: OpenDoor;
let page: Page;

beforeAll(async () => {
  copyDigits(folder, ['0', '1'], 6);
  copyDigits(folder, ['2', '5'], 1);
  const first = join(folder, '5', readdirSync(join(folder, '5'))[0]);
  const bytes = readFileSync(first);
  for (const [i, quality] of [96, 90, 84].entries())
    writeFileSync(join(folder, '5', `burst-${i}.jpg`), await sharp(bytes).jpeg({ quality }).toBuffer());
  door = await openDoor(own.data, folder);
  page = door.page;
  faults = collectFaults(page, /^Failed to load resource/); // some files are refused here
  await page.getByText('17 shown').waitFor();
  await page.getByRole('contentinfo').getByText('Scan: 17 image files').waitFor();
});
afterEach(() => expect(faults.splice(0)).toEqual([]));
afterAll(async () => {
  await door?.close();
  own.remove();
});

const table = (name: string, content: string): string => {
  const file = join(own.work, name);
  writeFileSync(file, content);
  return file;
};

describe(`what cannot be done, ${doorName}`, () => {
  test('labels that no model could judge are listed by class, with the reason', async () => {
    await page
      .getByRole('navigation')
      .getByRole('button', { name: /^Labels/ })
      .click();
    await page.getByRole('button', { name: 'Find label errors' }).first().click();
    const section = page.getByRole('region', { name: 'Not judged' });
    await section.waitFor({ timeout: 120_000 });
    expect(await section.getByRole('heading').textContent()).toBe('5 images cannot be judged');
    const entries = await section
      .locator('dl > div')
      .evaluateAll((list) =>
        list.map((entry) => [
          [...(entry.querySelector('dt')?.children ?? [])].map(({ textContent }) => textContent),
          entry.querySelector('dd')?.textContent,
        ]),
      );
    expect(entries).toEqual(
      expect.arrayContaining([
        [['2', '1'], '2 has only 1 image, so no model could learn 2 without it.'],
        [['5', '4'], 'All 4 images of 5 are near copies, so no model could learn 5 without them.'],
      ]),
    );
    expect(entries).toHaveLength(2);
    expect(await violationsInBothLights(page)).toEqual([]);
  });

  test('an import names the columns and the rows that it does not use, before anything changes', async () => {
    const [image] = readdirSync(join(folder, '0')).sort();
    const file = table('marks.csv', `path,label,stars\n0/${image},1,4\nelsewhere/7.jpg,1,2\n`);
    await openImport(file);
    const dialog = page.getByRole('dialog');
    await dialog.getByText('The column stars is not used. Marks are read from the columns decision,').waitFor();
    await dialog.getByText('Show the row without a matching image').click();
    await dialog.getByRole('listitem').getByText('elsewhere/7.jpg').waitFor();
    expect(await violations(page)).toEqual([]);
    expect(await marked()).toBe(0);
    await dialog.getByRole('button', { name: 'Change 1 image' }).click();
    await dialog.getByText('1 image changed').waitFor();
    await dialog.getByText('The column stars is not used.').waitFor();
    await dialog.getByRole('button', { name: 'Undo' }).click();
    await dialog.getByRole('button', { name: 'Change 1 image' }).waitFor();
    expect(await marked()).toBe(0);
    await page.keyboard.press('Escape');
  });

  test.each([
    [
      'other.csv',
      'file,stars\na.jpg,4\n',
      /names images, but says nothing about them\. The column stars is not used\./,
    ],
    [
      'broken.json',
      '{"images": [1,\n',
      /^Line 2 of broken\.json is not JSON: [^(]*\. Correct it, or save the file again\.$/,
    ],
    ['rows.jsonl', '{"path": "a.jpg", "label": }\n', /^Line 1 of rows\.jsonl is not JSON: .* Correct it/],
  ])('%s is refused in words', async (name, content, message) => {
    await openImport(table(name, content));
    const dialog = page.getByRole('dialog');
    expect(await dialog.getByRole('alert').textContent()).toMatch(message);
    expect(await dialog.getByRole('button', { name: 'Import', exact: true }).isDisabled()).toBe(true);
    await page.keyboard.press('Escape');
  });

  test('a table about other images says so', async () => {
    await openImport(table('others.csv', 'path,label\nelsewhere/7.jpg,1\n'));
    const dialog = page.getByRole('dialog');
    await dialog.getByText('No row matches an image of this folder. Use paths relative to signs.').waitFor();
    expect(await dialog.getByRole('button', { name: 'Nothing to change' }).isDisabled()).toBe(true);
    await page.keyboard.press('Escape');
  });
});

async function openImport(file: string): Promise<void> {
  await page.keyboard.press('Control+k');
  await page.keyboard.type('Import decisions');
  await page.keyboard.press('Enter');
  await page.getByLabel('File to import').fill(file);
}

const marked = async (): Promise<number> =>
  (await winnowJson<{ samples: unknown[] }>(['show', folder, '--where', 'label != none'], { WINNOW_DATA: own.data }))
    .samples.length;
