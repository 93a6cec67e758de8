/** Runs and columns of a workspace that has many: lists that read no records and no values, stored counts, archiving and deleting with undo. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { startCompute } from '../../src-main/compute/child.ts';
import { trainSchema } from '../../src-main/contract/schemas.ts';
import { OpenWorkspace } from '../../src-main/engine/open-workspace.ts';
import { Columns } from '../../src-main/workspace/columns.ts';
import { runFolder } from '../../src-main/workspace/runs.ts';
import { temporaryFolder } from '../fixtures/images.ts';
import { madeRun, putImages, putRun, runColumns } from '../fixtures/many-runs.ts';

const folder = temporaryFolder('images');
let at: string;
let workspace: OpenWorkspace;
const open = () => (workspace = new OpenWorkspace('0', folder, at, startCompute()));
async function reopen() {
  await workspace.close();
  open();
}
beforeEach(() => {
  at = temporaryFolder('workspace');
  putImages(open(), 30);
  for (const n of [1, 2, 3]) {
    mkdirSync(runFolder(at, `cnn-${n}`), { recursive: true });
    writeFileSync(join(runFolder(at, `cnn-${n}`), 'model.safetensors'), new Uint8Array(1000 * n));
    putRun(workspace, madeRun(n));
  }
});
afterEach(() => workspace.close());

const calls = () => workspace.calls;
const listed = () =>
  calls()
    .runs.list()
    .map(({ id, archived }) => (archived ? `${id} archived` : id));
const columnsOf = (id: string) =>
  calls()
    .samples.columns()
    .filter(({ runId }) => runId === id).length;
const trained = (run: string) => ({ do: 'train', request: trainSchema.parse({ model: 'cnn' }), run }) as const;
const statements = () => {
  const spies = (['all', 'get'] as const).map((name) => vi.spyOn(workspace.db, name));
  return () => spies.flatMap((spy) => spy.mock.calls.map(([sql]) => sql)).join('\n');
};

describe('lists', () => {
  test('a summary has what lists show; the record has the rest', () => {
    expect(calls().runs.list()[0]).toEqual({
      id: 'cnn-3',
      kind: 'train',
      method: 'cnn',
      state: 'done',
      parent: null,
      seed: 3,
      trainOn: null,
      trained: 1400,
      column: 'cnn-3.loss',
      createdAt: 1_700_000_180_000,
      seconds: 93.5,
      epoch: 60,
      epochs: 60,
      headline: { name: 'accuracy', value: 0.9 },
      title: null,
      note: null,
      pinned: false,
      dividedBy: 'shares',
      bytes: 3000,
      archived: false,
      rule: null,
      version: 1,
    });
    expect(calls().runs.get({ id: 'cnn-3' })).toEqual(madeRun(3));
    workspace.runs.put({ ...madeRun(3), notes: ['new'] });
    expect(calls().runs.list()[0]).toMatchObject({ version: 2, bytes: null });
  });

  test('the lists of runs and of columns read no record and no values, and nor does a decision', async () => {
    await reopen();
    const executed = statements();
    calls().runs.list();
    expect(calls().samples.columns()).toHaveLength(11 + 3 * runColumns.length);
    calls().journal.edit({ choice: { ids: [1] }, change: { decision: 'keep' } });
    calls().workspace.describe();
    expect(executed()).toContain('FROM columns');
    expect(executed()).not.toMatch(/column_values|run_records/);
    expect(calls().runs.get({ id: 'cnn-1' }).history).toHaveLength(60);
    expect(executed()).toMatch(/run_records/);
  });

  test('a run may have no columns; a run that belongs to another is deleted with it', () => {
    putRun(workspace, madeRun(4, { column: '', parent: 'cnn-3' }), []);
    expect(calls().runs.list()[0]).toMatchObject({ id: 'cnn-4', parent: 'cnn-3' });
    expect(columnsOf('cnn-4')).toBe(0);
    expect(calls().runs.delete({ ids: ['cnn-3'] })).toMatchObject({ changed: 2, title: 'delete 2 runs' });
    expect(listed()).toEqual(['cnn-2', 'cnn-1']);
  });
});

describe('columns', () => {
  const count = (name: string) =>
    calls()
      .samples.columns()
      .find((column) => column.name === name)?.count;

  test('counts follow files that disappear, reappear and change', () => {
    const [first, second] = workspace.table.samples();
    expect([count('cnn-1.loss'), count('sharpness')]).toEqual([30, 30]);
    workspace.table.markGone([first.path, second.path]);
    expect([count('cnn-1.loss'), count('sharpness')]).toEqual([28, 28]);
    const scanned = { ...first, measures: measuresOf(first.id), fingerprint: new Uint8Array(64) };
    workspace.table.putScanned([scanned], []); // the file is back
    expect([count('cnn-1.loss'), count('sharpness')]).toEqual([29, 29]);
    workspace.table.putScanned([{ ...scanned, sha256: 'other' }], []);
    expect([count('cnn-1.loss'), count('sharpness')]).toEqual([28, 29]);
    expect(workspace.table.values('cnn-1.loss')[first.id]).toBeNaN();
  });

  test('one sample’s values are read in one call; null means no value', () => {
    const [{ id, path }] = workspace.table.samples();
    const columns = ['sharpness', 'cnn-1.loss'];
    const expected = columns.map((name) => workspace.table.values(name)[id]);
    expect(calls().samples.values({ id, columns })).toEqual(expected);
    workspace.table.markGone([path]);
    expect(calls().samples.values({ id, columns })).toEqual([null, null]);
    expect(() => calls().samples.values({ id, columns: ['nothing'] })).toThrow('There is no column ‘nothing’.');
  });

  test('the most recently used stay in memory; others are read again', () => {
    const bytes = 8 * (Math.max(...workspace.table.samples().map(({ id }) => id)) + 1);
    const columns = new Columns(workspace.db, 2 * bytes);
    const get = vi.spyOn(workspace.db, 'get');
    const reads = () => get.mock.calls.filter(([sql]) => sql.includes('column_values')).map(([, name]) => name);
    for (const name of ['loss', 'split', 'loss', 'correct', 'loss', 'split']) columns.values(`cnn-1.${name}`);
    expect(reads()).toEqual(['loss', 'split', 'correct', 'split'].map((name) => `cnn-1.${name}`));
  });

  const measuresOf = (id: number) =>
    Object.fromEntries(
      ['brightness', 'contrast', 'entropy', 'sharpness', 'blur', 'detail', 'highlights', 'shadows', 'clipped']
        .concat('clippedEdges', 'chroma')
        .map((name) => [name, workspace.table.values(name)[id]]),
    ) as never;
});

describe('archive and delete', () => {
  test('can be undone and redone, also after a restart; the columns of a deleted run disappear with it', async () => {
    for (const run of ['cnn-1', 'cnn-2', 'cnn-3']) workspace.journal.record(trained(run), `train ${run}`);
    calls().runs.archive({ ids: ['cnn-1'] });
    expect(listed()).toEqual(['cnn-3', 'cnn-2', 'cnn-1 archived']);
    expect(columnsOf('cnn-1')).toBe(7);
    const { shape } = calls().workspace.describe();
    expect(calls().runs.delete({ ids: ['cnn-3', 'cnn-1'] })).toMatchObject({ changed: 2 });
    expect(calls().workspace.describe().shape).toBeGreaterThan(shape);
    expect([listed(), columnsOf('cnn-3'), columnsOf('cnn-1')]).toEqual([['cnn-2'], 0, 0]);
    expect(workspace.table.resolveColumn('cnn.loss')).toBe('cnn-2.loss'); // the newest run that is not deleted
    expect(() => workspace.table.values('cnn-3.loss')).toThrow('There is no column');
    expect(() => calls().runs.get({ id: 'cnn-3' })).toThrow('The run ‘cnn-3’ was deleted.');
    expect(workspace.runs.nextId('cnn')).toBe('cnn-4');
    await reopen();
    expect(calls().journal.undo()).toMatchObject({ changed: 2, title: 'delete 2 runs' });
    expect([listed(), columnsOf('cnn-3')]).toEqual([['cnn-3', 'cnn-2', 'cnn-1 archived'], 7]);
    calls().journal.redo();
    expect(listed()).toEqual(['cnn-2']);
    calls().journal.undo();
    calls().runs.unarchive({ ids: ['cnn-1'] });
    expect(listed()).toEqual(['cnn-3', 'cnn-2', 'cnn-1']);
    expect(calls().runs.unarchive({ ids: ['cnn-1'] }).changed).toBe(0);
    expect(calls().journal.history({ limit: 3 })).toMatchObject([
      { title: 'unarchive cnn-1', command: `runs unarchive ${folder} cnn-1` },
      { title: 'delete 2 runs', undone: true, command: `runs delete ${folder} cnn-1 cnn-3` },
      { title: 'archive cnn-1', command: `runs archive ${folder} cnn-1` },
    ]);
    expect(calls().journal.script()).toContain('$WINNOW runs archive "$FOLDER" cnn-1');
    expect(calls().journal.script()).not.toContain('runs delete');
  });

  test('are refused for a running or missing run, and then nothing changes', () => {
    workspace.runs.put(madeRun(4, { state: 'running' }));
    expect(() => calls().runs.delete({ ids: ['cnn-1', 'cnn-4'] })).toThrow('cnn-4 is running. Cancel it first.');
    expect(() => calls().runs.archive({ ids: ['cnn-1', 'cnn-9'] })).toThrow('There is no run ‘cnn-9’.');
    expect(listed()).toEqual(['cnn-4', 'cnn-3', 'cnn-2', 'cnn-1']);
  });

  test('prevent resuming an unfinished run', () => {
    workspace.runs.put(madeRun(4, { state: 'interrupted' }), 'print');
    expect(workspace.runs.resumable('print', () => false)?.id).toBe('cnn-4');
    calls().runs.archive({ ids: ['cnn-4'] });
    expect(workspace.runs.resumable('print', () => false)).toBeNull();
  });

  test('a purge frees the disk: undo skips the deletion, and the id is not used again', async () => {
    for (const run of ['cnn-1', 'cnn-2', 'cnn-3']) workspace.journal.record(trained(run), `train ${run}`);
    calls().runs.archive({ ids: ['cnn-1'] });
    calls().runs.delete({ ids: ['cnn-2', 'cnn-3'] });
    expect(calls().runs.purge()).toEqual({ runs: ['cnn-2', 'cnn-3'], bytes: 5000 });
    expect(calls().runs.purge()).toEqual({ runs: [], bytes: 0 });
    expect(['cnn-1', 'cnn-2', 'cnn-3'].map((id) => existsSync(runFolder(at, id)))).toEqual([true, false, false]);
    expect(workspace.db.all('SELECT run_id FROM run_records')).toHaveLength(1);
    expect(workspace.db.all('SELECT 1 FROM column_values')).toHaveLength(7);
    await reopen();
    expect(workspace.runs.nextId('cnn')).toBe('cnn-4');
    expect(calls().workspace.describe().journal.undo).toBe('archive cnn-1');
    expect(calls().journal.history({ limit: 2 })).toMatchObject([
      { title: 'free the disk space of 2 runs', command: expect.stringContaining('--purge') },
      { title: 'delete 2 runs', undone: false },
    ]);
    calls().journal.undo();
    expect(listed()).toEqual(['cnn-1']);
    expect(calls().journal.script()).toContain('runs delete "$FOLDER" cnn-2 cnn-3');
    expect(calls().journal.script()).not.toContain('--purge');
  });

  test('opening the workspace removes the folder of a purged run left by a crash, and no other folder', async () => {
    calls().runs.delete({ ids: ['cnn-2'] });
    calls().runs.purge();
    // cnn-2: the crash came before its folder was removed. cnn-9: a run that a restored backup does not know.
    for (const id of ['cnn-2', 'cnn-9']) {
      mkdirSync(runFolder(at, id));
      writeFileSync(join(runFolder(at, id), 'model.safetensors'), 'x');
    }
    await reopen();
    expect(readdirSync(join(at, 'runs')).sort()).toEqual(['cnn-1', 'cnn-3', 'cnn-9']);
    expect(listed()).toEqual(['cnn-3', 'cnn-1']);
  });

  test('opening the workspace purges runs that were deleted more than 30 days ago', async () => {
    calls().runs.delete({ ids: ['cnn-1'] });
    calls().runs.delete({ ids: ['cnn-2'] });
    const days = (n: number) => Date.now() - n * 24 * 3600 * 1000;
    for (const [id, n] of [['cnn-1', 31] as const, ['cnn-2', 29] as const])
      workspace.db.run('UPDATE journal SET at = ? WHERE title = ?', days(n), `delete ${id}`);
    await reopen();
    expect(existsSync(runFolder(at, 'cnn-1'))).toBe(false);
    expect(existsSync(runFolder(at, 'cnn-2'))).toBe(true);
    expect(calls().journal.undo()).toMatchObject({ title: 'delete cnn-2' });
    expect(listed()).toEqual(['cnn-3', 'cnn-2']);
  });
});

describe('a name, a note and a pin', () => {
  const wordsOf = (id: string) => {
    const { title, note, pinned } = calls()
      .runs.list()
      .find((run) => run.id === id)!;
    return [title, note, pinned];
  };

  test('are set apart from each other, undone and redone, also after a restart; clients hear of it', async () => {
    const { shape } = calls().workspace.describe();
    expect(calls().runs.describe({ id: 'cnn-2', title: 'wide' })).toMatchObject({
      changed: 1,
      title: 'name cnn-2 ‘wide’',
    });
    expect(calls().workspace.describe().shape).toBeGreaterThan(shape); // the window reads the list again
    expect(calls().runs.describe({ id: 'cnn-2', note: 'with more filters', pinned: true })).toMatchObject({
      title: 'add a note to cnn-2, pin cnn-2',
    });
    expect([wordsOf('cnn-1'), wordsOf('cnn-2')]).toEqual([
      [null, null, false],
      ['wide', 'with more filters', true],
    ]);
    await reopen();
    calls().journal.undo();
    expect(wordsOf('cnn-2')).toEqual(['wide', null, false]);
    calls().journal.undo();
    expect(wordsOf('cnn-2')).toEqual([null, null, false]);
    calls().journal.redo();
    calls().journal.redo();
    expect(wordsOf('cnn-2')).toEqual(['wide', 'with more filters', true]);
    calls().runs.describe({ id: 'cnn-2', title: null, note: null, pinned: false });
    expect(workspace.settings.all('run-words')).toEqual([]); // nothing is left behind
    expect(calls().journal.history({ limit: 1 })).toMatchObject([
      {
        title: 'remove the name of cnn-2, remove the note of cnn-2, unpin cnn-2',
        command: `runs rename ${folder} cnn-2 --clear && winnow runs note ${folder} cnn-2 --clear && winnow runs unpin ${folder} cnn-2`,
      },
    ]);
  });

  test('that are as before are no step; a part that stays is not in its command', () => {
    calls().runs.describe({ id: 'cnn-1', title: 'first', pinned: true });
    expect(calls().runs.describe({ id: 'cnn-1', title: 'first', pinned: true }).changed).toBe(0);
    calls().runs.describe({ id: 'cnn-1', title: 'first', note: 'x' });
    expect(calls().journal.history({ limit: 1 })[0].command).toBe(`runs note ${folder} cnn-1 x`);
    expect(() => calls().runs.describe({ id: 'cnn-9', title: 'x' })).toThrow('There is no run ‘cnn-9’.');
  });

  test('stay with a deleted run that comes back', () => {
    calls().runs.describe({ id: 'cnn-1', title: 'first' });
    calls().runs.delete({ ids: ['cnn-1'] });
    expect(() => calls().runs.describe({ id: 'cnn-1', title: 'x' })).toThrow('was deleted');
    calls().journal.undo();
    expect(wordsOf('cnn-1')).toEqual(['first', null, false]);
  });
});

describe('the command that repeats a run', () => {
  const commandOf = (change: Parameters<typeof madeRun>[1]) => {
    putRun(workspace, madeRun(4, change), []);
    return calls().runs.command({ id: 'cnn-4' });
  };
  const none = { classification: null, column: '' };

  test('of a search for label errors names the classifier, or the folds', () => {
    const labels = { ...none, kind: 'labels', method: 'labels' } as const;
    expect(commandOf({ ...labels, parameters: { run: 'cnn-3' } })).toBe(`labels ${folder} --run cnn-3 --seed 4`);
    expect(commandOf({ ...labels, parameters: { folds: 5, repeats: 2 } })).toBe(
      `labels ${folder} --folds 5 --repeats 2 --seed 4`,
    );
  });

  test('of a ranking whose detector was copied copies it again', () => {
    const origin = { folder: '/my photos', runId: 'pca-3' };
    expect(commandOf({ ...none, kind: 'rank', method: 'pca', origin })).toBe(
      `rank ${folder} --run pca-3 --of '/my photos'`,
    );
  });

  test('is refused where the record lacks something', () => {
    expect(() => calls().runs.command({ id: 'cnn-1' })).toThrow(
      'cnn-1 cannot be repeated by a command: its record does not say how the images were split.',
    );
  });
});

test('a workspace of the previous version keeps its runs and columns, and gets summaries, sizes and counts', async () => {
  const before = [calls().runs.list(), calls().samples.columns(), calls().runs.get({ id: 'cnn-2' })];
  const values = workspace.table.values('cnn-2.loss');
  await workspace.close();
  const db = new DatabaseSync(join(at, 'workspace.sqlite'));
  db.exec(`
    ALTER TABLE columns ADD COLUMN data BLOB;
    UPDATE columns SET data = (SELECT data FROM column_values WHERE column_id = id);
    DROP TABLE column_values;
    DROP TABLE trials;
    ALTER TABLE groups DROP COLUMN differences;
    ALTER TABLE samples DROP COLUMN split;
    ALTER TABLE samples DROP COLUMN notice;
    ALTER TABLE samples DROP COLUMN value_kind;
    ALTER TABLE samples DROP COLUMN value_low;
    ALTER TABLE samples DROP COLUMN value_high;
    ALTER TABLE columns DROP COLUMN count;
    ALTER TABLE runs ADD COLUMN record TEXT NOT NULL DEFAULT '';
    UPDATE runs SET record = (SELECT record FROM run_records WHERE run_id = id);
    DROP TABLE run_records;
    ALTER TABLE runs DROP COLUMN summary;
    ALTER TABLE runs DROP COLUMN bytes;
    ALTER TABLE runs DROP COLUMN version;
    PRAGMA user_version = 5;`);
  db.close();
  open();
  expect([calls().runs.list(), calls().samples.columns(), calls().runs.get({ id: 'cnn-2' })]).toEqual(before);
  expect(workspace.table.values('cnn-2.loss')).toEqual(values);
});
