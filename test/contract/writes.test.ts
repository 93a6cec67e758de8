/** Where the program writes: never into the opened folder, never over other files, and nothing in queries. */
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { previewSchema, rankSchema, trainSchema, exportSchema } from '../../src-main/contract/schemas.ts';
import { router } from '../../src-main/contract/router.ts';
import type { EngineCalls } from '../../src-main/contract/procedures.ts';
import { checkTarget } from '../../src-main/file/target.ts';
import { OutputFolder } from '../../src-main/file/output-folder.ts';
import type { OpenWorkspace } from '../../src-main/engine/open-workspace.ts';
import { winnow } from '../fixtures/command.ts';
import { blob, folderOf, temporaryFolder } from '../fixtures/images.ts';
import { ended, openWorkspace, scanned } from '../fixtures/workspace.ts';

/** Every file below with its content, and every link with its target. */
function tree(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(
    files.map((file) => [file, lstatSync(file).isSymbolicLink() ? 'link' : readFileSync(file).toString('base64')]),
  );
}
const code = (name: string) => expect.objectContaining({ code: name });

test('an output folder: only the files in its list are replaced; other files stay', async () => {
  const to = join(temporaryFolder('maps'), 'new', 'maps');
  const source = temporaryFolder('source');
  const first = new OutputFolder(to, [source], 'The folder for maps');
  await first.check(['a/1.png', 'two\nlines.png']);
  expect(existsSync(to)).toBe(false); // the check writes nothing
  await first.write('a/1.png', 'one');
  await first.write('two\nlines.png', 'two');
  writeFileSync(join(to, 'mine.png'), 'mine');
  writeFileSync(join(to, 'a', 'mine.png'), 'mine');

  const again = new OutputFolder(to, [source], 'The folder for maps');
  await again.check(['a/1.png', 'two\nlines.png', 'a/2.png']);
  await again.write('a/1.png', 'one again');
  await again.write('a/2.png', 'new');
  for (const name of ['mine.png', 'a/mine.png']) {
    await expect(again.check([name])).rejects.toEqual(code('target-not-empty'));
    await expect(again.write(name, 'over')).rejects.toEqual(code('target-not-empty'));
    expect(readFileSync(join(to, name), 'utf8')).toBe('mine');
  }
  expect([readFileSync(join(to, 'a', '1.png'), 'utf8'), readFileSync(join(to, 'a', '2.png'), 'utf8')]).toEqual([
    'one again',
    'new',
  ]);
  expect(
    readFileSync(join(to, 'winnow-files.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual([{ schema: 'winnow/files@1' }, 'a/1.png', 'two\nlines.png', 'a/2.png']);
});

test('an output folder never leads into the opened folder: not as its parent, by a link, by a later link, or by a list that is a link', async () => {
  const above = temporaryFolder('above');
  const photos = join(above, 'photos');
  mkdirSync(join(photos, 'photos'), { recursive: true });
  writeFileSync(join(photos, '1.jpg.png'), 'precious');
  const before = tree(photos);
  const open = (path: string) => new OutputFolder(path, [photos], 'The folder for maps');
  // The parent, if the opened folder has a sub-folder with its own name.
  await expect(open(above).check(['photos/1.jpg.png'])).rejects.toEqual(code('target-inside-source'));
  expect(() => open(photos)).toThrow(code('target-inside-source'));
  expect(() => open(join(photos, 'new', 'maps'))).toThrow(code('target-inside-source'));
  symlinkSync(photos, join(above, 'link'));
  expect(() => open(join(above, 'link', 'maps'))).toThrow(code('target-inside-source'));
  // A link inside, created before the work or after the check.
  const maps = join(above, 'maps');
  mkdirSync(maps);
  const late = open(maps);
  await late.check(['photos/1.jpg.png']);
  symlinkSync(photos, join(maps, 'photos'));
  await expect(late.write('photos/1.jpg.png', 'map')).rejects.toEqual(code('target-unwritable'));
  await expect(open(maps).check(['photos/2.jpg.png'])).rejects.toEqual(code('target-unwritable'));
  symlinkSync(join(photos, 'new.png'), join(maps, 'new.png'));
  await expect(open(maps).check(['new.png'])).rejects.toEqual(code('target-not-empty'));
  // The list itself is a link.
  linkSync(join(photos, '1.jpg.png'), join(maps, 'winnow-files.jsonl'));
  await expect(open(maps).check([])).rejects.toEqual(code('target-not-empty'));
  expect(() => open(join(photos, '..', 'photos', '1.jpg.png'))).toThrow(code('target-inside-source'));
  expect(tree(photos)).toEqual(before);
});

async function classes(): Promise<OpenWorkspace> {
  const above = folderOf(
    {
      'photos/a/1.png': await blob(1),
      'photos/a/2.png': await blob(2),
      'photos/photos/3.png': await blob(3),
      'photos/3.png.png': 'precious',
      'photos/3.png.judged.webp': 'precious',
    },
    'above',
  );
  return scanned(openWorkspace(join(above, 'photos')));
}

test('maps and views are refused before anything is computed', async () => {
  const workspace = await classes();
  const before = tree(workspace.folder);
  const above = join(workspace.folder, '..');
  const job = await ended(workspace, workspace.calls.workspace.rank(rankSchema.parse({ method: 'pca', maps: above })));
  expect(job.error).toMatchObject({ code: 'target-inside-source', message: expect.stringContaining(workspace.folder) });
  expect(workspace.runs.list()).toEqual([]);
  const ids = workspace.table.samples().map(({ id }) => id);
  const preview = previewSchema.parse({ train: trainSchema.parse({ model: 'cnn' }), ids, to: above });
  await expect(workspace.calls.classifier.preview(preview)).rejects.toEqual(code('target-inside-source'));
  expect(tree(workspace.folder)).toEqual(before);
  expect(readdirSync(above)).toEqual(['photos']);
});

test('exports and models follow a link; a broken link is an error before the work', async () => {
  const folder = folderOf({ '1.png': await blob(1) });
  const above = temporaryFolder('above');
  mkdirSync(join(above, 'empty'));
  symlinkSync(join(above, 'empty'), join(above, 'to-empty'));
  symlinkSync(join(above, 'gone', 'x'), join(above, 'to-nothing'));
  symlinkSync(join(folder, 'new'), join(above, 'into'));
  symlinkSync(join(above, 'self'), join(above, 'self'));
  expect(await checkTarget(folder, join(above, 'to-empty'))).toBe(join(above, 'empty'));
  await expect(checkTarget(folder, join(above, 'to-nothing'))).rejects.toEqual(code('target-unwritable'));
  await expect(checkTarget(folder, join(above, 'self'))).rejects.toEqual(code('target-unwritable'));
  for (const inside of [join(above, 'into'), join(above, 'into', 'deep'), join(folder, 'x')])
    await expect(checkTarget(folder, inside)).rejects.toEqual(code('target-inside-source'));
  // A link in the opened folder that leads out of it: temporary files next to the target must also be outside.
  symlinkSync(join(above, 'empty'), join(folder, 'out'));
  expect(await checkTarget(folder, join(folder, 'out'))).toBe(join(above, 'empty'));
});

test('an export never resumes in a partial folder that is a link: the link’s target stays unchanged', async () => {
  const workspace = await classes();
  const before = tree(workspace.folder);
  const above = temporaryFolder('above');
  const part = join(above, '.clean.winnow-part');
  mkdirSync(part);
  symlinkSync(workspace.folder, join(part, 'set'));
  const job = await ended(workspace, workspace.calls.exports.start(exportSchema.parse({ to: join(above, 'clean') })));
  expect(job.error).toMatchObject({ code: 'target-not-empty' });
  expect(tree(workspace.folder)).toEqual(before);
});

test('a script is not written over an original or another file', async () => {
  const workspace = await classes();
  await workspace.close();
  const notes = join(temporaryFolder('notes'), 'notes.txt');
  writeFileSync(notes, 'mine');
  const before = tree(workspace.folder);
  for (const out of [join(workspace.folder, 'a', '1.png'), notes]) {
    expect(
      await winnow(['script', workspace.folder, '--workspace', workspace.workspaceFolder, '--out', out]),
    ).toMatchObject({ code: 1, out: '' });
  }
  expect(readFileSync(notes, 'utf8')).toBe('mine');
  expect(tree(workspace.folder)).toEqual(before);
});

test('a query changes no table of the workspace and no file', async () => {
  const workspace = await classes();
  const to = join(temporaryFolder('to'), 'x');
  const inputs: Record<string, unknown> = {
    'engine.folders': { path: workspace.folder },
    'evaluation.judge': {},
    'watch.arrivals': { since: 0 },
    'classifier.split': {},
    'classifier.probabilities': { runId: 'none', sampleId: 1 },
    'samples.changes': { since: 0 },
    'samples.values': { id: 1, columns: ['sharpness'] },
    'journal.history': {},
    'runs.get': { id: 'none' },
    'runs.threshold': { id: 'none' },
    'runs.compare': { a: 'none', b: 'none' },
    'runs.command': { id: 'none' },
    'runs.unlike': { runId: 'none', sampleId: 1 },
    'runs.settings': { ids: ['none'] },
    'search.propose': { kind: 'train', model: 'cnn' },
    'search.trials': { id: 'none' },
    'search.importance': { id: 'none' },
    'search.surrogate': { id: 'none', parameter: 'learningRate' },
    'inside.network': { run: 'none' },
    'inside.methods': { run: 'none' },
    'inside.layer': { run: 'none', layer: 'stem' },
    'inside.unit': { run: 'none', layer: 'stem', unit: 0 },
    'inside.written': { jobId: 1 },
    'exports.plan': { to },
    'exports.result': { jobId: 1 },
  };
  // Queries of the engine itself have no folder and call other processes. None of them takes an output path.
  const ofTheMachine = /^engine\.(?!folders)/;
  const procedures = Object.entries(router._def.procedures as unknown as Record<string, { _def: { type: string } }>);
  const queries = procedures
    .filter(([, { _def }]) => _def.type === 'query')
    .map(([name]) => name)
    .filter((name) => !ofTheMachine.test(name));
  expect(queries).toEqual(
    expect.arrayContaining(['workspace.describe', 'classifier.advise', 'exports.plan', 'journal.script']),
  );
  expect(queries).not.toContain('classifier.preview');
  const engine = {
    folders: async ({ path }: { path: string }) => ({ path, parent: null, folders: [] }),
  } as unknown as EngineCalls;
  const caller = router.createCaller({ engine, workspace: workspace.calls }) as unknown as Record<
    string,
    Record<string, (input: unknown) => Promise<unknown>>
  >;
  workspace.table.setMeta('marker', '1'); // so that the statement is prepared before the counting
  const state = () => [workspace.db.get<{ n: number }>('SELECT total_changes() AS n'), tree(workspace.folder)];
  const before = state();
  for (const name of queries) {
    const [group, call] = name.split('.');
    await caller[group][call](inputs[name]).catch((error: { cause?: { code?: string } }) => {
      if (error.cause?.code !== 'no-run') throw error;
    });
  }
  expect(state()).toEqual(before);
  expect(existsSync(to)).toBe(false);
});
