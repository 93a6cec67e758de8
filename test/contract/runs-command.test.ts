/** `runs` on the command line: the list, its table, names, archiving, deleting with undo, and freeing disk space. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { expect, test } from 'vitest';
import { startCompute } from '../../src-main/compute/child.ts';
import type { Run } from '../../src-main/contract/types.ts';
import { OpenWorkspace } from '../../src-main/engine/open-workspace.ts';
import { shellWords, winnow, winnowJson } from '../fixtures/command.ts';
import { temporaryFolder } from '../fixtures/images.ts';
import { madeRun, putImages, putRun } from '../fixtures/many-runs.ts';

interface RunsJson {
  changed: number;
  runs: (Run & { title: string | null; note: string | null; pinned: boolean; archived: boolean; bytes: number })[];
}

/** Two made classifiers, and the command on them. */
async function setting() {
  const [folder, at] = [temporaryFolder('images'), temporaryFolder('workspace')];
  const workspace = new OpenWorkspace('0', folder, at, startCompute());
  putImages(workspace, 4);
  for (const n of [1, 2]) putRun(workspace, madeRun(n));
  await workspace.close();
  const on = (...verb: string[]) => [...verb, folder, '--workspace', at];
  return {
    folder,
    on,
    runs: (...args: string[]) => winnow([...on('runs'), ...args]),
    verb: (name: string, ...args: string[]) => winnow([...on('runs', name), ...args]),
    listed: () => winnowJson<RunsJson>(on('runs')),
  };
}
const words = { rule: null, title: null, note: null, pinned: false, archived: false, bytes: 0, command: null };

test('archived runs are listed with --all; after --purge, undo skips a deletion', async () => {
  const { on, runs, verb, listed } = await setting();
  expect(await verb('archive', 'cnn-1')).toMatchObject({ code: 0, err: expect.stringContaining('archive cnn-1') });
  expect((await listed()).runs).toEqual([{ ...madeRun(2), ...words }]);
  expect((await runs('--all')).out).toMatch(
    /^cnn-2 .* 1400 images {5}94 s {5}0\.0 MiB {2}seed 2 {2}accuracy 0\.900\ncnn-1 .* {2}archived\n$/,
  );
  expect((await verb('delete', 'cnn-2')).code).toBe(0);
  expect(await verb('delete', 'cnn-2')).toMatchObject({ code: 1, err: expect.stringContaining('was deleted') });
  expect(await runs('--purge')).toMatchObject({ code: 0, err: expect.stringContaining('1 run removed') });
  // Undo skips the deletion.
  expect((await winnow(on('undo'))).err).toContain('archive cnn-1');
  expect((await listed()).runs).toEqual([{ ...madeRun(1), ...words }]);
  // As scripts of earlier versions write it.
  expect(await runs('--archive', 'cnn-1')).toMatchObject({ code: 0, err: expect.stringContaining('archive cnn-1') });
  expect((await verb('unarchive', 'cnn-1')).err).toContain('unarchive cnn-1');
});

test('a run is named, noted and pinned; the list and a table show it, and the history repeats it', async () => {
  const { folder, on, runs, verb, listed } = await setting();
  await verb('rename', 'cnn-1', 'wide, "deep"');
  await verb('note', 'cnn-1', '--', '-5 epochs');
  expect(await winnowJson<RunsJson>([...on('runs', 'pin'), 'cnn-1'])).toMatchObject({ changed: 1, runs: [{}, {}] });
  expect(await verb('rename', 'cnn-1')).toMatchObject({ code: 2, err: expect.stringContaining('or --clear') });
  const { out, err } = await runs();
  expect(out).toMatch(/^cnn-1 .* {2}‘wide, "deep"’ {2}pinned\ncnn-2 /); // pinned runs come first
  expect(err).toContain('2 runs: 3 min of computing, 0.0 MiB on disk.');
  const file = join(temporaryFolder('table'), 'runs.csv');
  await runs('--csv', file, '--quiet');
  const rows = parse(readFileSync(file), { columns: true }) as unknown as Record<string, string>[];
  expect(rows.map(({ id, title, pinned }) => [id, title, pinned])).toEqual([
    ['cnn-2', '', 'false'],
    ['cnn-1', 'wide, "deep"', 'true'],
  ]);
  expect(rows[0]).toMatchObject({ 'parameters.learningRate': '0.001', 'figures.accuracy': '0.9', seconds: '93.5' });
  expect(await runs('--csv', join(folder, 'runs.csv'))).toMatchObject({ code: 1 }); // never into the opened folder

  // The history's own commands, as a shell splits them, set the same words again.
  const { entries } = await winnowJson<{ entries: { command: string }[] }>(on('history'));
  const commands = entries.map(({ command }) => command).reverse();
  expect(commands).toEqual([
    `runs rename ${folder} cnn-1 'wide, "deep"'`,
    `runs note ${folder} cnn-1 -- '-5 epochs'`,
    `runs pin ${folder} cnn-1`,
  ]);
  const before = await listed();
  await winnow([...on('undo'), '--steps', '3']);
  expect((await listed()).runs[1]).toMatchObject({ title: null, note: null, pinned: false });
  for (const command of commands) {
    const [, name, at, ...rest] = shellWords(command);
    expect(at).toBe(folder);
    await verb(name, ...rest);
  }
  expect(await listed()).toEqual(before);
});
