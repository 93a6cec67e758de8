/**
 * The main job as a person does it, through the window and through the browser: open a folder, rank its images, look, decide, export.
 * Each result is checked against the files, the command line, or the pixels on the screen.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { reference, type RankJson } from '../fixtures/command.ts';
import { sharedSet } from '../fixtures/images.ts';
import { doorName, openDoor, temporary, violations, violationsInBothLights, type OpenDoor } from './door.ts';

const cookies = sharedSet('cookies');
const own = temporary();
let door: OpenDoor;
let page: Page;
const faults: string[] = [];
let [readable, broken] = [0, 0]; // files of the set of nasty ones

beforeAll(async () => {
  door = await openDoor(own.data);
  page = door.page;
  page.on('pageerror', (error) => faults.push(error.message));
  page.on(
    'console',
    (message) =>
      message.type() === 'error' && !/^Failed to load resource/.test(message.text()) && faults.push(message.text()),
  ); // refusals are expected here
});
afterAll(async () => {
  await door?.close();
  own.remove();
});

const tiles = () => page.locator('[role=option]'); // by role would also find the choices of fields
const shownPaths = () =>
  tiles().evaluateAll((list) => list.map((element) => (element as HTMLElement).dataset.path as string));
const press = async (...keys: string[]) => {
  for (const key of keys) await page.keyboard.press(key);
};
const status = (text: RegExp | string) => page.getByRole('contentinfo').getByText(text).waitFor();
const openFolder = async (folder: string) => {
  await page
    .getByRole('textbox', { name: 'Folder of images' })
    .or(page.getByRole('combobox', { name: 'Folder of images' }))
    .fill(folder);
  await page.getByRole('button', { name: 'Open', exact: true }).click();
};
const place = (name: 'Gallery' | 'Anomalies' | 'Issues') =>
  page.getByRole('navigation').getByRole('button', { name }).click();
const accessible = () => violations(page);
const inBothLights = () => violationsInBothLights(page);
const fingerprint = (folder: string) =>
  createHash('sha256')
    .update(
      readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .sort()
        .map(
          (file) =>
            `${file} ${statSync(file).mtimeMs} ${createHash('sha256').update(readFileSync(file)).digest('hex')}`,
        )
        .join('\n'),
    )
    .digest('hex');
const before = fingerprint(cookies);

/** Trains in the page, with the form's own fields, and waits for the ranking. */
async function rankInPage(
  method: 'Convolutional autoencoder' | 'Principal components',
  normal: string,
  epochs: number | null,
) {
  await place('Anomalies');
  await page.getByRole('radio', { name: method }).or(page.getByTitle(method)).first().click();
  await page.getByLabel('Train on').fill('train/good/**');
  await page.getByText(`${normal} images, assumed to be normal`).waitFor();
  if (epochs !== null) {
    await page.getByLabel('Epochs').fill(String(epochs));
    await page.getByLabel('Epochs').press('Tab');
  }
  // What it would take is told before it is asked for; the components are no training by batches.
  if (method === 'Convolutional autoencoder')
    await page.getByText(/^About [\d.]+ MB of memory, [\d.]+ GB free$/).waitFor();
  await page.getByRole('button', { name: /^Train (and rank|again)$/ }).click();
}

/** The defaults of the window's form and of the command line are one, and so are their scores. */
async function rankedAsOnTheCommandLine(folder: string, run: string, count: number) {
  await page.getByText(`${run}: ${count} images ranked.`).waitFor({ timeout: 120_000 });
  await page.getByRole('button', { name: 'Show all, not only flagged images' }).click();
  await page.getByText(`${count} shown`).waitFor();
  const line = await reference<RankJson>(`${basename(folder)}-${run}`, ['rank', folder, '--train-on', 'train/good/**']);
  expect(line.samples).toHaveLength(count);
  const shown = await shownPaths();
  expect(shown.length).toBeGreaterThan(8);
  expect(shown).toEqual(line.samples.slice(0, shown.length).map(({ path }) => path));
  // The whole order, by the scores themselves.
  const column = await page.evaluate(async (name) => {
    const id = /\/w\/([0-9a-f]+)\//.exec(document.querySelector<HTMLImageElement>('[role=option] img')?.src ?? '')?.[1];
    return [...new Float64Array(await (await fetch(`/w/${id}/columns/${name}?r=now`)).arrayBuffer())].filter(
      (value) => !Number.isNaN(value),
    );
  }, `${run}.error`);
  expect(column.sort((a, b) => b - a)).toEqual(line.samples.map(({ score }) => score));
}

describe(`the main job, ${doorName}`, () => {
  test('the start page says what is wrong with a folder that is not there', async () => {
    await page.getByText('Cookies, whole and broken').waitFor();
    expect(await accessible()).toEqual([]);
    await openFolder('/nowhere/at/all');
    await page.getByRole('alert').getByText('There is no folder /nowhere/at/all.').waitFor();
  });

  test('a folder opens, and its images appear', async () => {
    await openFolder(cookies);
    await status('Scan: 85 image files, 85 read');
    await page.getByText('85 shown').waitFor();
    await page.waitForFunction(() =>
      [...document.querySelectorAll<HTMLImageElement>('[role=option] img')].every(
        (image) => image.complete && image.naturalWidth > 0,
      ),
    );
    expect(await tiles().count()).toBeGreaterThan(8);
    expect(await tiles().count()).toBeLessThan(85); // only what is in view
    expect((await shownPaths())[0]).toBe('test/broken/anomaly-1.jpg');
    expect(await inBothLights()).toEqual([]);
  });

  test('decisions by keyboard, undone and done again, kept over a reload', async () => {
    await tiles().first().click();
    await press('x', 'p', 'u', 'x');
    await status('4 of 85 images reviewed');
    const marks = async () =>
      await tiles().evaluateAll((list) =>
        list
          .slice(0, 5)
          .map((element) => element.querySelector('.visually-hidden')?.textContent?.split(', ')[1] ?? null),
      );
    expect(await marks()).toEqual(['Reject', 'Keep', 'Unsure', 'Reject', null]);
    await press('Control+z', 'Control+z');
    await status('2 of 85 images reviewed');
    await press('Control+Shift+z');
    await status('3 of 85 images reviewed');
    await page.reload();
    await status('3 of 85 images reviewed');
    expect(await marks()).toEqual(['Reject', 'Keep', 'Unsure', null, null]);
    await press('Control+z', 'Control+z', 'Control+z');
    await status('0 of 85 images reviewed');
    // Typing is typing.
    await page.getByRole('searchbox').fill('');
    await page.getByRole('searchbox').pressSequentially('pux');
    await page.getByText('Nothing matches').waitFor();
    await page.getByRole('button', { name: 'Show all' }).click();
    await status('0 of 85 images reviewed');
  });

  test('a ranking by principal components is that of the command line', async () => {
    await rankInPage('Principal components', '31 of 85', null);
    await page.getByText('Flagged 4 of 85 (4.7 %)').waitFor();
    await page.getByRole('button', { name: 'Show all, not only flagged images' }).click();
    await page.getByText('85 shown').waitFor();
    const line = await reference<RankJson>('cookies-pca', [
      'rank',
      cookies,
      '--method',
      'pca',
      '--train-on',
      'train/good/**',
      '--seed',
      '1',
    ]);
    const shown = await shownPaths();
    expect(shown).toEqual(line.samples.slice(0, shown.length).map(({ path }) => path));
    await page.getByRole('button', { name: 'Most anomalous first' }).click();
    await expect.poll(async () => (await shownPaths())[0]).toBe(line.samples.at(-1)?.path);
    await page.getByRole('button', { name: 'Least anomalous first' }).click();
  });

  test('the threshold is dragged and stepped, and the gallery follows', async () => {
    const flaggedNow = async () =>
      Number(/Flagged (\d+) of 85/.exec(await page.getByText(/^Flagged/).innerText())?.[1]);
    const handle = page.getByRole('slider', { name: 'Threshold' });
    const box = (await handle.boundingBox()) as { x: number; y: number; width: number; height: number };
    await page.mouse.move(box.x + box.width / 2, box.y + 40);
    await page.mouse.down();
    await page.mouse.move(box.x - 120, box.y + 40, { steps: 6 });
    const dragged = await flaggedNow();
    expect(dragged).toBeGreaterThan(4);
    await page.getByText(`${dragged} shown`).waitFor();
    await page.mouse.up();
    await handle.focus();
    await press('Home');
    await page.getByText('Flagged 85 of 85 (100.0 %)').waitFor();
    await page.getByRole('button', { name: '10 %' }).click();
    await page.getByText(/^Flagged 8 of 85/).waitFor();
    await page.getByText('8 shown').waitFor();
  });

  test('original, reconstruction, difference and overlay of an image', async () => {
    await tiles().first().click();
    await page.getByText('rank 1 of 85').waitFor();
    await page.waitForFunction(() =>
      [...document.querySelectorAll<HTMLImageElement>('figure img')].every(
        (image) => image.complete && image.naturalWidth > 0,
      ),
    );
    expect(
      await page
        .locator('figure img[alt=Reconstruction]')
        .evaluate((image) => (image as HTMLImageElement).naturalWidth),
    ).toBe(64);
    // The most anomalous image has errors at the top of the scale, and places without.
    await expect
      .poll(() =>
        page
          .locator('figure canvas')
          .first()
          .evaluate((canvas) => {
            const { width, height } = canvas as HTMLCanvasElement;
            const { data } = (canvas as HTMLCanvasElement)
              .getContext('2d', { willReadFrequently: true })!
              .getImageData(0, 0, width, height);
            const reds = Array.from({ length: width * height }, (_, i) => data[i * 4]);
            return [width, height, Math.max(...reds) > 200, Math.min(...reds) < 40];
          }),
      )
      .toEqual([64, 64, true, true]);
    expect(await inBothLights()).toEqual([]);
  });

  test('a training shows its loss and can be cancelled at once', async () => {
    await rankInPage('Convolutional autoencoder', '31 of 85', 2000);
    await status(/Training/);
    await page.getByRole('img', { name: 'Training and validation loss' }).waitFor();
    await page.getByRole('contentinfo').getByRole('button', { name: 'Cancel' }).click();
    await status('Rank with Convolutional autoencoder: cancelled');
  });

  test('the autoencoder’s ranking is that of the command line for the same seed', async () => {
    await place('Gallery');
    await place('Anomalies');
    expect(await page.getByLabel('Epochs').inputValue()).toBe('2000'); // what was set stays set
    await rankInPage('Convolutional autoencoder', '31 of 85', 40);
    await rankedAsOnTheCommandLine(cookies, 'conv-ae-2', 85);
  });

  test('what is flagged is rejected at a stroke, exported without it, and the folder is as it was', async () => {
    await page.getByRole('button', { name: '10 %' }).click();
    await page.getByText(/^Flagged 8 of 85/).waitFor();
    const rejected = await shownPaths();
    expect(rejected).toHaveLength(8);
    await page.getByRole('button', { name: 'Reject flagged' }).click();
    await status('8 of 8 images reviewed'); // of what is flagged
    await page.getByRole('button', { name: 'Export 77…' }).click();
    const dialog = page.getByRole('dialog', { name: 'Export' });
    const target = dialog.getByRole('textbox').or(dialog.getByRole('combobox'));
    await target.fill(join(cookies, 'inside'));
    await dialog.getByRole('alert').getByText('inside the opened folder').waitFor();
    const to = join(own.work, 'clean');
    await target.fill(to);
    await dialog.getByRole('button', { name: 'Export 77 images' }).click();
    await dialog.getByText('77 images copied and read back').waitFor();
    const manifest = JSON.parse(readFileSync(join(to, 'manifest.json'), 'utf8')) as {
      samples: { path: string; decision: string; scores: Record<string, number> }[];
    };
    expect(manifest.samples).toHaveLength(77);
    expect(manifest.samples.filter(({ path }) => rejected.includes(path))).toEqual([]);
    expect(Object.keys(manifest.samples[0].scores)).toEqual(
      expect.arrayContaining(['blurry', 'pca-1.error', 'conv-ae-2.error']),
    );
    expect(
      readFileSync(join(to, manifest.samples[0].path)).equals(readFileSync(join(cookies, manifest.samples[0].path))),
    ).toBe(true);
    expect(fingerprint(cookies)).toBe(before);
    await dialog.getByRole('button', { name: 'Done' }).click();
  });

  test('a second set is ranked as on the command line too', async () => {
    const aliens = sharedSet('toy-aliens');
    await page.evaluate(() => history.replaceState(null, '', '/'));
    await page.reload();
    await openFolder(aliens);
    await status('Scan: 118 image files, 118 read');
    await rankInPage('Convolutional autoencoder', '40 of 118', null);
    await rankedAsOnTheCommandLine(aliens, 'conv-ae-1', 118);
  });

  test('a folder of broken files lists each with its reason', async () => {
    await page.evaluate(() => history.replaceState(null, '', '/'));
    await page.reload();
    await openFolder(sharedSet('nasty'));
    const line = await reference<{ samples: unknown[]; issues: { path: string }[] }>('nasty', [
      'scan',
      sharedSet('nasty'),
    ]);
    [readable, broken] = [line.samples.length, line.issues.length];
    expect(broken).toBeGreaterThan(20);
    await status(new RegExp(`100 image files, 100 read, ${broken} unreadable`));
    await place('Issues');
    await page.getByText(`${broken} files could not be read`).waitFor();
    await page
      .getByRole('row', { name: /made\/truncated_50pct\.jpg/ })
      .getByText('Truncated')
      .first()
      .waitFor();
    expect(await page.getByRole('row').count()).toBe(broken + 1);
    expect(await inBothLights()).toEqual([]);
  });

  // The browser's engine is `serve` itself: when that dies, there is nobody to start it again.
  if (doorName === 'electron') {
    test('an engine that dies is started again, and nothing decided is lost', async () => {
      await place('Gallery');
      await tiles().first().click();
      await press('x', 'x');
      await status(`2 of ${readable} images reviewed`);
      const workspaces = join(own.data, 'workspaces');
      const lock = readdirSync(workspaces)
        .map((name) => join(workspaces, name, 'engine.lock'))
        .find((file) => /nasty/.test(file)) as string;
      const { pid } = JSON.parse(readFileSync(lock, 'utf8')) as { pid: number };
      process.kill(pid, 'SIGKILL');
      await status('The engine is restarting…');
      await press('p'); // decided while there is no engine
      await page.getByText('The engine is restarting…').waitFor({ state: 'detached' });
      await status(`3 of ${readable} images reviewed`);
      await page.reload();
      await status(`3 of ${readable} images reviewed`);
      await tiles().first().click();
      await press('Control+z', 'Control+z');
      await status(`1 of ${readable} images reviewed`);
      expect((JSON.parse(readFileSync(lock, 'utf8')) as { pid: number }).pid).not.toBe(pid);
    });
  }

  test('the page had no fault', () => expect(faults).toEqual([]));
});
