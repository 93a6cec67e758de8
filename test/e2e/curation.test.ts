/**
 * Curation as a person does it, in the window and in the browser: triage by keyboard, marks on many images, filters, checks, duplicates, export and import. Each result is checked against the engine's own table or the files.
 */
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright';
import { isCopies } from '../../src-main/contract/keep-best.ts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { reference, referenceData, winnow, winnowJson } from '../fixtures/command.ts';
import { sharedSet } from '../fixtures/images.ts';
import { doorName, openDoor, temporary, violations, violationsInBothLights, type OpenDoor } from './door.ts';
import { collectFaults, engineFolder, loadFresh, markUnused, type EngineFolder } from './engine.ts';

const dirty = sharedSet('dirty');
const own = temporary();
const env = { WINNOW_DATA: own.data };
let faults: string[];
let door: OpenDoor;
let page: Page;
let engine: EngineFolder;

async function openDirty() {
  door = await openDoor(own.data, dirty);
  page = door.page;
  faults = collectFaults(page, /^Failed to load resource/); // the engine refuses incomplete input
  await page
    .getByRole('contentinfo')
    .getByText(/650 image files/)
    .waitFor({ timeout: 120_000 });
  await page.getByText('650 shown').waitFor();
}
beforeAll(async () => {
  await openDirty();
  markUnused(page);
});
beforeEach(async () => {
  engine = await loadFresh(page, dirty);
});
afterEach(() => expect(faults.splice(0)).toEqual([]));
afterAll(async () => {
  await door?.close();
  own.remove();
});

interface Row {
  path: string;
  decision: string | null;
  reason: string | null;
  tags: readonly string[];
  label: string | null;
  note: string | null;
  class: string | null;
}
/** The samples as the command line prints them, through the same engine. */
const samplesByCommand = async (where: string, data = own.data): Promise<Row[]> =>
  (await winnowJson<{ samples: Row[] }>(['show', dirty, '--where', where], { WINNOW_DATA: data })).samples;
const table = (where: string) => engine.rows(where);
const count = (where: string) => engine.count(where);
const tiles = () => page.locator('[role=option][data-path]');
const status = (text: RegExp | string) => page.getByRole('contentinfo').getByText(text).waitFor();
const press = async (...keys: string[]) => {
  for (const key of keys) await page.keyboard.press(key);
};
const say = async (expression: string) => page.getByLabel('Expression').fill(expression);
const shown = (n: number) => page.getByText(`${n.toLocaleString('en')} shown`, { exact: true }).waitFor();
const accessible = () => violations(page);
const inBothLights = () => violationsInBothLights(page);

describe(`curation, ${doorName}`, () => {
  test('fifty images are triaged by keyboard in grid and loupe; the decisions survive a restart; all are undone', async () => {
    const keys = ['p', 'x', 'u', 'k', 'x'];
    await press('Home');
    for (let i = 0; i < 25; i++) await press(keys[i % 5]);
    await press('Enter'); // the loupe
    await page.getByRole('listbox', { name: 'Filmstrip' }).waitFor();
    for (let i = 25; i < 50; i++) await press(keys[i % 5]);
    await press('z', 'z', 'Escape');
    await status(/^50 of 650 images reviewed/);
    await expect.poll(() => count('decision != none')).toBe(50); // the page shows a decision before the engine has stored it
    const sorted = (await samplesByCommand('width > 0')).slice(0, 50); // in the order of paths
    expect(sorted.map(({ decision }) => decision)).toEqual(
      Array.from({ length: 50 }, (_, i) => ({ p: 'keep', k: 'keep', x: 'reject', u: 'unsure' })[keys[i % 5]]),
    );
    expect(await inBothLights()).toEqual([]);

    const [next] = (await table('width > 0')).slice(50);
    await door.close();
    await openDirty();
    await status(/^50 of 650 images reviewed/);
    // The review continues at the next image.
    await expect
      .poll(() => page.locator('[role=option][aria-selected=true]').first().getAttribute('data-path'))
      .toBe(next.path);
    engine = await engineFolder(page, dirty);
    for (let i = 0; i < 50; i++) await press('Control+z');
    await status(/^0 of 650 images reviewed/);
    await expect.poll(() => page.getByRole('button', { name: 'Undo' }).isDisabled()).toBe(true);
    await expect.poll(() => count('decision != none')).toBe(0);
    await press('Control+Shift+z', 'Control+y');
    await status(/^2 of 650 images reviewed/);
    await expect.poll(() => count('decision != none')).toBe(2);
  });

  test('an expression filters the images; an error names its character; a view stores the expression', async () => {
    await say("class = 'dress' and width < ");
    await page.getByText(/at character 28/).waitFor();
    await say("class = 'dress' and width < 240");
    const wanted = await count("class = 'dress' and width < 240");
    expect(wanted).toBeGreaterThan(3);
    await shown(wanted);
    await page.getByRole('button', { name: 'Views' }).click();
    await page.getByPlaceholder(/name/i).fill('narrow dresses');
    await page.getByPlaceholder(/name/i).press('Enter');
    await expect
      .poll(async () => (await winnowJson<{ views: { name: string; where: string }[] }>(['views', dirty], env)).views)
      .toMatchObject([{ name: 'narrow dresses', where: "class = 'dress' and width < 240" }]);
    await press('Escape');
    await say('');
    await shown(650);
    // A facet with two values.
    await page.getByRole('button', { name: /^Blurry \d+$/ }).click();
    await shown(await count("issue = 'blurry'"));
    await page.getByRole('button', { name: /^Dark \d+$/ }).click({ modifiers: ['Control'] });
    await shown(await count("issue = 'blurry' or issue = 'dark'"));
    await page.getByRole('button', { name: /^All images/ }).click();
    await shown(650);
    // A range, dragged on the histogram.
    const plot = (await page.getByRole('img', { name: /^Histogram of/ }).boundingBox()) as {
      x: number;
      y: number;
      width: number;
      height: number;
    };
    await page.mouse.move(plot.x + plot.width * 0.02, plot.y + 20);
    await page.mouse.down();
    await page.mouse.move(plot.x + plot.width * 0.3, plot.y + 20, { steps: 5 });
    await page.mouse.up();
    const [low, high] = [
      await page.getByLabel(/^Minimum/).inputValue(),
      await page.getByLabel(/^Maximum/).inputValue(),
    ];
    await shown(await count(`sharpness >= ${low} and sharpness <= ${high}`));
    await page.getByRole('button', { name: /^All images/ }).click();
  });

  test('a tag, a class or a note on all selected images is one step of undo', async () => {
    await say("class = 'shoes'");
    const n = await count("class = 'shoes'");
    await shown(n);
    await press('Escape');
    await page.getByRole('listbox', { name: 'Images' }).focus();
    await press('Control+a');
    await status(new RegExp(`${n} selected · `));
    await press('l');
    await page.keyboard.type('footwear');
    await press('Enter');
    await shown(0); // no image has the class shoes now
    await say("class = 'footwear'");
    await shown(n);
    await expect.poll(() => count("label = 'footwear'")).toBe(n);
    await page.getByRole('listbox', { name: 'Images' }).focus();
    await press('Control+a', 't');
    await page.keyboard.type('pair, leather');
    await press('Enter', 'Escape');
    await page.getByRole('button', { name: 'Remove the tag pair' }).waitFor();
    await expect.poll(() => count("tag = 'pair' and tag = 'leather'")).toBe(n);
    await press('o');
    await page.keyboard.type('from the second shelf');
    await press('Enter');
    await expect.poll(() => count("note = 'from the second shelf'")).toBe(n);
    await press('Control+z', 'Control+z');
    await expect.poll(() => count("tag = 'pair' or note != none")).toBe(0);
    await press('Control+Shift+z');
    await expect.poll(() => count("tag = 'pair'")).toBe(n);
    await say('');
    await shown(650);
  });

  test('dragging over tiles selects them; compared images share a zoom', async () => {
    await page.getByRole('listbox', { name: 'Images' }).focus();
    await press('Home', 'Escape');
    const [first, second] = [await tiles().nth(0).boundingBox(), await tiles().nth(1).boundingBox()] as {
      x: number;
      y: number;
      width: number;
      height: number;
    }[];
    await page.mouse.move(first.x - 5, first.y + 10);
    await page.mouse.down();
    await page.mouse.move(second.x + 30, second.y + 60, { steps: 6 });
    await page.mouse.up();
    await status(/^2 selected/);
    await press('c');
    await page.getByText('Compare 2').waitFor();
    await press('z');
    await expect.poll(() => page.getByRole('button', { name: '100 %' }).getAttribute('aria-pressed')).toBe('true');
    await press('x', 'ArrowRight', 'p');
    const paths = (await table('width > 0')).slice(0, 2);
    await expect
      .poll(async () => (await table('decision != none')).map(({ path, decision }) => [path, decision]))
      .toEqual([
        [paths[0].path, 'reject'],
        [paths[1].path, 'keep'],
      ]);
    expect(await inBothLights()).toEqual([]);
  });

  test('the counts follow the threshold of a check, and the flagged images are rejected with the reason', async () => {
    await press('i');
    await page.getByRole('heading', { name: 'Issues', exact: true }).waitFor();
    expect(await inBothLights()).toEqual([]);
    await page
      .getByRole('complementary', { name: 'Checks' })
      .getByRole('button', { name: /^Blurry/ })
      .click();
    const before = await count("issue = 'blurry'");
    await shown(before);
    const slider = page.getByRole('slider', { name: /blurry|threshold/i }).first();
    await slider.focus();
    await press('ArrowLeft', 'ArrowLeft', 'ArrowLeft', 'ArrowLeft', 'ArrowLeft', 'ArrowLeft', 'ArrowLeft', 'ArrowLeft');
    await slider.blur();
    await expect
      .poll(async () => (await engine.calls.checks.list.query()).find(({ id }) => id === 'blurry')?.threshold)
      .toBeLessThan(0.5);
    const now = await count("issue = 'blurry'");
    expect(now).toBeGreaterThanOrEqual(before);
    await shown(now);
    await page.getByRole('button', { name: new RegExp(`Reject the ${now}`) }).click();
    await expect.poll(() => count("decision = 'reject' and reason contains 'blurry >='")).toBe(now);
    await press('Control+z', 'Control+z');
    await expect.poll(() => count("decision = 'reject'")).toBe(0);
    await expect.poll(() => count("issue = 'blurry'")).toBe(before);
  });

  test('the best of the duplicates is kept, and groups marked as not duplicates are remembered', async () => {
    /** The groups of copies; those whose images differ in class or in a detail are left to a person. */
    const copies = async () => (await engine.calls.duplicates.groups.query()).filter(isCopies).length;
    const keepBest = (groups: number) => page.getByText(new RegExp(`Keep best of ${groups} groups, reject ${groups}`));
    await press('b');
    const before = await copies();
    expect(before).toBe(36); // of 40: in four, the classes differ
    await keepBest(before).waitFor();
    expect(await inBothLights()).toEqual([]);
    await page
      .getByRole('button', { name: /Not duplicates/ })
      .first()
      .click();
    await expect.poll(async () => (await engine.calls.duplicates.groups.query()).length).toBe(39);
    const left = await copies();
    await keepBest(left).click();
    const review = page.getByRole('dialog', { name: `Keep the best of ${left} groups` });
    await review.getByText(`${left} images would be rejected`).waitFor();
    await review.getByText(/groups left out to be looked at: the classes differ/).waitFor();
    expect(await violations(page)).toEqual([]);
    await review.getByRole('button', { name: `Reject ${left}` }).click();
    await review.waitFor({ state: 'detached' });
    await expect.poll(() => count("decision = 'reject' and reason contains 'duplicate of'")).toBe(left);
    await press('Control+z', 'Control+z');
    await keepBest(before).waitFor();
    await expect.poll(() => count('decision != none')).toBe(0);
  });

  test('the map is computed from the codes of a run; images inside a drawn line are selected everywhere', async () => {
    const run = await engine.ensureRun(
      ({ method }) => method === 'pca',
      () => engine.calls.workspace.rank.mutate({ method: 'pca', parameters: { sizePx: 32 } }),
    );
    await press('m');
    await page.getByLabel('Map features').selectOption(run);
    await page.getByRole('button', { name: 'Compute the map' }).click();
    const plane = page.getByRole('application', { name: 'Map of 650 images' });
    await plane.waitFor({ timeout: 120_000 });
    await status(/650 images on the map/);
    expect(await inBothLights()).toEqual([]);
    const { x, y, width, height } = (await plane.boundingBox()) as {
      x: number;
      y: number;
      width: number;
      height: number;
    };
    await page.mouse.move(x + 3, y + 3);
    await page.mouse.down();
    for (const [px, py] of [
      [width / 2, 3],
      [width / 2, height - 3],
      [3, height - 3],
    ])
      await page.mouse.move(x + px, y + py, { steps: 3 });
    await page.mouse.up();
    const left = await count('map.x < 0');
    const selected = Number(
      /(\d+) selected/.exec(
        await page
          .getByText(/\d+ selected/)
          .first()
          .innerText(),
      )?.[1],
    );
    expect(Math.abs(selected - left)).toBeLessThan(20); // the middle of the view is the middle of the map within a pixel
    await page.getByRole('button', { name: 'Show in gallery' }).click();
    await status(new RegExp(`^${selected} selected`));
    await press('Escape');
  });

  test('commands are found by name, the history shows the command line, and the keys are listed', async () => {
    await press('Control+k');
    await page.keyboard.type('issues');
    await press('Enter');
    await page.getByRole('complementary', { name: 'Checks' }).waitFor();
    await press('i'); // the same key again shows the overview
    await page.getByRole('heading', { name: 'Issues', exact: true }).waitFor();
    await press('g');
    await page.getByRole('listbox', { name: 'Images' }).focus();
    await press('Home', 'x');
    await expect.poll(() => count("decision = 'reject'")).toBe(1);
    const [{ path }] = await table("decision = 'reject'");
    await press('h');
    const dialog = page.getByRole('dialog', { name: 'History' });
    await dialog.getByText(`reject ${path}`).first().waitFor();
    await dialog
      .getByText(
        new RegExp(`decide .*--reject.*${path.split('/').at(-1)}|decide .*${path.split('/').at(-1)}.*--reject`),
      )
      .first()
      .waitFor();
    expect(await accessible()).toEqual([]);
    await press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    await press('?');
    const keys = page.getByRole('dialog', { name: 'Keyboard shortcuts' });
    await keys.waitFor();
    expect(await accessible()).toEqual([]);
  });

  test('an export imported into another workspace gives the same marks', async () => {
    await engine.calls.journal.edit.mutate({ choice: { where: "issue = 'dark'" }, change: { decision: 'reject' } });
    await engine.calls.journal.edit.mutate({
      choice: { where: "issue = 'grayscale' and decision = none" },
      change: { decision: 'unsure', reason: 'is gray meant?' },
    });
    await status(/\d+ of 650 images reviewed/);
    await press('Control+e');
    const dialog = page.getByRole('dialog', { name: 'Export' });
    const to = join(own.work, 'set');
    await dialog.getByRole('textbox').or(dialog.getByRole('combobox')).first().fill(to);
    await dialog.getByRole('button', { name: /^Export \d+ images/ }).click();
    await dialog.getByText(/images copied and read back/).waitFor({ timeout: 60_000 });
    await dialog.getByRole('button', { name: 'Done' }).click();
    expect(existsSync(join(to, 'manifest.json'))).toBe(true);
    expect(readdirSync(to)).toContain('dress');
    const marks = (rows: readonly Row[]) =>
      rows.map(({ path, decision, reason, tags, label, note }) => ({ path, decision, reason, tags, label, note }));
    // Another workspace of the same folder: a copy of one that has been scanned for both doors.
    await reference('dirty-scan', ['scan', dirty]);
    const other = join(own.work, 'other');
    cpSync(referenceData(dirty), other, { recursive: true });
    const imported = await winnow(['import', dirty, join(to, 'manifest.json')], { WINNOW_DATA: other });
    expect(imported.code, imported.err).toBe(0);
    expect(marks(await samplesByCommand('width > 0', other))).toEqual(marks(await table('width > 0')));
    expect(JSON.parse(readFileSync(join(to, 'manifest.json'), 'utf8'))).toBeTruthy();
  });
});
