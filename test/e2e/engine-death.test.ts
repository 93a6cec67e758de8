/**
 * The engine crashes while the window is open: decisions made meanwhile are queued and applied in order. Decisions that no longer fit are shown, and never applied to
 * another image.
 */
import { readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ElectronApplication, Page } from 'playwright';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { winnowJson } from '../fixtures/command.ts';
import { blobFolder } from '../fixtures/images.ts';
import { doorName, enginePid, openDoor, temporary, type OpenDoor } from './door.ts';
import { loadFresh, markUnused, type EngineFolder } from './engine.ts';

const own = temporary();
let door: OpenDoor;
let page: Page;
let folder: string;
let engine: EngineFolder;

const status = (text: RegExp | string) => page.getByRole('contentinfo').getByText(text).waitFor();
const kill = () => process.kill(enginePid(door.app as ElectronApplication) as number, 'SIGKILL');
const tile = (path: string) => page.locator(`[data-path="${path}"]`);
/** The decisions as another program reads them. */
const decided = async () =>
  Object.fromEntries(
    (
      await winnowJson<{ samples: { path: string; decision: string | null }[] }>(['show', folder], {
        WINNOW_DATA: own.data,
      })
    ).samples
      .filter(({ decision }) => decision)
      .map(({ path, decision }) => [path, decision]),
  );

// In the browser the engine is `serve` itself: if it crashes, nothing restarts it.
describe.runIf(doorName === 'electron')('an engine that crashes', () => {
  beforeAll(async () => {
    folder = await blobFolder();
    door = await openDoor(own.data, folder);
    page = door.page;
    await status('Scan: 25 image files, 25 read');
    markUnused(page);
  });
  beforeEach(async () => {
    engine = await loadFresh(page, folder);
  });
  afterAll(async () => {
    await door?.close();
    own.remove();
  });

  test('loses no decision that is made right after, and keeps their order', async () => {
    await tile('good/blob-01.png').click();
    for (const round of [0, 1]) {
      kill();
      await page.keyboard.press('u'); // then the cursor is on the next image
      await page.keyboard.press('x');
      await page.keyboard.press('k');
      await page.keyboard.press('Control+z');
      await status('not saved yet');
      await page.getByText('not saved yet').waitFor({ state: 'detached' });
      await status(`${(round + 1) * 2} of 25 images reviewed`);
      await page.keyboard.press('ArrowLeft'); // the image whose decision was undone
    }
    expect(await decided()).toEqual({
      'good/blob-01.png': 'unsure',
      'good/blob-03.png': 'reject',
      'good/blob-05.png': 'unsure',
      'good/blob-07.png': 'reject',
    });
    expect(await page.getByText(/^Not saved/).count()).toBe(0);
  });

  test('reports a change that cannot be queued as not saved, until the person dismisses it', async () => {
    await page.getByRole('button', { name: /^good \d+$/ }).click();
    await page.getByRole('button', { name: 'Views' }).click();
    await page.getByLabel('Save the current view as').fill('the good ones');
    kill();
    await status('The engine is restarting…');
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByText(/^Not saved\. The engine/).waitFor();
    await page.getByText('The engine is restarting…', { exact: true }).waitFor({ state: 'detached' });
    expect(await page.getByText(/^Not saved\. The engine/).isVisible()).toBe(true);
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.locator('#views-menu .name').getByText('the good ones').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Dismiss' }).first().click();
  });

  test('decisions queued for a workspace that was created again are shown and set aside', async () => {
    await tile('good/blob-13.png').click();
    const workspaces = join(own.data, 'workspaces');
    const [name] = readdirSync(workspaces);
    kill();
    await page.keyboard.press('x');
    renameSync(join(workspaces, name), join(own.data, 'before')); // before the engine has restarted: it creates another workspace
    await status(/not saved yet|not applied/);
    await status('1 not applied…');
    await status('0 of 25 images reviewed');
    await page.getByRole('contentinfo').getByText('1 not applied…').click();
    const dialog = page.getByRole('dialog', { name: 'Not applied' });
    await dialog.getByText('good/blob-13.png').waitFor();
    expect(await dialog.innerText()).toContain('reject');
    await dialog.getByRole('button', { name: 'Discard' }).click();
    await page.getByText('not applied…').waitFor({ state: 'detached' });
    expect(await engine.paths('decision != none')).toEqual([]);
    rmSync(join(own.data, 'before'), { recursive: true });
  });
});

describe(`decisions queued by an older version, ${doorName}`, () => {
  test('are shown and set aside, and the folder opens', async () => {
    const other = temporary();
    const images = await blobFolder();
    const older = await openDoor(other.data, images);
    try {
      const seen = older.page;
      const footer = seen.getByRole('contentinfo');
      await footer.getByText('Scan: 25 image files, 25 read').waitFor();
      const workspace = await seen.evaluate(
        () =>
          /\/w\/([0-9a-f]+)\//.exec(
            document.querySelector<HTMLImageElement>('[role=option] img')?.src ?? '',
          )?.[1] as string,
      );
      const at = seen.url();
      await seen.goto(
        new URL(
          (await seen.evaluate(() =>
            document.querySelector<HTMLScriptElement>('script[src]')?.getAttribute('src'),
          )) as string,
          at,
        ).href,
      ); // the same origin, without the page
      await seen.evaluate(async (id) => {
        await new Promise((tell) => {
          indexedDB.deleteDatabase('winnow-outbox').onsuccess = tell;
        });
        const opening = indexedDB.open('winnow-outbox', 20);
        opening.onupgradeneeded = () =>
          opening.result
            .createObjectStore('waiting', { keyPath: 'seq', autoIncrement: true })
            .createIndex('workspace', 'workspace');
        await new Promise((tell) => {
          opening.onsuccess = tell;
        });
        const writing = opening.result.transaction('waiting', 'readwrite');
        writing.objectStore('waiting').add({ workspace: id, ids: [1, 777], change: { decision: 'reject' } });
        await new Promise((tell) => {
          writing.oncomplete = tell;
        });
        opening.result.close();
      }, workspace);
      await seen.goto(at);
      await footer.getByText('1 not applied…').waitFor();
      await footer.getByText('0 of 25 images reviewed').waitFor();
      await footer.getByText('1 not applied…').click();
      expect(await seen.getByRole('dialog', { name: 'Not applied' }).innerText()).toMatch(/reject\s+2 images/);
    } finally {
      await older.close();
      other.remove();
    }
  });
});
