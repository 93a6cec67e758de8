/** The map of a folder: every image has a place, known images keep theirs to the bit, new ones come beside their like. */
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { startCompute } from '../../src-main/compute/child.ts';
import type { Run } from '../../src-main/contract/types.ts';
import { RowStore } from '../../src-main/rows/row-store.ts';
import { Database } from '../../src-main/workspace/database.ts';
import type { Report } from '../../src-main/workspace/jobs.ts';
import { makeMap, mapByRun } from '../../src-main/workspace/map.ts';
import { rank, type RankDesk } from '../../src-main/workspace/rank.ts';
import { Runs } from '../../src-main/workspace/runs.ts';
import { scan } from '../../src-main/workspace/scan.ts';
import { Table } from '../../src-main/workspace/table.ts';
import { blob, folderOf, temporaryFolder } from '../fixtures/images.ts';

const compute = startCompute();
const databases: Database[] = [];
afterAll(async () => {
  await compute.stop();
  for (const db of databases) db.close();
});

/** Keeps what it is told. */
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

/** A scanned folder of two kinds, `count` of each, and a run over it. */
async function deskOf(count: number): Promise<{ desk: RankDesk; run: Run; again: () => Promise<unknown> }> {
  const files: Record<string, Buffer> = {};
  for (let i = 0; i < count; i++) {
    files[`plain/${String(i).padStart(2, '0')}.png`] = await blob(i);
    files[`odd/${String(i).padStart(2, '0')}.png`] = await blob(500 + i, true);
  }
  const folder = folderOf(files, 'map');
  const workspaceFolder = temporaryFolder('map-workspace');
  const db = new Database(join(workspaceFolder, 'workspace.sqlite'));
  databases.push(db);
  const desk: RankDesk = {
    table: new Table(db),
    rows: new RowStore(db, workspaceFolder),
    compute,
    folder,
    workspaceFolder,
    runs: new Runs(db),
    onRun: () => undefined,
  };
  const again = () => scan(folder, workspaceFolder, desk.table, listener());
  await again();
  return { desk, run: await runOf(desk), again };
}

const runOf = (desk: RankDesk, seed = 1) =>
  rank(
    desk,
    { method: 'pca', parameters: { sizePx: 32, components: 6 }, seed, trainOn: null, resume: false, maps: null },
    listener(),
  );

const mapOf = (desk: RankDesk, run: Run, how: { seed: number; anew: boolean }, report: Report) =>
  makeMap(desk, mapByRun(desk, run, report), how, report);

/** Place by path. */
function placesOf({ table }: RankDesk): Map<string, [number, number]> {
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

test('every image has a place beside its like; new ones join, and known ones stay to the bit', async () => {
  const { desk, run, again } = await deskOf(20);
  const told = listener();
  expect(await mapOf(desk, run, { seed: 1, anew: false }, told)).toEqual({ placed: 0, laidOut: 40 });
  expect(told.stages).toEqual(['Preparing pixels', 'Encoding', 'Laying out']);
  expect(told.last.get('Encoding')).toEqual([40, 40]);
  expect(told.last.get('Laying out')![0]).toBe(told.last.get('Laying out')![1]);
  const first = placesOf(desk);
  expect(first.size).toBe(40);
  expect([...first.values()].flat().every((v) => v >= -1 && v <= 1)).toBe(true);
  const kindOf = (path: string) => path.split('/')[0];
  expect(
    [...first.keys()].filter((path) => kindOf(nearestTo(first, path)) === kindOf(path)).length,
  ).toBeGreaterThanOrEqual(38);
  expect(
    desk.table
      .columns()
      .filter(({ name }) => name.startsWith('map.'))
      .map(({ name, title, runId, count }) => [name, title, runId, count]),
  ).toEqual([
    ['map.x', 'Map x', run.id, 40],
    ['map.y', 'Map y', run.id, 40],
  ]);

  // Nothing is new: nothing is done, and the columns come back if they were lost.
  desk.table.putColumn('map.x', 'Map x', run.id, [], []);
  const idle = listener();
  expect(await mapOf(desk, run, { seed: 1, anew: false }, idle)).toEqual({ placed: 0, laidOut: 0 });
  expect(idle.stages).toEqual(['Preparing pixels']);
  expect(placesOf(desk)).toEqual(first);

  // Two new ones, a copy of a known one and again a copy; one that is gone, and one with other content.
  writeFileSync(join(desk.folder, 'new-plain.png'), await blob(100));
  writeFileSync(join(desk.folder, 'new-odd.png'), await blob(600, true));
  copyFileSync(join(desk.folder, 'odd/03.png'), join(desk.folder, 'copy.png'));
  rmSync(join(desk.folder, 'plain/07.png'));
  writeFileSync(join(desk.folder, 'plain/08.png'), await blob(700, true));
  await again();
  const joining = listener();
  expect(await mapOf(desk, run, { seed: 1, anew: false }, joining)).toEqual({ placed: 4, laidOut: 0 });
  expect(joining.stages).toEqual(['Preparing pixels', 'Encoding', 'Placing']);
  const second = placesOf(desk);
  expect(second.size).toBe(42);
  for (const [path, place] of first)
    if (path !== 'plain/07.png' && path !== 'plain/08.png') expect(second.get(path)).toEqual(place);
  expect(kindOf(nearestTo(second, 'new-plain.png'))).toBe('plain');
  for (const path of ['new-odd.png', 'plain/08.png']) expect(nearestTo(second, path)).toMatch(/odd/);
  expect(nearestTo(second, 'copy.png')).toBe('odd/03.png');

  copyFileSync(join(desk.folder, 'odd/03.png'), join(desk.folder, 'copy-2.png'));
  await again();
  await mapOf(desk, run, { seed: 1, anew: false }, listener());
  const third = placesOf(desk);
  for (const [path, place] of second) expect(third.get(path)).toEqual(place);
  expect(new Set([...third.values()].map(String)).size).toBe(43);
});

test('anew lays all out again, the same by the same seed; another run makes its own map', async () => {
  const { desk, run } = await deskOf(10);
  await mapOf(desk, run, { seed: 1, anew: false }, listener());
  const first = placesOf(desk);
  expect(await mapOf(desk, run, { seed: 2, anew: true }, listener())).toEqual({ placed: 0, laidOut: 20 });
  expect(placesOf(desk)).not.toEqual(first);
  await mapOf(desk, run, { seed: 1, anew: true }, listener());
  expect(placesOf(desk)).toEqual(first);
  expect(await mapOf(desk, await runOf(desk, 2), { seed: 1, anew: false }, listener())).toEqual({
    placed: 0,
    laidOut: 20,
  });

  // A file that was cut off by a kill is no map: all is laid out again.
  const file = join(desk.workspaceFolder, 'map.tensors');
  const bytes = readFileSync(file);
  writeFileSync(file, bytes.subarray(0, bytes.length - 10));
  expect(await mapOf(desk, await runOf(desk, 2), { seed: 1, anew: false }, listener())).toEqual({
    placed: 0,
    laidOut: 20,
  });
});

test('a cancel leaves no map behind; a run without a model and an empty folder are refused in words', async () => {
  const { desk, run } = await deskOf(10);
  const stop = new AbortController();
  const stopping = listener(stop.signal);
  const { stage } = stopping;
  stopping.stage = (name, total) => (stage(name, total), name === 'Laying out' && stop.abort());
  await expect(mapOf(desk, run, { seed: 1, anew: false }, stopping)).rejects.toMatchObject({ code: 'cancelled' });
  expect(existsSync(join(desk.workspaceFolder, 'map.tensors'))).toBe(false);
  expect(desk.table.columns().some(({ name }) => name === 'map.x')).toBe(false);

  rmSync(join(desk.workspaceFolder, 'runs', run.id, 'model.bin'));
  await expect(mapOf(desk, run, { seed: 1, anew: false }, listener())).rejects.toMatchObject({
    code: 'failed',
    message: expect.stringContaining('no model') as string,
  });
  desk.table.retire(desk.table.samples().map(({ path }) => path));
  await expect(mapOf(desk, run, { seed: 1, anew: false }, listener())).rejects.toMatchObject({ code: 'no-samples' });
});
