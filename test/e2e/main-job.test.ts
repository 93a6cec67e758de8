/**
 * The main job as a person does it, in the window and in the browser: open a folder, rank its images, view them, decide, export.
 * Each result is checked against the files, the command line, or the pixels on the screen.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Page } from 'playwright';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { fieldsOf } from '../../src-renderer/lib/schema.ts';
import { flagOf } from '../../src-main/contract/problems.ts';
import { reference, winnow, type RankJson } from '../fixtures/command.ts';
import { sharedSet } from '../fixtures/images.ts';
import { doorName, openDoor, temporary, violations, violationsInBothLights, type OpenDoor } from './door.ts';
import { collectFaults, engineFolder, goToStart, loadFresh, type EngineFolder } from './engine.ts';

const cookies = sharedSet('cookies');
const nasty = sharedSet('nasty');
const own = temporary();
let door: OpenDoor;
let page: Page;
let faults: string[];

beforeAll(async () => {
  door = await openDoor(own.data);
  page = door.page;
  faults = collectFaults(page, /^Failed to load resource/); // some requests are refused here
});
afterEach(() => expect(faults.splice(0)).toEqual([]));
afterAll(async () => {
  await door?.close();
  own.remove();
});

const tiles = () => page.locator('[role=option]'); // getByRole would also find the options of selects
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

/** Folders that were opened from the start page and scanned. */
const opened = new Set<string>();

/** Opens a folder: the first time from the start page, which scans all files; later by its address, in the state after that scan. */
async function enter(folder: string, files: number): Promise<EngineFolder> {
  if (opened.has(folder)) return loadFresh(page, folder);
  await goToStart(page);
  await openFolder(folder);
  await status(`Scan: ${files} image files, ${files} read`);
  opened.add(folder);
  return engineFolder(page, folder);
}

/** Shows a ranking of the cookies by the last of these methods, in Anomalies. Ranks where a method has no ranking yet. */
async function enterRanked(...methods: ('pca' | 'conv-ae')[]): Promise<string[]> {
  const engine = await enter(cookies, 85);
  const runs: string[] = [];
  for (const method of methods)
    runs.push(
      await engine.ensureRun(
        (run) => run.method === method,
        () =>
          engine.calls.workspace.rank.mutate({
            method,
            trainOn: 'train/good/**',
            parameters: method === 'conv-ae' ? { epochs: 2 } : {},
          }),
      ),
    );
  await place('Anomalies');
  await page.locator('button.run', { hasText: runs.at(-1) }).click();
  await page.getByText(/^Flagged \d+ of 85/).waitFor();
  return runs;
}
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

async function trainOnGood(normal: string) {
  await page.getByLabel('Train on').fill('train/good/**');
  await page.getByText(`Train on: train/good/** — ${normal} images, as given.`).waitFor();
}
/** Flags the 9 of the 85 cookies with the highest scores. */
async function flagTenPercent() {
  await page.getByLabel('Rule of the threshold').selectOption('Expected share');
  const share = page.getByRole('spinbutton', { name: 'Anomalies' });
  await share.fill('10');
  await share.press('Tab');
  await page.getByText(/^Flagged 9 of 85/).waitFor();
}
async function setEpochs(epochs: number) {
  await page.getByTitle('Convolutional autoencoder', { exact: true }).click();
  await page.getByLabel('Epochs').fill(String(epochs));
  await page.getByLabel('Epochs').press('Tab');
}

/** Trains the autoencoder in the page, with the form's own fields. */
async function rankInPage(normal: string, epochs: number) {
  await place('Anomalies');
  await trainOnGood(normal);
  await setEpochs(epochs);
  await page.getByText(/^About [\d.]+ MB of memory, [\d.]+ GB free$/).waitFor(); // the memory is shown before the training
  await page.getByRole('button', { name: /^Train (and rank|again)$/ }).click();
}

/** The numbers of readable and of unreadable files in the set of broken files, by the command line. */
async function scannedNasty(): Promise<{ readable: number; broken: number }> {
  const { samples, issues } = await reference<{ samples: unknown[]; issues: unknown[] }>('nasty', ['scan', nasty]);
  return { readable: samples.length, broken: issues.length };
}

/** Waits for the message that a ranking is done. */
async function rankedRun(method: string, count: number): Promise<string> {
  const message = page.getByText(new RegExp(`^${method}-\\d+: ${count} images ranked\\.$`));
  return (await message.innerText({ timeout: 120_000 })).split(':')[0];
}

/** Waits for the ranking, and compares its scores and parameters with those of the command line. */
async function rankedAsOnTheCommandLine(engine: EngineFolder, folder: string, count: number, epochs: number) {
  const id = await rankedRun('conv-ae', count);
  await page.getByRole('button', { name: 'Show all, not only flagged images' }).click();
  await page.getByText(`${count} shown`).waitFor();
  const line = await reference<RankJson>(`${basename(folder)}-conv-ae`, [
    'rank',
    folder,
    '--method',
    'conv-ae',
    '--train-on',
    'train/good/**',
    '--epochs',
    String(epochs),
  ]);
  expect(line.samples).toHaveLength(count);
  const shown = await shownPaths();
  expect(shown.length).toBeGreaterThan(8);
  expect(shown).toEqual(line.samples.slice(0, shown.length).map(({ path }) => path));
  // The order of all images, by their scores.
  const column = (await engine.column(`${id}.error`)).filter((value) => !Number.isNaN(value));
  expect(column.sort((a, b) => b - a)).toEqual(line.samples.map(({ score }) => score));
  const { parameters } = await engine.calls.runs.get.query({ id });
  expect(parameters).toEqual(line.run.parameters);
}

/** The defaults in `rank --help`: `Default 0.97, 0.99 for pca.`, then the methods that have the option where not all have it. */
function defaultInHelp(help: string, name: string, method: string): string {
  const shown = new RegExp(`--${flagOf(name)} <\\w+>.*? Default (.*?)\\.(?= \\[| -|$)`).exec(help)?.[1] ?? '';
  const [usual, ...others] = shown.split(/[,;] /);
  return others.find((other) => other.split(/ for | and /).includes(method))?.split(' for ')[0] ?? usual;
}

describe(`the main job, ${doorName}`, () => {
  test('the start page gives an error message for a folder that does not exist', async () => {
    await goToStart(page);
    await page.getByText('Cookies, whole and broken').waitFor();
    expect(await accessible()).toEqual([]);
    await openFolder('/nowhere/at/all');
    await page.getByRole('alert').getByText('There is no folder /nowhere/at/all.').waitFor();
  });

  test('a folder opens, and its images appear', async () => {
    await enter(cookies, 85);
    await page.getByText('85 shown').waitFor();
    await page.waitForFunction(() =>
      [...document.querySelectorAll<HTMLImageElement>('[role=option] img')].every(
        (image) => image.complete && image.naturalWidth > 0,
      ),
    );
    expect(await tiles().count()).toBeGreaterThan(8);
    expect(await tiles().count()).toBeLessThan(85); // only visible tiles exist
    expect((await shownPaths())[0]).toBe('test/broken/anomaly-1.jpg');
    expect(await inBothLights()).toEqual([]);
  });

  test('decisions by keyboard are undone and redone, and survive a reload', async () => {
    await enter(cookies, 85);
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
    // Letters are text in a field.
    await page.getByRole('searchbox').fill('');
    await page.getByRole('searchbox').pressSequentially('pux');
    await page.getByText('Nothing matches').waitFor();
    await page.getByRole('button', { name: 'Show all' }).click();
    await status('0 of 85 images reviewed');
  });

  test('a ranking by principal components equals that of the command line', async () => {
    const engine = await enter(cookies, 85);
    await place('Anomalies');
    await page.getByTitle('Principal components', { exact: true }).click();
    await trainOnGood('31');
    await page.getByRole('button', { name: /^Train (and rank|again)$/ }).click();
    const id = await rankedRun('pca', 85);
    await page.getByText(/^Flagged \d+ of 85/).waitFor();
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
    const { parameters } = await engine.calls.runs.get.query({ id });
    expect(parameters).toEqual(line.run.parameters);
  });

  test('the threshold is dragged and stepped, and the gallery follows', async () => {
    await enterRanked('pca');
    const flaggedNow = async () =>
      Number(/Flagged (\d+) of 85/.exec(await page.getByText(/^Flagged/).innerText())?.[1]);
    const first = await flaggedNow();
    const handle = page.getByRole('slider', { name: 'Threshold' });
    const box = (await handle.boundingBox()) as { x: number; y: number; width: number; height: number };
    await page.mouse.move(box.x + box.width / 2, box.y + 40);
    await page.mouse.down();
    await page.mouse.move(box.x - 30, box.y + 40, { steps: 6 });
    const dragged = await flaggedNow();
    expect(dragged).toBeGreaterThan(first);
    await page.getByText(`${dragged} shown`).waitFor();
    await page.mouse.up();
    await handle.focus();
    await press('Home');
    await page.getByText('Flagged 85 of 85 (100.0 %)').waitFor();
    await flagTenPercent();
    await page.getByText('9 shown').waitFor();
  });

  test('an image is shown with its reconstruction, difference and overlay', async () => {
    await enterRanked('pca');
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
    ).toBe(128);
    // The most anomalous image has pixels with the largest errors and pixels without.
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
            const reds = Array.from({ length: width * height }, (_, i) => data[i * 4]).sort((a, b) => a - b);
            return [Math.max(width, height), reds[reds.length - 1] > 200, reds[0] < 40];
          }),
      )
      .toEqual([512, true, true]);
    expect(await inBothLights()).toEqual([]);
  });

  test('every field of every method starts with the default of the command line', async () => {
    const { calls } = await enter(cookies, 85);
    const methods = await calls.engine.methods.query();
    const { out, err } = await winnow(['rank', '--help']);
    const help = (out + err).replace(/\s+/g, ' ');
    await place('Anomalies');
    const form = page.getByRole('complementary', { name: 'Method' });
    await form.getByRole('button', { name: 'More…' }).click();
    for (const { id, title, schema } of methods) {
      await form.getByTitle(title, { exact: true }).click();
      for (const field of fieldsOf(schema)) {
        const input = form.getByLabel(field.title, { exact: true });
        const value = field.kind === 'switch' ? String(await input.isChecked()) : await input.inputValue();
        expect([id, field.name, value]).toEqual([id, field.name, defaultInHelp(help, field.name, id)]);
      }
    }
  });

  test('a training shows its loss and can be cancelled at once', async () => {
    await enter(cookies, 85);
    await rankInPage('31', 2000);
    await status(/Training/);
    await page.getByRole('img', { name: 'Training and validation loss' }).waitFor();
    await page.getByRole('contentinfo').getByRole('button', { name: 'Cancel' }).click();
    await status('Rank with Convolutional autoencoder: cancelled');
  });

  test('the autoencoder’s ranking equals that of the command line for the same seed', async () => {
    const engine = await enter(cookies, 85);
    await place('Anomalies');
    await setEpochs(2000);
    await place('Gallery');
    await place('Anomalies');
    expect(await page.getByLabel('Epochs').inputValue()).toBe('2000'); // the form keeps its values
    await rankInPage('31', 6);
    await rankedAsOnTheCommandLine(engine, cookies, 85, 6);
  });

  test('all flagged images are rejected at once and left out of the export; the folder is unchanged', async () => {
    const runs = await enterRanked('pca', 'conv-ae');
    await flagTenPercent();
    const rejected = await shownPaths();
    expect(rejected).toHaveLength(9);
    await page.getByRole('button', { name: 'Reject flagged' }).click();
    await status('9 of 9 images reviewed'); // of the flagged images
    await page.getByRole('button', { name: 'Export 76…' }).click();
    const dialog = page.getByRole('dialog', { name: 'Export' });
    const target = dialog.getByRole('textbox').or(dialog.getByRole('combobox'));
    await target.fill(join(cookies, 'inside'));
    await dialog.getByRole('alert').getByText('inside the opened folder').waitFor();
    const to = join(own.work, 'clean');
    await target.fill(to);
    await dialog.getByRole('button', { name: 'Export 76 images' }).click();
    await dialog.getByText('76 images copied and read back').waitFor();
    const manifest = JSON.parse(readFileSync(join(to, 'manifest.json'), 'utf8')) as {
      samples: { path: string; decision: string; scores: Record<string, number> }[];
    };
    expect(manifest.samples).toHaveLength(76);
    expect(manifest.samples.filter(({ path }) => rejected.includes(path))).toEqual([]);
    expect(Object.keys(manifest.samples[0].scores)).toEqual(
      expect.arrayContaining(['blurry', ...runs.map((id) => `${id}.error`)]),
    );
    expect(
      readFileSync(join(to, manifest.samples[0].path)).equals(readFileSync(join(cookies, manifest.samples[0].path))),
    ).toBe(true);
    expect(fingerprint(cookies)).toBe(before);
    await dialog.getByRole('button', { name: 'Done' }).click();
  });

  test('the ranking of a second set equals that of the command line too', async () => {
    const aliens = sharedSet('toy-aliens');
    const engine = await enter(aliens, 118);
    await rankInPage('40', 4);
    await rankedAsOnTheCommandLine(engine, aliens, 118, 4);
  });

  test('a folder of broken files lists each with its reason', async () => {
    await enter(nasty, 100);
    const { broken } = await scannedNasty();
    expect(broken).toBeGreaterThan(20);
    await status(new RegExp(`100 image files, \\d+ read, ${broken} unreadable`));
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

  // In the browser the engine is `serve` itself: if it crashes, nothing restarts it.
  if (doorName === 'electron') {
    test('an engine that crashes is restarted, and no decision is lost', async () => {
      await enter(nasty, 100);
      const { readable } = await scannedNasty();
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
      await press('p'); // while there is no engine
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
});
