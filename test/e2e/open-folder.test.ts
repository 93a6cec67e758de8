/** A folder given at the start is opened and is listed as recent later. The window and the command line show the same state of a folder. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { winnow } from '../fixtures/command.ts';
import { blobFolder } from '../fixtures/images.ts';
import { doorName, openDoor, temporary, type OpenDoor } from './door.ts';
import { goToStart, loadFresh } from './engine.ts';

const own = temporary();
let door: OpenDoor;
let folder: string;
const status = (text: string) => door.page.getByRole('contentinfo').getByText(text).waitFor();

beforeAll(async () => {
  folder = await blobFolder();
  door = await openDoor(own.data, folder);
  await status('Scan: 25 image files, 25 read'); // it is already open
});
afterAll(async () => {
  await door?.close();
  own.remove();
});

describe(`a folder given at the start, ${doorName}`, () => {
  test('is open, and shows decisions of the command line', async () => {
    const { page } = door;
    await loadFresh(page, folder);
    await page.locator('[data-path="good/odd.png"]').waitFor();
    await page.getByRole('button', { name: /^good \d+$/ }).click();
    await page.getByText('13 shown').waitFor();

    // The command line finds this engine by the workspace's lock, and becomes its client.
    const decided = await winnow(['decide', folder, 'good/odd.png', '--reject'], { WINNOW_DATA: own.data });
    expect(decided.code, decided.err).toBe(0);
    await status('1 of 13 images reviewed'); // of the filtered images
    expect(await page.locator('[data-path="good/odd.png"]').innerText()).toContain('Reject');
    const undone = await winnow(['undo', folder], { WINNOW_DATA: own.data });
    expect(undone.err).toContain('Undone: reject good/odd.png.');
    await status('0 of 13 images reviewed');
  });

  test('is in the list of recent folders later', async () => {
    const { page } = door;
    await goToStart(page);
    await page.getByText('Recent folders').waitFor();
    await page.locator('button.recent').click();
    await page.getByText('25 shown').waitFor();
  });
});
