import { createHash } from 'node:crypto';
import {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { explain } from '../../src-main/contract/errors.ts';
import { exportSchema } from '../../src-main/contract/schemas.ts';
import { openImage } from '../../src-main/image/decode.ts';
import { makeRow } from '../../src-main/image/pixels.ts';
import { pixelRecipe } from '../../src-main/jobs/pixels.ts';
import { Database, schemaVersion } from '../../src-main/workspace/database.ts';
import type { OpenWorkspace } from '../../src-main/engine/open-workspace.ts';
import { blob, blobFolder, folderOf, temporaryFolder } from '../fixtures/images.ts';
import { ended, openWorkspace } from '../fixtures/workspace.ts';

const decisionsOf = (workspace: OpenWorkspace) =>
  Object.fromEntries(
    workspace.table
      .samples()
      .filter(({ decision }) => decision)
      .map(({ path, decision }) => [path, decision]),
  );
const fingerprint = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((file) => [file, createHash('sha256').update(readFileSync(file)).digest('hex'), statSync(file).mtimeMs]);

describe('scan', () => {
  test('every image file is a sample or an issue; a second scan reads only what changed', async () => {
    const folder = folderOf({
      'a/1.png': await blob(1),
      'a/2.png': await blob(2),
      'top.png': await blob(3),
      'bad.jpg': 'no image',
      'empty.png': '',
    });
    const workspace = openWorkspace(folder);
    expect((await ended(workspace, workspace.calls.workspace.scan())).summary).toBe(
      '5 image files, 5 read, 2 unreadable',
    );
    expect(workspace.table.samples().map(({ path, class: name }) => [path, name])).toEqual([
      ['a/1.png', 'a'],
      ['a/2.png', 'a'],
      ['top.png', null],
    ]);
    expect(workspace.calls.samples.issues().map(({ path, code }) => [path, code])).toEqual([
      ['bad.jpg', 'not-an-image'],
      ['empty.png', 'empty'],
    ]);
    expect((await ended(workspace, workspace.calls.workspace.scan())).summary).toContain(' 0 read');

    const before = workspace.table.revision;
    writeFileSync(join(folder, 'bad.jpg'), await blob(4));
    writeFileSync(join(folder, 'a/2.png'), await blob(5));
    utimesSync(join(folder, 'a/2.png'), new Date(), new Date(Date.now() + 5000));
    rmSync(join(folder, 'top.png'));
    expect((await ended(workspace, workspace.calls.workspace.scan())).summary).toContain(' 2 read');
    const changes = workspace.calls.samples.changes({ since: before, limit: 1000 });
    expect(changes.samples.map(({ path }) => path).sort()).toEqual(['a/2.png', 'bad.jpg']);
    expect(changes.removed).toHaveLength(1);
    expect(workspace.calls.samples.issues().map(({ path }) => path)).toEqual(['empty.png']);
  });

  test('a file that reappears has its decision again', async () => {
    const bytes = await blob(1);
    const folder = folderOf({ '1.png': bytes, '2.png': await blob(2) });
    const workspace = openWorkspace(folder);
    await ended(workspace, workspace.calls.workspace.scan());
    workspace.calls.journal.edit({ choice: { paths: ['1.png'] }, change: { decision: 'reject' } });
    rmSync(join(folder, '1.png'));
    await ended(workspace, workspace.calls.workspace.scan());
    expect(decisionsOf(workspace)).toEqual({});
    writeFileSync(join(folder, '1.png'), bytes);
    await ended(workspace, workspace.calls.workspace.scan());
    expect(decisionsOf(workspace)).toEqual({ '1.png': 'reject' });
  });
});

test('a missing folder changes nothing, and its samples are complete when it is back', async () => {
  const folder = await blobFolder();
  const workspace = openWorkspace(folder);
  await ended(workspace, workspace.calls.workspace.scan());
  workspace.calls.journal.edit({ choice: { paths: ['good/odd.png'] }, change: { decision: 'reject' } });
  const before = workspace.table.samples();
  renameSync(folder, `${folder}-away`);
  const job = await ended(workspace, workspace.calls.workspace.scan());
  expect(job.error).toMatchObject({ code: 'no-folder', message: expect.stringContaining('Is its disk connected?') });
  expect(workspace.table.samples()).toEqual(before);
  renameSync(`${folder}-away`, folder);
  expect((await ended(workspace, workspace.calls.workspace.scan())).summary).toBe('25 image files, 0 read');
  expect(workspace.table.samples()).toEqual(before);
});

test('a file that could not be read because of a system error is tried again', async () => {
  const folder = folderOf({ '1.png': await blob(1) });
  symlinkSync(join(folder, 'later.bin'), join(folder, '2.png'));
  const workspace = openWorkspace(folder);
  await ended(workspace, workspace.calls.workspace.scan());
  expect(workspace.calls.samples.issues()).toMatchObject([{ path: '2.png', code: 'vanished' }]);
  writeFileSync(join(folder, 'later.bin'), await blob(2));
  await ended(workspace, workspace.calls.workspace.scan());
  expect(workspace.calls.samples.issues()).toEqual([]);
});

describe('decisions', () => {
  test('can be undone and redone after restarts; a new decision clears the redo history', async () => {
    const folder = await blobFolder();
    const at = temporaryFolder('workspace');
    let workspace = openWorkspace(folder, at);
    await ended(workspace, workspace.calls.workspace.scan());
    workspace.calls.journal.edit({ choice: { paths: ['good/odd.png'] }, change: { decision: 'reject' } });
    workspace.calls.journal.edit({
      choice: { where: "class = 'other' and brightness > 0" },
      change: { decision: 'unsure' },
    });
    workspace.calls.journal.edit({ choice: { paths: ['good/blob-0*.png'] }, change: { decision: 'keep' } });
    const all = decisionsOf(workspace);
    expect(Object.values(all).sort()).toEqual([...Array(5).fill('keep'), 'reject', ...Array(12).fill('unsure')]);
    workspace.calls.journal.undo();
    workspace.calls.journal.undo();
    await workspace.close();

    workspace = openWorkspace(folder, at);
    expect(decisionsOf(workspace)).toEqual({ 'good/odd.png': 'reject' });
    workspace.calls.journal.redo();
    workspace.calls.journal.redo();
    expect(decisionsOf(workspace)).toEqual(all);
    expect(() => workspace.calls.journal.redo()).toThrow('nothing to redo');
    workspace.calls.journal.undo();
    workspace.calls.journal.edit({ choice: { paths: ['good/odd.png'] }, change: { decision: null } });
    expect(() => workspace.calls.journal.redo()).toThrow('nothing to redo');
    workspace.calls.journal.undo();
    workspace.calls.journal.undo();
    workspace.calls.journal.undo();
    expect(decisionsOf(workspace)).toEqual({});
    expect(() => workspace.calls.journal.undo()).toThrow('nothing to undo');
  });

  test('on an unknown path change nothing, and the path is reported', async () => {
    const workspace = openWorkspace(await blobFolder());
    await ended(workspace, workspace.calls.workspace.scan());
    expect(() =>
      workspace.calls.journal.edit({
        choice: { paths: ['good/odd.png', 'nowhere.png'] },
        change: { decision: 'reject' },
      }),
    ).toThrow('nowhere.png');
    expect(decisionsOf(workspace)).toEqual({});
  });
});

describe('export', () => {
  test('copies images that are not rejected, with a manifest, and does not change the folder', async () => {
    const folder = await blobFolder();
    const workspace = openWorkspace(folder);
    await ended(workspace, workspace.calls.workspace.scan());
    const before = fingerprint(folder);
    workspace.calls.journal.edit({ choice: { paths: ['good/odd.png'] }, change: { decision: 'reject' } });
    workspace.calls.journal.edit({ choice: { paths: ['good/blob-01.png'] }, change: { decision: 'keep' } });
    const to = join(temporaryFolder('export'), 'clean');
    const plan = await workspace.calls.exports.plan(exportSchema.parse({ to, drop: "class = 'other'" }));
    expect(plan).toMatchObject({ copied: 12, kept: 1, undecided: 11, rejected: 1, dropped: 12 });
    expect(existsSync(to)).toBe(false);
    expect(
      (await ended(workspace, workspace.calls.exports.start(exportSchema.parse({ to, drop: "class = 'other'" }))))
        .state,
    ).toBe('done');
    const manifest = JSON.parse(readFileSync(join(to, 'manifest.json'), 'utf8')) as {
      samples: { path: string; decision: string; sha256: string }[];
    };
    expect(manifest.samples.map(({ path }) => path)).toEqual(
      workspace.table
        .samples()
        .filter(({ path }) => path.startsWith('good/blob'))
        .map(({ path }) => path),
    );
    for (const { path, sha256 } of manifest.samples) {
      expect(readFileSync(join(to, path)).equals(readFileSync(join(folder, path)))).toBe(true);
      expect(
        createHash('sha256')
          .update(readFileSync(join(to, path)))
          .digest('hex'),
      ).toBe(sha256);
    }
    expect(readFileSync(join(to, 'manifest.csv'), 'utf8').split('\r\n')).toHaveLength(14);
    expect(readdirSync(to).sort()).toEqual(['good', 'manifest.csv', 'manifest.json']);
    expect(fingerprint(folder)).toEqual(before);
  });

  test('refuses a target inside the folder, or one with content; never overwrites', async () => {
    const folder = await blobFolder();
    const workspace = openWorkspace(folder);
    await ended(workspace, workspace.calls.workspace.scan());
    await expect(workspace.calls.exports.plan(exportSchema.parse({ to: join(folder, 'out') }))).rejects.toThrow(
      'inside the opened folder',
    );
    await expect(workspace.calls.exports.plan(exportSchema.parse({ to: folder }))).rejects.toThrow(
      'inside the opened folder',
    );
    const full = folderOf({ 'mine.txt': 'keep me' });
    const job = await ended(workspace, workspace.calls.exports.start(exportSchema.parse({ to: full })));
    expect(job.error?.code).toBe('target-not-empty');
    expect(readdirSync(full)).toEqual(['mine.txt']);
  });

  test('a file that changed since the scan is reported and not exported', async () => {
    const folder = await blobFolder();
    const workspace = openWorkspace(folder);
    await ended(workspace, workspace.calls.workspace.scan());
    writeFileSync(join(folder, 'good/odd.png'), await blob(7));
    rmSync(join(folder, 'good/blob-01.png'));
    const to = join(temporaryFolder('export'), 'clean');
    const job = await ended(workspace, workspace.calls.exports.start(exportSchema.parse({ to })));
    const result = workspace.calls.exports.result({ jobId: job.id });
    expect(result?.copied).toBe(23);
    expect(result?.failed.map(({ path }) => path).sort()).toEqual(['good/blob-01.png', 'good/odd.png']);
    expect(existsSync(join(to, 'good/odd.png'))).toBe(false);
  });
});

describe('the workspace’s file', () => {
  test('a newer one is refused with an error message', () => {
    const file = join(temporaryFolder('workspace'), 'workspace.sqlite');
    new Database(file).close();
    const db = new DatabaseSync(file);
    db.exec(`PRAGMA user_version = ${schemaVersion + 1}`);
    db.close();
    expect(() => new Database(file)).toThrow('newer Winnow');
  });

  test('a full disk gives an error message, and existing data stays', () => {
    const db = new Database(join(temporaryFolder('workspace'), 'workspace.sqlite'));
    const pages = Number(db.get<{ page_count: number }>('PRAGMA page_count')?.page_count);
    db.script(`PRAGMA max_page_count = ${pages + 2}`);
    db.run("INSERT INTO meta (key, value) VALUES ('kept', 'yes')");
    let error: unknown;
    try {
      for (let i = 0; i < 100; i++) db.run('INSERT INTO meta (key, value) VALUES (?, ?)', `key ${i}`, 'x'.repeat(4000));
    } catch (fault) {
      error = fault;
    }
    expect(explain(error)).toMatchObject({ code: 'disk-full', message: expect.stringContaining('Free some space') });
    expect(db.get("SELECT value FROM meta WHERE key = 'kept'")).toEqual({ value: 'yes' });
    db.close();
  });

  test('a damaged one is refused with an error message', () => {
    const file = join(temporaryFolder('workspace'), 'workspace.sqlite');
    writeFileSync(file, 'this is no database, and long enough to be taken for one'.repeat(100));
    expect(() => new Database(file)).toThrow('damaged');
  });
});

test('two writers can add packed rows at the same time without overwriting each other', async () => {
  const folder = await blobFolder();
  const workspace = openWorkspace(folder);
  await ended(workspace, workspace.calls.workspace.scan());
  const samples = workspace.table.samples();
  const pack = (list: typeof samples) => workspace.rows.make(pixelRecipe(folder, { sizePx: 16 }), list);
  const [{ set: all }, { set: one }] = await Promise.all([pack(samples), pack(samples.slice(-1))]);
  expect(new Set(all.rows).size).toBe(25);
  expect(one.rows[0]).toBe(all.rows.at(-1));
  const bytes = readFileSync(all.file);
  for (const [i, sample] of samples.entries()) {
    const row = await makeRow(await openImage(readFileSync(join(folder, sample.path)), sample.path), 16);
    expect(bytes.subarray(all.rows[i] * 768, (all.rows[i] + 1) * 768).equals(row), sample.path).toBe(true);
  }
});
