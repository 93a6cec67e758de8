/** The journal: every edit can be undone and redone, also after a restart and after a migration. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { keepBestSchema, viewSchema } from '../../src-main/contract/schemas.ts';
import type { Marks } from '../../src-main/contract/types.ts';
import type { OpenWorkspace } from '../../src-main/engine/open-workspace.ts';
import { blob, blobFolder, folderOf, temporaryFolder } from '../fixtures/images.ts';
import { openWorkspace, scanned } from '../fixtures/workspace.ts';

const marksOf = (workspace: OpenWorkspace): Record<string, Partial<Marks>> =>
  Object.fromEntries(
    workspace.table
      .samples()
      .map(({ path, decision, reason, tags, label, note }) => [path, { decision, reason, tags, label, note }]),
  );
const allOf = (workspace: OpenWorkspace) => ({
  marks: marksOf(workspace),
  views: workspace.calls.views.list(),
  groups: workspace.groups.list(),
  thresholds: workspace.calls.checks.list().map(({ id, threshold }) => [id, threshold]),
});

test('steps of every kind are undone to the first state and redone to the last, one by one, also after a restart', async () => {
  const twin = await blob(3);
  const folder = folderOf({
    'a/1.png': await blob(1),
    'a/2.png': await blob(2),
    'b/3.png': twin,
    'b/3-again.png': twin,
    'odd.png': await blob(9, true),
  });
  const at = temporaryFolder('workspace');
  let workspace = await scanned(openWorkspace(folder, at));
  const states = [allOf(workspace)];
  const steps: (() => unknown)[] = [
    () =>
      workspace.calls.journal.edit({ choice: { paths: ['a/1.png'] }, change: { decision: 'reject', reason: 'torn' } }),
    () => workspace.calls.journal.edit({ choice: { where: "class = 'b'" }, change: { decision: 'unsure' } }),
    () =>
      workspace.calls.journal.edit({
        choice: { paths: ['a/*'] },
        change: { addTags: ['blue', 'big'], note: 'look again' },
      }),
    () => workspace.calls.journal.edit({ choice: { paths: ['a/1.png'] }, change: { removeTags: ['blue'] } }),
    () => workspace.calls.journal.edit({ choice: { paths: ['odd.png', 'a/2.png'] }, change: { label: 'strange' } }),
    () => workspace.calls.journal.edit({ choice: { paths: ['a/1.png'] }, change: { decision: null } }),
    () => workspace.calls.checks.setThreshold({ check: 'blurry', threshold: 0.123 }),
    () => workspace.calls.views.save(viewSchema.parse({ name: 'strange ones', where: "class = 'strange'" })),
    () => workspace.calls.duplicates.keepBest(keepBestSchema.parse({})),
    () => workspace.calls.duplicates.markNotDuplicates({ ids: [...workspace.groups.list()[0].ids] }),
    () => workspace.calls.views.remove({ name: 'strange ones' }),
  ];
  for (const step of steps) {
    step();
    const state = allOf(workspace);
    expect(state, String(step)).not.toEqual(states.at(-1));
    states.push(state);
  }
  expect(marksOf(workspace)).toMatchObject({
    'a/1.png': { decision: null, reason: null, tags: ['big'], note: 'look again' },
    'a/2.png': { label: 'strange', tags: ['big', 'blue'] },
    'odd.png': { label: 'strange' },
    'b/3.png': { decision: 'reject', reason: 'exact duplicate of b/3-again.png' },
  });
  expect(workspace.table.samples().find(({ path }) => path === 'odd.png')?.class).toBe('strange');
  expect(workspace.groups.list()).toEqual([]);

  await workspace.close();
  workspace = openWorkspace(folder, at);
  expect(allOf(workspace)).toEqual(states.at(-1));
  for (const state of states.slice(0, -1).reverse()) {
    workspace.calls.journal.undo();
    expect(allOf(workspace)).toEqual(state);
  }
  expect(() => workspace.calls.journal.undo()).toThrow('nothing to undo');
  await workspace.close();
  workspace = openWorkspace(folder, at);
  for (const state of states.slice(1)) {
    workspace.calls.journal.redo();
    expect(allOf(workspace)).toEqual(state);
  }
  expect(() => workspace.calls.journal.redo()).toThrow('nothing to redo');
});

describe('edits', () => {
  test('by an expression record it as the reason; an edit without a change is not a step', async () => {
    const workspace = await scanned(openWorkspace(await blobFolder()));
    const { changed, title } = workspace.calls.journal.edit({
      choice: { where: "path like 'good/odd*'" },
      change: { decision: 'reject' },
    });
    expect([changed, title]).toEqual([1, 'reject good/odd.png']);
    expect(marksOf(workspace)['good/odd.png'].reason).toBe("path like 'good/odd*'");
    const { undo } = workspace.calls.workspace.describe().journal;
    expect(
      workspace.calls.journal.edit({ choice: { paths: ['good/odd.png'] }, change: { decision: 'reject' } }).changed,
    ).toBe(0);
    expect(
      workspace.calls.journal.edit({
        choice: { paths: ['good/odd.png'] },
        change: { label: null, addTags: [], removeTags: ['none'] },
      }).changed,
    ).toBe(0);
    expect(workspace.calls.workspace.describe().journal.undo).toBe(undo);
    expect(marksOf(workspace)['good/odd.png'].reason).toBe("path like 'good/odd*'");
  });

  test('use expressions on marks, checks, duplicates and columns', async () => {
    const twin = await blob(3);
    const workspace = await scanned(
      openWorkspace(folderOf({ 'train/a/1.png': await blob(1), 'train/a/3.png': twin, 'test/a/3.png': twin })),
    );
    workspace.calls.journal.edit({
      choice: { paths: ['train/a/1.png'] },
      change: { addTags: ['x y'], label: 'other', decision: 'unsure', reason: 'hm' },
    });
    const found = (where: string) => {
      const { changed } = workspace.calls.journal.edit({ choice: { where }, change: { note: where } });
      if (changed) workspace.calls.journal.undo();
      return changed;
    };
    expect(
      found("tag = 'x y' and class = 'other' and decision = 'unsure' and reason contains 'H' and label != none"),
    ).toBe(1);
    expect(found("duplicate = 'exact'")).toBe(2);
    expect(found("duplicate = 'exact' and split = 'test'")).toBe(1);
    expect(found("issue = 'tiny' and width < 100 and frames = 1")).toBe(3);
    expect(found('brightness > 0 and tiny >= 0')).toBe(3);
    expect(workspace.groups.list()).toMatchObject([{ kind: 'exact', crossesSplits: true, crossesClasses: false }]);
    expect(() => workspace.calls.views.save(viewSchema.parse({ name: 'wrong', where: 'nowhere > 1' }))).toThrow(
      'character 1',
    );
  });
});

test('a workspace of the first version keeps its decisions, its undo and its scores', async () => {
  const folder = folderOf({ 'a/1.png': await blob(1), 'a/2.png': await blob(2) });
  const at = temporaryFolder('workspace');
  const db = new DatabaseSync(join(at, 'workspace.sqlite'));
  db.exec(`
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE samples (
      id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, class TEXT, bytes INTEGER NOT NULL, modified_ms INTEGER NOT NULL,
      width INTEGER NOT NULL, height INTEGER NOT NULL, format TEXT NOT NULL, frames INTEGER NOT NULL, sha256 TEXT NOT NULL,
      gone INTEGER NOT NULL DEFAULT 0, decision TEXT, revision INTEGER NOT NULL);
    CREATE TABLE issues (path TEXT PRIMARY KEY, code TEXT NOT NULL, message TEXT NOT NULL, bytes INTEGER NOT NULL, modified_ms INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE columns (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, title TEXT NOT NULL, run_id TEXT, revision INTEGER NOT NULL);
    CREATE TABLE cells (column_id INTEGER NOT NULL, sample_id INTEGER NOT NULL, value REAL NOT NULL, PRIMARY KEY (column_id, sample_id)) WITHOUT ROWID;
    CREATE TABLE journal (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL CHECK (kind IN ('decide', 'undo', 'redo')), target INTEGER, title TEXT NOT NULL, changes TEXT NOT NULL);
    CREATE TABLE runs (id TEXT PRIMARY KEY, created_at INTEGER NOT NULL, state TEXT NOT NULL, fingerprint TEXT NOT NULL, record TEXT NOT NULL);
    CREATE TABLE pixel_rows (size_px INTEGER NOT NULL, sha256 TEXT NOT NULL, row INTEGER NOT NULL, PRIMARY KEY (size_px, sha256)) WITHOUT ROWID;
    INSERT INTO samples VALUES (1, 'a/1.png', 'a', 1, 1, 48, 48, 'jpeg', 1, 'x', 0, 'keep', 3), (2, 'a/2.png', 'a', 1, 1, 48, 48, 'png', 1, 'y', 0, NULL, 4);
    INSERT INTO columns VALUES (1, 'brightness', 'brightness', NULL, 1), (2, 'pca-1.error', 'pca-1', 'pca-1', 2);
    INSERT INTO cells VALUES (1, 1, 0.5), (2, 1, 0.25), (2, 2, 0.75);
    INSERT INTO pixel_rows VALUES (64, 'x', 0), (64, 'y', 1), (32, 'y', 0);
    INSERT INTO journal VALUES (1, 5, 'decide', NULL, 'keep a/1.png', '[[1,null,"keep"]]'), (2, 6, 'decide', NULL, 'reject a/2.png', '[[2,null,"reject"]]'), (3, 7, 'undo', 2, 'reject a/2.png', '[]');
    PRAGMA user_version = 1;`);
  db.close();
  const stale = join(at, 'thumbs', 'ab', 'of-other-pixels.jpg');
  mkdirSync(dirname(stale), { recursive: true });
  writeFileSync(stale, '');
  const workspace = openWorkspace(folder, at);
  expect(existsSync(stale)).toBe(false);
  expect(readdirSync(join(at, 'backups'))).toEqual([expect.stringMatching(/-version-1\.sqlite$/)]);
  expect([...workspace.table.values('pca.error')].slice(1)).toEqual([0.25, 0.75]);
  expect(
    workspace.db.all(
      'SELECT kind, settings, file, sha256, row, checksum FROM row_sets JOIN set_rows ON set_id = id ORDER BY settings, row',
    ),
  ).toEqual([
    // PNG may be read differently now (16 bits, profiles): its rows are made again.
    { kind: 'pixels', settings: '64', file: 'pixels/64.u8', sha256: 'x', row: 0, checksum: null },
  ]);
  expect(workspace.calls.workspace.describe().journal).toEqual({ undo: 'keep a/1.png', redo: 'reject a/2.png' });
  workspace.calls.journal.redo();
  expect(marksOf(workspace)).toMatchObject({ 'a/1.png': { decision: 'keep' }, 'a/2.png': { decision: 'reject' } });
  workspace.calls.journal.undo();
  workspace.calls.journal.undo();
  expect(marksOf(workspace)).toMatchObject({ 'a/1.png': { decision: null }, 'a/2.png': { decision: null } });
  // The files differ from those of the fixture: after reading they have measurements, and the scores of the former pixels are removed.
  await scanned(workspace);
  expect(workspace.table.values('brightness')[1]).toBeGreaterThan(0);
  expect([...workspace.table.values('pca.error')].slice(1)).toEqual([NaN, NaN]);
});
