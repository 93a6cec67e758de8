/**
 * Error maps in the shape of their images, masks as files, and several rankings side by side, as a person uses them in the window and in the browser. Results are
 * checked against the files and against the engine's own selection.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { Place, Unlike } from '../../src-main/contract/unlike.ts';
import { score } from '../../src-renderer/lib/format.ts';
import { inspectionFolder } from '../fixtures/inspection.ts';
import { openDoor, temporary, violations, violationsInBothLights, type OpenDoor } from './door.ts';
import { collectFaults, engineFolder, loadFresh, markUnused, type EngineFolder } from './engine.ts';

const own = temporary();
let folder: string;
let door: OpenDoor;
let page: Page;
let engine: EngineFolder;
let faults: string[];

beforeAll(async () => {
  folder = await inspectionFolder();
  door = await openDoor(own.data, folder);
  page = door.page;
  faults = collectFaults(page);
  engine = await engineFolder(page, folder);
  await rank('pca');
  markUnused(page);
});
/** Whatever earlier tests have left: the grid, without map and filter, and of the rankings only that of `pca`. */
beforeEach(async () => {
  engine = await loadFresh(page, folder);
  const others = (await engine.calls.runs.list.query()).map(({ id }) => id).filter((id) => id !== 'pca-1');
  if (others.length) await engine.calls.runs.archive.mutate({ ids: others });
  await openAnomalies();
  await tiles().first().waitFor();
  await ranking('pca-1').waitFor();
  for (const id of others) await ranking(id).waitFor({ state: 'detached' });
});
afterEach(() => expect(faults.splice(0)).toEqual([]));
afterAll(async () => {
  await door?.close();
  own.remove();
});

/** Ranks, or lists the ranking again. */
async function rank(method: string, parameters = {}): Promise<string> {
  const id = await engine.ensureRun(
    (run) => run.method === method,
    () => engine.calls.workspace.rank.mutate({ method, parameters, trainOn: 'train/good/**' }),
  );
  await engine.calls.runs.unarchive.mutate({ ids: [id] });
  return id;
}
/** In the list of rankings. */
const ranking = (id: string) => page.getByRole('button', { name: new RegExp(`^${id}`) });
const openAnomalies = () => page.getByRole('navigation').getByRole('button', { name: 'Anomalies' }).click();
const tiles = () => page.locator('[role=option]');
const shownPaths = () =>
  tiles().evaluateAll((list) => list.map((element) => (element as HTMLElement).dataset.path as string));
const untilShown = (paths: readonly string[]) =>
  vi.waitUntil(async () => (await shownPaths()).sort().join() === [...paths].sort().join(), { timeout: 20_000 });
const inspector = () => page.getByRole('complementary', { name: 'Image' });
const sheet = () => page.getByRole('region', { name: 'Loupe' });
const aspectOf = async (canvas: ReturnType<Page['locator']>) => {
  const { width, height } = (await canvas.boundingBox()) as { width: number; height: number };
  return width / height;
};

test('panes have the shape of the image; the loupe shows the map over it, and the strength is remembered', async () => {
  await tiles().first().click();
  const map = inspector().locator('canvas').first();
  await map.waitFor();
  // The map of `pca` is a square of 64 × 64; the image has 96 × 64 pixels.
  expect(await aspectOf(map)).toBeCloseTo(1.5, 1);
  expect(await map.evaluate((canvas: HTMLCanvasElement) => canvas.width / canvas.height)).toBeCloseTo(1.5, 1);
  expect(await aspectOf(inspector().locator('figure img').first())).toBeCloseTo(1.5, 1);

  await tiles().first().dblclick();
  await sheet().waitFor();
  expect(await sheet().locator('canvas').count()).toBe(0);
  await page.keyboard.press('Shift+M');
  const veil = sheet().locator('canvas');
  await veil.waitFor();
  const image = sheet().locator('img[alt]:not([alt=""])').first();
  await image.waitFor();
  await vi.waitFor(async () => expect(await veil.boundingBox()).toEqual(await image.boundingBox()));
  await page.getByRole('slider', { name: 'Strength of the error map' }).fill('0.3');
  expect(await veil.evaluate((canvas) => getComputedStyle(canvas).opacity)).toBe('0.3');
  await page.reload();
  await openAnomalies();
  await tiles().first().dblclick();
  await veil.waitFor();
  expect(await veil.evaluate((canvas) => getComputedStyle(canvas).opacity)).toBe('0.3');
  await page.keyboard.press('Shift+M');
  await veil.waitFor({ state: 'detached' });
});

test('masks are exported from the window, with a threshold where none can be judged', async () => {
  rmSync(own.work, { recursive: true, force: true });
  mkdirSync(own.work); // the field suggests folders beside it
  const to = join(own.work, 'masks');
  await tiles().first().click();
  await page.getByRole('button', { name: 'Export masks…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Folder of the files').fill(to);
  await dialog.getByLabel('Threshold').fill('0.08');
  expect(await violations(page)).toEqual([]);
  await dialog.getByRole('button', { name: 'Export', exact: true }).click();
  await dialog.getByText(/34 masks with \d+ regions in /).waitFor();
  await dialog.getByRole('button', { name: 'Close' }).click();
  const file = join(to, 'test', 'spot', '000.png.png');
  expect(existsSync(file)).toBe(true);
  expect(await sharp(file).metadata()).toMatchObject({ width: 96, height: 64 });
  expect((await sharp(file).stats()).channels[0].max).toBe(255);
  const { annotations } = JSON.parse(readFileSync(join(to, 'masks.json'), 'utf8')) as { annotations: unknown[] };
  expect(annotations.length).toBeGreaterThanOrEqual(10);
});

test('second opinions: what rankings agree and disagree on is what the expressions select', async () => {
  await page.getByRole('tab', { name: 'Second opinions' }).click();
  await page.getByText('A second opinion needs a second ranking.').waitFor();
  await rank('nearest');
  await page.getByRole('img', { name: 'Scores of pca-1 across, of nearest-1 up' }).waitFor();
  expect(await violationsInBothLights(page)).toEqual([]);

  // Above the thresholds of both, which are kept with the runs.
  for (const id of ['pca-1', 'nearest-1'])
    await engine.calls.runs.setThreshold.mutate({ id, rule: { rule: 'share', value: id === 'pca-1' ? 20 : 40 } });
  await page.getByRole('button', { name: 'All agree' }).click();
  const flagged = await engine.paths('flagged(pca-1.error, nearest-1.error) = 2');
  const thresholds = await Promise.all(
    ['pca-1', 'nearest-1'].map(async (id) => [id, (await engine.calls.runs.threshold.query({ id })).score] as const),
  );
  expect(await engine.paths(thresholds.map(([id, score]) => `${id}.error >= ${score}`).join(' and '))).toEqual(flagged);
  expect(flagged.length).toBeGreaterThan(2);
  await untilShown(flagged);
  await page.getByRole('button', { name: 'They disagree' }).click();
  const split = await engine.paths('flagged(pca-1.error, nearest-1.error) = 1');
  expect(split.length).toBeGreaterThan(2);
  await untilShown(split);

  await page.getByLabel('What all agree on').selectOption('in the top 25 %');
  await page.getByRole('button', { name: 'All agree' }).click();
  const agreed = await engine.paths('agreement(pca-1.error, nearest-1.error) >= 0.75');
  expect(agreed.length).toBeGreaterThan(3);
  await untilShown(agreed);
  const both = await engine.paths('percentile(pca-1.error) >= 0.75 and percentile(nearest-1.error) >= 0.75');
  expect(both).toEqual(agreed);

  await page.getByLabel('What they disagree on').selectOption('by 25 percentiles');
  await page.getByRole('button', { name: 'They disagree' }).click();
  const apart = await engine.paths('disagreement(pca-1.error, nearest-1.error) >= 0.25');
  expect(apart.length).toBeGreaterThan(1);
  expect(apart).not.toEqual(agreed);
  await untilShown(apart);
  await page.getByText('Widest disagreement first').waitFor();
  const captions = await tiles().first().locator('.values').innerText();
  expect(captions).toMatch(/\d+ apart/);
  expect(captions).toMatch(/pca-1 P\d+/);
  expect(captions).toMatch(/nearest-1 P\d+/);

  // A box over the upper half of the plot: the higher scores of the second ranking.
  const plot = page.getByRole('img', { name: /^Scores of/ });
  const { x, y, width, height } = (await plot.boundingBox()) as { x: number; y: number; width: number; height: number };
  await page.mouse.move(x + 2, y + 2);
  await page.mouse.down();
  await page.mouse.move(x + width - 3, y + height / 2, { steps: 4 });
  await page.mouse.up();
  const values = await engine.column('nearest-1.error');
  const finite = values.filter((value) => !Number.isNaN(value));
  const middle = (Math.min(...finite) + Math.max(...finite)) / 2;
  await untilShown(await engine.paths(`nearest-1.error >= ${middle}`));
  await page.getByRole('button', { name: 'Show all', exact: true }).click();
  await vi.waitUntil(async () => (await page.getByText('44 shown').count()) > 0, { timeout: 20_000 });
});

test('unlike this: the card shows the nearest normal patch to the most unusual place, and to the one pointed at', async () => {
  const runId = await rank('patch-memory', { sizePx: 224, patches: 1000 });
  await ranking(runId).click();
  const path = 'test/spot/002.png';
  await page.locator(`[role=option][data-path="${path}"]`).dblclick();
  await sheet().waitFor();
  await page.keyboard.press('Shift+M');
  const card = sheet().getByRole('region', { name: 'Unlike this' });
  const samples = await engine.rows('path != ""');
  const [sample] = samples.filter((each) => each.path === path);
  const unlike = (at: Place | null) => engine.calls.runs.unlike.query({ runId, sampleId: sample.id, at });
  const untilCard = async ({ sampleId, path: normal, distance, usual }: Unlike) => {
    await card.getByText(`Distance ${score(distance)}`, { exact: true }).waitFor();
    await card.getByText(`${(distance / usual).toFixed(1)} ×`, { exact: true }).waitFor();
    await card.getByText(`Nearest: ${normal.split('/').at(-1)}`).waitFor();
    const crop = card.getByRole('img', { name: 'The nearest normal patch' });
    expect(await crop.getAttribute('src')).toContain(`/media/original/${sampleId}?`);
    await vi.waitUntil(() => crop.evaluate((image: HTMLImageElement) => image.complete && image.naturalWidth === 96));
  };

  // The spot has 12 × 12 pixels from (38, 26).
  const most = await unlike(null);
  expect(Math.abs(most.here.x - 44 / 96)).toBeLessThan(0.2);
  expect(Math.abs(most.here.y - 32 / 64)).toBeLessThan(0.2);
  expect(samples.find(({ id }) => id === most.sampleId)?.path).toBe(most.path);
  await untilCard(most);
  expect(await violationsInBothLights(page)).toEqual([]);

  const image = (await sheet().locator('canvas').boundingBox())!;
  const at = { x: 0.96, y: 0.07 };
  const pointer = { x: image.x + at.x * image.width, y: image.y + at.y * image.height };
  await page.mouse.move(pointer.x, pointer.y);
  const other = await unlike(at);
  expect(other.distance).toBeLessThan(most.distance);
  await untilCard(other);
  // A mark leaves the comparison at the place that is pointed at.
  await engine.calls.journal.edit.mutate({ choice: { ids: [sample.id] }, change: { decision: 'unsure' } });
  await sheet()
    .getByRole('button', { name: /Unsure/, pressed: true })
    .waitFor();
  expect(await card.getByText(`Distance ${score(other.distance)}`, { exact: true }).count()).toBe(1);
  const frame = (await sheet().locator('.places + i').boundingBox())!;
  expect(pointer.x > frame.x && pointer.x < frame.x + frame.width).toBe(true);
  expect(pointer.y > frame.y && pointer.y < frame.y + frame.height).toBe(true);

  await page.keyboard.press('Shift+Q');
  await card.waitFor({ state: 'detached' });
  const toggle = page.getByRole('button', { name: 'Unlike this', exact: true });
  expect(await toggle.getAttribute('aria-pressed')).toBe('false');
  await toggle.click();
  await untilCard(most);
  await card.getByRole('button', { name: 'Close the comparison' }).click();
  await card.waitFor({ state: 'detached' });
});
