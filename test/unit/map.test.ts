/** The map of a folder: every image has a position, known images keep theirs exactly, and new ones are placed near similar ones. */
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { startCompute } from '../../src-main/compute/child.ts';
import { rankSchema } from '../../src-main/contract/schemas.ts';
import type { Run } from '../../src-main/contract/types.ts';
import type { Report } from '../../src-main/workspace/report.ts';
import { makeMap, mapByRun } from '../../src-main/jobs/map.ts';
import { OpenWorkspace } from '../../src-main/engine/open-workspace.ts';
import type { JobContext } from '../../src-main/jobs/context.ts';
import { rank } from '../../src-main/jobs/rank.ts';
import { scan } from '../../src-main/jobs/scan.ts';
import { blob, folderOf, temporaryFolder } from '../fixtures/images.ts';

const compute = startCompute();
const open: OpenWorkspace[] = [];
afterAll(async () => {
  await compute.stop();
  for (const workspace of open) await workspace.close();
});

/** A report that records its stages and progress. */
function listener(
  signal = new AbortController().signal,
): Report & { stages: string[]; last: Map<string, [number, number]> } {
  const stages: string[] = [];
  const last = new Map<string, [number, number]>();
  let whole = 0;
  return {
    signal,
    stages,
    last,
    stage: (name, total) => void (stages.push(name), (whole = total)),
    progress: (done, total = whole) => void last.set(stages.at(-1) as string, [done, total]),
    run: () => undefined,
  };
}

/** A scanned folder of two kinds of images, `count` of each, and a run on it. */
async function contextOf(count: number): Promise<{ context: JobContext; run: Run; again: () => Promise<unknown> }> {
  const files: Record<string, Buffer> = {};
  for (let i = 0; i < count; i++) {
    files[`plain/${String(i).padStart(2, '0')}.png`] = await blob(i);
    files[`odd/${String(i).padStart(2, '0')}.png`] = await blob(500 + i, true);
  }
  const folder = folderOf(files, 'map');
  const workspaceFolder = temporaryFolder('map-workspace');
  const context = new OpenWorkspace('0', folder, workspaceFolder, compute);
  open.push(context);
  const again = () => scan({ folder, workspaceFolder, table: context.table, rows: context.rows }, listener());
  await again();
  return { context, run: await runOf(context), again };
}

const runOf = (context: JobContext, seed = 1) =>
  rank(
    context,
    rankSchema.parse({ method: 'pca', parameters: { sizePx: 32, components: 6 }, seed, resume: false }),
    listener(),
  );

const mapOf = (context: JobContext, run: Run, how: { seed: number; anew: boolean }, report: Report) =>
  makeMap(context, mapByRun(context, run, report), how, report);

/** Position by path. */
function placesOf({ table }: JobContext): Map<string, [number, number]> {
  const [x, y] = [table.values('map.x'), table.values('map.y')];
  return new Map(
    table
      .samples()
      .filter(({ id }) => Number.isFinite(x[id]) && Number.isFinite(y[id]))
      .map(({ id, path }) => [path, [x[id], y[id]]]),
  );
}

function nearestTo(places: ReadonlyMap<string, [number, number]>, path: string): string {
  const [x, y] = places.get(path) as [number, number];
  const away = [...places]
    .filter(([other]) => other !== path)
    .map(([other, [a, b]]) => [other, Math.hypot(a - x, b - y)] as const);
  return away.sort((a, b) => a[1] - b[1])[0][0];
}

test('similar images are close together; new images are added, and known positions stay bit-identical', async () => {
  const { context, run, again } = await contextOf(20);
  const report = listener();
  expect(await mapOf(context, run, { seed: 1, anew: false }, report)).toEqual({ placed: 0, landmarks: 40 });
  expect(report.stages).toEqual(['Preparing pixels', 'Encoding', 'Computing the layout']);
  expect(report.last.get('Encoding')).toEqual([40, 40]);
  expect(report.last.get('Computing the layout')![0]).toBe(report.last.get('Computing the layout')![1]);
  const first = placesOf(context);
  expect(first.size).toBe(40);
  expect([...first.values()].flat().every((v) => v >= -1 && v <= 1)).toBe(true);
  const kindOf = (path: string) => path.split('/')[0];
  expect(
    [...first.keys()].filter((path) => kindOf(nearestTo(first, path)) === kindOf(path)).length,
  ).toBeGreaterThanOrEqual(38);
  expect(
    context.table
      .columns()
      .filter(({ name }) => name.startsWith('map.'))
      .map(({ name, title, runId, count }) => [name, title, runId, count]),
  ).toEqual([
    ['map.x', 'Map x', run.id, 40],
    ['map.y', 'Map y', run.id, 40],
  ]);

  // Without new images nothing is computed, and lost columns are restored.
  context.table.putColumn('map.x', 'Map x', run.id, [], []);
  const idle = listener();
  expect(await mapOf(context, run, { seed: 1, anew: false }, idle)).toEqual({ placed: 0, landmarks: 0 });
  expect(idle.stages).toEqual(['Preparing pixels']);
  expect(placesOf(context)).toEqual(first);

  // Two new images, two copies of known ones, one deleted file, and one with changed content.
  writeFileSync(join(context.folder, 'new-plain.png'), await blob(100));
  writeFileSync(join(context.folder, 'new-odd.png'), await blob(600, true));
  copyFileSync(join(context.folder, 'odd/03.png'), join(context.folder, 'copy.png'));
  rmSync(join(context.folder, 'plain/07.png'));
  writeFileSync(join(context.folder, 'plain/08.png'), await blob(700, true));
  await again();
  const joining = listener();
  expect(await mapOf(context, run, { seed: 1, anew: false }, joining)).toEqual({ placed: 4, landmarks: 0 });
  expect(joining.stages).toEqual(['Preparing pixels', 'Encoding', 'Placing new images']);
  const second = placesOf(context);
  expect(second.size).toBe(42);
  for (const [path, place] of first)
    if (path !== 'plain/07.png' && path !== 'plain/08.png') expect(second.get(path)).toEqual(place);
  expect(kindOf(nearestTo(second, 'new-plain.png'))).toBe('plain');
  for (const path of ['new-odd.png', 'plain/08.png']) expect(nearestTo(second, path)).toMatch(/odd/);
  expect(nearestTo(second, 'copy.png')).toBe('odd/03.png');

  copyFileSync(join(context.folder, 'odd/03.png'), join(context.folder, 'copy-2.png'));
  await again();
  await mapOf(context, run, { seed: 1, anew: false }, listener());
  const third = placesOf(context);
  for (const [path, place] of second) expect(third.get(path)).toEqual(place);
  expect(new Set([...third.values()].map(String)).size).toBe(43);
});

test('a new layout moves all images and is reproducible by seed; another run has its own map', async () => {
  const { context, run } = await contextOf(10);
  await mapOf(context, run, { seed: 1, anew: false }, listener());
  const first = placesOf(context);
  expect(await mapOf(context, run, { seed: 2, anew: true }, listener())).toEqual({ placed: 0, landmarks: 20 });
  expect(placesOf(context)).not.toEqual(first);
  await mapOf(context, run, { seed: 1, anew: true }, listener());
  expect(placesOf(context)).toEqual(first);
  expect(await mapOf(context, await runOf(context, 2), { seed: 1, anew: false }, listener())).toEqual({
    placed: 0,
    landmarks: 20,
  });

  // A file truncated by a kill is not used: the layout is computed from scratch.
  const file = join(context.workspaceFolder, 'map.tensors');
  const bytes = readFileSync(file);
  writeFileSync(file, bytes.subarray(0, bytes.length - 10));
  expect(await mapOf(context, await runOf(context, 2), { seed: 1, anew: false }, listener())).toEqual({
    placed: 0,
    landmarks: 20,
  });
});

test('a cancel leaves no map behind; a run without a model and an empty folder give an error message', async () => {
  const { context, run } = await contextOf(10);
  const stop = new AbortController();
  const stopping = listener(stop.signal);
  const { stage } = stopping;
  stopping.stage = (name, total) => (stage(name, total), name === 'Computing the layout' && stop.abort());
  await expect(mapOf(context, run, { seed: 1, anew: false }, stopping)).rejects.toMatchObject({ code: 'cancelled' });
  expect(existsSync(join(context.workspaceFolder, 'map.tensors'))).toBe(false);
  expect(context.table.columns().some(({ name }) => name === 'map.x')).toBe(false);

  rmSync(join(context.workspaceFolder, 'runs', run.id, 'model.bin'));
  await expect(mapOf(context, run, { seed: 1, anew: false }, listener())).rejects.toMatchObject({
    code: 'failed',
    message: expect.stringContaining('no model') as string,
  });
  context.table.markGone(context.table.samples().map(({ path }) => path));
  await expect(mapOf(context, run, { seed: 1, anew: false }, listener())).rejects.toMatchObject({ code: 'no-samples' });
});
