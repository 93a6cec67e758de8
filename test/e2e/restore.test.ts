/** For a damaged workspace, the start page shows an error and the backups, and restores one with its decisions. */
import { copyFileSync, mkdirSync, readdirSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { blobFolder } from '../fixtures/images.ts';
import { doorName, openDoor, temporary, violationsInBothLights } from './door.ts';

test(`a damaged workspace is restored from a backup, ${doorName}`, async () => {
  const [own, folder] = [temporary(), await blobFolder()];
  const first = await openDoor(own.data, folder);
  await first.page.locator('[data-path="good/blob-01.png"]').click();
  await first.page.keyboard.press('x');
  await first.page.getByTitle('Undo: reject good/blob-01.png').waitFor(); // the engine has stored it
  await first.close();
  const [name] = readdirSync(join(own.data, 'workspaces'));
  const workspace = join(own.data, 'workspaces', name);
  const file = join(workspace, 'workspace.sqlite');
  mkdirSync(join(workspace, 'backups'), { recursive: true });
  copyFileSync(file, join(workspace, 'backups', '2026-01-02T03-04-05-678Z.sqlite'));
  truncateSync(file, 3 * 4096);

  const { page, close } = await openDoor(own.data); // `serve FOLDER` would refuse to start
  try {
    await page
      .getByRole('textbox', { name: 'Folder of images' })
      .or(page.getByRole('combobox', { name: 'Folder of images' }))
      .fill(folder);
    await page.getByRole('button', { name: 'Open', exact: true }).click();
    await page.getByRole('alert').first().waitFor();
    const backups = page.getByRole('region', { name: 'Backups' });
    await backups.getByText('Jan 2, 2026').waitFor();
    expect(await backups.innerText()).toMatch(/1 step · \d+ kB/);
    await backups.getByRole('button', { name: /Restore the backup of 1\/2\/2026/ }).click();
    await page.getByText('1 of 25 images reviewed').waitFor();
    expect(await page.locator('[data-path="good/blob-01.png"]').innerText()).toContain('Reject');
    expect(await violationsInBothLights(page)).toEqual([]);
  } finally {
    await close();
    own.remove();
  }
});
