/** Experiments as a person does them, in the window and in the browser: runs named, pinned, sorted, filtered, compared, deleted and brought back, exported; and a table of 1,000 runs. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startCompute } from '../../src-main/compute/child.ts';
import { OpenWorkspace } from '../../src-main/engine/open-workspace.ts';
import { defaultWorkspace } from '../../src-main/workspace/folders.ts';
import { copyDigits } from '../fixtures/images.ts';
import { variedRuns } from '../fixtures/many-runs.ts';
import { doorName, openDoor, temporary, violationsInBothLights, type OpenDoor } from './door.ts';
import { collectFaults, loadFresh, markUnused, openScanned, type EngineFolder } from './engine.ts';

const enter = async (page: Page) => {
  await page.getByRole('navigation').getByRole('button', { name: 'Experiments' }).click();
  await page.getByRole('grid', { name: 'Runs' }).waitFor();
};
const grid = (page: Page) => page.getByRole('grid', { name: 'Runs' });
const row = (page: Page, id: string) => page.locator(`[data-run="${id}"]`);
const shown = (page: Page) =>
  page.locator('[data-run]').evaluateAll((rows) => rows.map((own) => (own as HTMLElement).dataset.run as string));
const inMenu = async (page: Page, id: string, item: string | RegExp) => {
  await row(page, id).click({ button: 'right' });
  await page.getByRole('menuitem', { name: item }).click();
};
const header = (page: Page, title: string) => page.getByRole('columnheader', { name: title, exact: true });
/** What a download contains. */
async function saved(page: Page, format: string): Promise<string> {
  await page.getByRole('button', { name: 'Export', exact: true }).click();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: `As ${format}` }).click(),
  ]);
  return readFileSync(await download.path(), 'utf8');
}

describe(`two classifiers, ${doorName}`, () => {
  const own = temporary();
  const digits = join(own.work, 'digits');
  let door: OpenDoor;
  let page: Page;
  let faults: string[];
  let engine: EngineFolder;
  let [first, second] = ['', ''];

  const train = (learningRate: number) =>
    engine.ensureRun(
      ({ kind, seed }) => kind === 'train' && seed === learningRate * 1000,
      () =>
        engine.calls.classifier.train.mutate({
          model: 'cnn',
          parameters: { sizePx: 32, width: 4, epochs: 3, policy: 'none', learningRate },
          seed: learningRate * 1000,
        }),
    );

  beforeAll(async () => {
    copyDigits(digits, ['0', '1', '2', '3'], 20);
    ({ door, page, faults } = await openScanned(own.data, digits, 80));
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

  test('without runs, the table and the comparison say what to do', async () => {
    await page.getByRole('navigation').getByRole('button', { name: 'Experiments' }).click();
    await page.getByRole('heading', { name: 'No runs yet' }).waitFor();
    expect(await violationsInBothLights(page)).toEqual([]);
    await page.getByRole('tab', { name: 'Compare' }).click();
    await page.getByRole('heading', { name: 'Nothing to compare yet' }).waitFor();
    await page.getByRole('button', { name: 'Choose runs' }).click();
    await page.getByRole('button', { name: 'Train a classifier' }).click();
    await page.getByRole('complementary', { name: 'Train' }).waitFor();
  });

  test('runs are named, pinned, sorted and filtered', async () => {
    [first, second] = [await train(0.001), await train(0.01)];
    await enter(page);
    await expect.poll(() => shown(page)).toEqual([second, first]); // the newest first
    await row(page, first).click();
    await page.keyboard.press('F2');
    await page.getByLabel(`Name of ${first}`).fill('Slow learner');
    await page.keyboard.press('Enter');
    await row(page, first).getByText('Slow learner').waitFor();
    expect((await engine.calls.runs.list.query()).find(({ id }) => id === first)?.title).toBe('Slow learner');
    await inMenu(page, first, 'Pin to the top');
    await expect.poll(() => shown(page)).toEqual([first, second]);
    await header(page, 'Started').getByRole('button').click(); // a pinned run stays on top, whatever the order
    await expect.poll(() => header(page, 'Started').getAttribute('aria-sort')).toBe('ascending');
    expect(await shown(page)).toEqual([first, second]);
    await inMenu(page, first, 'Unpin');
    await page.getByRole('searchbox', { name: 'Filter runs' }).fill('learningRate=0.01');
    await expect.poll(() => shown(page)).toEqual([second]);
    await page.getByRole('searchbox', { name: 'Filter runs' }).fill('slow');
    await expect.poll(() => shown(page)).toEqual([first]);
    await page.getByRole('searchbox', { name: 'Filter runs' }).fill('nothing like this');
    await page.getByRole('heading', { name: 'Nothing matches' }).waitFor();
    await page.getByRole('button', { name: 'Show all', exact: true }).click();
    await expect.poll(async () => (await shown(page)).length).toBe(2);
    await page.getByText(/^Total/).waitFor();
    expect(await violationsInBothLights(page)).toEqual([]);
  });

  test('a setting that differs is a column, and the shown table is exported', async () => {
    [first, second] = [await train(0.001), await train(0.01)];
    await enter(page);
    await page.getByRole('button', { name: 'Columns' }).click();
    await page.getByRole('group', { name: 'Columns' }).getByLabel('Learning rate').check();
    await page.keyboard.press('Escape');
    await header(page, 'Learning rate').getByRole('button').click();
    await expect.poll(() => shown(page)).toEqual([second, first]);
    if (doorName !== 'browser') return; // the window asks for a place
    const lines = (await saved(page, 'CSV'))
      .trim()
      .split('\r\n')
      .map((line) => line.split(','));
    const at = (name: string) => lines[0].indexOf(name);
    expect(lines.slice(1).map((line) => [line[at('id')], line[at('parameters.learningRate')]])).toEqual([
      [second, '0.01'],
      [first, '0.001'],
    ]);
    const accuracy = (await engine.calls.runs.list.query()).find(({ id }) => id === second)?.headline?.value;
    expect(Number(lines[1][at('result')])).toBe(accuracy);
    const rows = JSON.parse(await saved(page, 'JSON')) as Record<string, unknown>[];
    expect(rows.map((own) => [own.id, own['parameters.learningRate']])).toEqual([
      [second, 0.01],
      [first, 0.001],
    ]);
  });

  test('a run is done again by its form or its command, and opened where it is viewed', async () => {
    [first, second] = [await train(0.001), await train(0.01)];
    await enter(page);
    await row(page, second).click();
    const card = page.getByRole('region', { name: `About ${second}` });
    await card.getByText(/^winnow train .*--learning-rate 0\.01/).waitFor();
    await card.getByRole('textbox').fill('Ten times as fast');
    await card.getByRole('textbox').press('Control+Enter');
    await row(page, second).getByLabel('Has a note').waitFor();
    await card.getByRole('button', { name: 'Do it again…' }).click();
    const form = page.getByRole('complementary', { name: 'Train' });
    await expect.poll(() => form.getByLabel('Learning rate', { exact: true }).inputValue()).toBe('0.01');
    await enter(page);
    await row(page, first).dblclick();
    await page.getByText(`On 12 images of the test split.`).waitFor();
    expect(await page.getByLabel('Run', { exact: true }).inputValue()).toBe(first);
  });

  test('two runs are compared, and the images that changed are shown', async () => {
    [first, second] = [await train(0.001), await train(0.01)];
    await enter(page);
    await grid(page).focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press(' ');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press(' ');
    await page.getByRole('button', { name: 'Compare 2' }).click();
    const compared = await engine.calls.runs.compare.query({ a: first, b: second });
    await page.getByText(compared.verdict).waitFor();
    await page.getByRole('group', { name: /^validation loss of 2 runs/ }).waitFor();
    const settings = page.getByRole('region', { name: 'Settings of the compared runs' });
    await settings
      .getByRole('row', { name: 'Learning rate 0.01 0.001' })
      .or(settings.getByRole('row', { name: 'Learning rate 0.001 0.01' }))
      .waitFor();
    const few = await settings.getByRole('row').count();
    await page.getByLabel('Show all').check();
    await expect.poll(() => settings.getByRole('row').count()).toBeGreaterThan(few);
    expect(await page.getByRole('region', { name: /^Confusion matrix of/ }).count()).toBe(2);
    expect(await violationsInBothLights(page)).toEqual([]);
    // The selection stays while other tabs are open.
    await page.getByRole('tab', { name: 'Runs' }).click();
    await page.getByText('2 selected').waitFor();
    await page.getByRole('tab', { name: 'Compare' }).click();
    const { gained, lost } = compared.changed ?? { gained: [], lost: [] };
    const [button, ids] = gained.length ? ([/gained/, gained] as const) : ([/lost/, lost] as const);
    expect(ids.length).toBeGreaterThan(0);
    await page.getByRole('button', { name: button }).click();
    await page.getByText(`${ids.length} shown`, { exact: true }).waitFor();
  });

  test('runs are archived and deleted, and undo brings them back', async () => {
    [first, second] = [await train(0.001), await train(0.01)];
    await enter(page);
    await inMenu(page, first, /^Archive/);
    await expect.poll(() => shown(page)).toEqual([second]);
    await page.getByLabel('Show archived').check();
    await expect.poll(async () => (await shown(page)).length).toBe(2);
    await row(page, second).click();
    await page
      .getByRole('region', { name: `About ${second}` })
      .getByText(/^winnow train/)
      .waitFor();
    await page.keyboard.press('Delete');
    await expect.poll(() => shown(page)).toEqual([first]);
    await page.keyboard.press('Control+z');
    await expect.poll(async () => (await shown(page)).toSorted()).toEqual([first, second].toSorted());
    await page.getByLabel('Show archived').uncheck();
    await page.keyboard.press('Control+z');
    await expect.poll(async () => (await shown(page)).length).toBe(2);
  });
});

describe(`1,000 runs, ${doorName}`, () => {
  const own = temporary();
  const digits = join(own.work, 'digits');
  const count = 1000;
  let door: OpenDoor;
  let page: Page;
  let faults: string[];

  beforeAll(async () => {
    copyDigits(digits, ['0', '1'], 5);
    await putRuns(own.data, digits, count);
    door = await openDoor(own.data, digits);
    page = door.page;
    faults = collectFaults(page);
    await page
      .getByRole('contentinfo')
      .getByText(/^Scan: 10 image files/)
      .waitFor({ timeout: 60_000 });
  });
  afterEach(() => expect(faults.splice(0)).toEqual([]));
  afterAll(async () => {
    await door?.close();
    own.remove();
  });

  test('the table draws only what is seen, and sorts, filters and scrolls over all', async () => {
    await enter(page);
    const drawn = async () => (await shown(page)).length;
    await page.getByText('1,000 runs', { exact: true }).waitFor();
    await expect.poll(drawn).toBeGreaterThan(10);
    expect(await drawn()).toBeLessThan(60);
    expect(await grid(page).getAttribute('aria-rowcount')).toBe(String(count + 1));

    await header(page, 'Result').getByRole('button').click();
    const best = variedRuns(count)
      .map(({ id, classification }) => ({ id, value: classification?.evaluation?.accuracy.value ?? 0 }))
      .reduce((a, b) => (b.value > a.value ? b : a));
    const accuracyOf = (text: string) => Number(text.replace(' %', ''));
    await expect
      .poll(async () => accuracyOf(await page.locator('[data-run]').first().locator('[aria-colindex="6"]').innerText()))
      .toBe(Number((best.value * 100).toFixed(1)));

    await grid(page).focus();
    await page.keyboard.press('End');
    await expect.poll(async () => (await shown(page)).some((id) => Number(id.slice(4)) % 50 === 0)).toBe(true); // failed ones are last
    expect(await drawn()).toBeLessThan(60);

    await page.getByRole('searchbox', { name: 'Filter runs' }).fill('width=64 optimizer=sgd');
    const matching = variedRuns(count).filter(
      ({ parameters: { width, optimizer } }) => width === 64 && optimizer === 'sgd',
    );
    await page.getByText(`${matching.length} of 1,000 runs`).waitFor();

    // All of them in one comparison: the curves of some, the axes of all.
    await page.getByLabel('Select all shown').check();
    await page.getByRole('button', { name: `Compare ${matching.length}` }).click();
    await page.getByRole('figure', { name: `Parallel coordinates of ${matching.length} runs` }).waitFor();
    await page.getByText(/^The best \d+ of \d+ runs: /).waitFor();
    const low = page
      .getByRole('slider', { name: 'Lowest Learning Rate' })
      .or(page.getByRole('slider', { name: 'Lowest Learning rate' }));
    await low.focus();
    for (let i = 0; i < 5; i++) await page.keyboard.press('ArrowUp');
    await page.getByText(/^\d+ of \d+ runs in the chosen ranges; the best is cnn-\d+/).waitFor();
    expect(await violationsInBothLights(page)).toEqual([]);
  });
});

/** Stores runs in the workspace of a folder before it is opened. */
async function putRuns(data: string, folder: string, count: number) {
  const before = process.env.WINNOW_DATA;
  process.env.WINNOW_DATA = data;
  const at = defaultWorkspace(folder);
  if (before === undefined) delete process.env.WINNOW_DATA;
  else process.env.WINNOW_DATA = before;
  mkdirSync(at, { recursive: true });
  const compute = startCompute();
  const workspace = new OpenWorkspace('0', folder, at, compute);
  for (const run of variedRuns(count)) {
    workspace.runs.put(run);
    workspace.runs.measure(run.id);
  }
  await workspace.close();
  await compute.stop();
}
