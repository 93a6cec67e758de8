/** A damaged workspace is refused with an error message and restored from a backup: no decisions are lost silently. */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { beforeAll, describe, expect, test } from 'vitest';
import { explain } from '../../src-main/contract/errors.ts';
import { Engine } from '../../src-main/engine/engine.ts';
import { Backups, backupsToKeep, listBackups, restoreBackup } from '../../src-main/workspace/backups.ts';
import { prepareFolder } from '../../src-main/workspace/workspace-file.ts';
import { winnow } from '../fixtures/command.ts';
import { blob, folderOf, temporaryFolder } from '../fixtures/images.ts';
import { openWorkspace, scanned } from '../fixtures/workspace.ts';

let folder: string;
/** A workspace with three steps: one before a backup, two after. */
let model: string;
const step = (at: string, n: number) =>
  openWorkspaceAt(at, (workspace) =>
    workspace.calls.journal.edit({ choice: { paths: ['1.png'] }, change: { note: `step ${n}` } }),
  );
beforeAll(async () => {
  folder = folderOf({ '1.png': await blob(1), '2.png': await blob(2) });
  model = temporaryFolder('workspace');
  const workspace = openWorkspace(folder, model, false);
  await scanned(workspace);
  workspace.calls.journal.edit({ choice: { paths: ['1.png'] }, change: { note: 'step 1' } });
  await workspace.close(); // makes the first backup
  for (const n of [2, 3]) await step(model, n);
});

async function openWorkspaceAt(
  at: string,
  work: (workspace: ReturnType<typeof openWorkspace>) => unknown = () => undefined,
) {
  const workspace = openWorkspace(folder, at, false);
  try {
    await work(workspace);
    return { note: workspace.table.samples()[0].note, key: workspace.calls.workspace.describe().key };
  } finally {
    await workspace.close();
  }
}

/** A copy of the workspace to damage. */
function copy(): string {
  const at = temporaryFolder('workspace');
  for (const name of readdirSync(model, { recursive: true, withFileTypes: true })) {
    const from = join(name.parentPath, name.name);
    if (name.isDirectory()) mkdirSync(from.replace(model, at), { recursive: true });
  }
  for (const name of readdirSync(model, { recursive: true, withFileTypes: true })) {
    const from = join(name.parentPath, name.name);
    if (name.isFile()) copyFileSync(from, from.replace(model, at));
  }
  return at;
}
const file = (at: string) => join(at, 'workspace.sqlite');

describe('refused workspaces', () => {
  const spoilt: Record<string, (at: string) => void> = {
    empty: (at) => truncateSync(file(at)),
    missing: (at) => rmSync(file(at)),
    'cut off': (at) => truncateSync(file(at), statSync(file(at)).size - 3 * 4096),
    'spoilt in every second page': (at) => {
      const bytes = readFileSync(file(at));
      for (let page = 2; page < bytes.length / 4096; page += 2) bytes.fill(0xa5, page * 4096, (page + 1) * 4096);
      writeFileSync(file(at), bytes);
    },
    'spoilt in its head': (at) =>
      writeFileSync(file(at), Buffer.concat([Buffer.from('no database at all'), readFileSync(file(at)).subarray(18)])),
    'no database': (at) => writeFileSync(file(at), 'x'.repeat(10_000)),
    'an older copy': (at) => copyFileSync(join(at, 'backups', readdirSync(join(at, 'backups'))[0]), file(at)),
    'another workspace’s': (at) => {
      const other = new DatabaseSync(file(at));
      other.exec("UPDATE meta SET value = 'another' WHERE key = 'key'");
      other.close();
    },
    'a new and empty database': (at) => {
      rmSync(file(at));
      const fresh = new DatabaseSync(file(at));
      fresh.exec('CREATE TABLE t (x); DROP TABLE t');
      fresh.close();
    },
    'without its marker, missing': (at) => {
      rmSync(file(at));
      rmSync(join(at, 'workspace.json'));
    },
    'without its marker, empty': (at) => {
      truncateSync(file(at));
      rmSync(join(at, 'workspace.json'));
    },
  };
  test.each(Object.entries(spoilt))(
    '%s: with a message that names the newest good backup, which restores the decisions',
    async (_, spoil) => {
      const at = copy();
      spoil(at);
      const [backup] = await listBackups(at);
      const error = await openWorkspaceAt(at).then(
        () => null,
        (fault: unknown) => fault,
      );
      expect(error).toMatchObject({
        code: 'workspace-corrupt',
        message: expect.stringContaining(`--backup ${backup.name}`),
      });
      expect((error as Error).message).toContain('Your images are untouched.');
      const was = existsSync(file(at)) ? readFileSync(file(at)) : null;
      const restored = restoreBackup(at, backup.name);
      expect(restored).toMatchObject({ backup: backup.name, steps: 1 });
      if (was) expect(readFileSync(restored.aside as string).equals(was)).toBe(true); // never deleted
      expect((await openWorkspaceAt(at)).note).toBe('step 1');
    },
  );

  test('a write-ahead log that was removed or replaced by an older one after the engine was killed', async () => {
    const at = copy();
    const workspace = openWorkspace(folder, at, false);
    workspace.calls.journal.edit({ choice: { paths: ['1.png'] }, change: { note: 'step 4' } });
    const killed = temporaryFolder('killed'); // the state of the disk if the process were killed now
    for (const name of ['workspace.sqlite', 'workspace.sqlite-wal', 'workspace.json'])
      copyFileSync(join(at, name), join(killed, name));
    await workspace.close();
    const withLog = temporaryFolder('killed');
    for (const name of readdirSync(killed)) copyFileSync(join(killed, name), join(withLog, name));
    expect((await openWorkspaceAt(withLog)).note).toBe('step 4');
    rmSync(join(killed, 'workspace.sqlite-wal'));
    await expect(openWorkspaceAt(killed)).rejects.toMatchObject({
      code: 'workspace-corrupt',
      message: expect.stringContaining('1 of 4 entries of its journal'),
    });
    // There is no backup; the user may continue with the remaining data.
    await expect(openWorkspaceAt(killed)).rejects.toThrow('--as-it-is');
    expect(restoreBackup(killed, null)).toMatchObject({ steps: 3 });
    expect((await openWorkspaceAt(killed)).note).toBe('step 3');
  });

  test('damage found by a later query gives the same message', async () => {
    const at = temporaryFolder('workspace');
    copyFileSync(file(model), file(at));
    const db = new DatabaseSync(file(at));
    const bytes = readFileSync(file(at));
    bytes.fill(0xa5, 4096);
    writeFileSync(file(at), bytes);
    let error: unknown;
    try {
      db.prepare('SELECT * FROM journal').all();
    } catch (fault) {
      error = fault;
    }
    db.close();
    expect(explain(error)).toMatchObject({
      code: 'workspace-corrupt',
      message: expect.stringContaining('winnow restore'),
    });
    expect(explain(error).message).not.toContain('malformed');
  });
});

test('a closed workspace reopens with the same identity, and a recreated one has another', async () => {
  const at = copy();
  const [first, again] = [await openWorkspaceAt(at), await openWorkspaceAt(at)];
  expect(again).toEqual(first);
  const moved = join(temporaryFolder('moved'), 'w');
  renameSync(at, moved);
  expect((await openWorkspaceAt(moved)).key).toBe(first.key);
  expect((await openWorkspaceAt(temporaryFolder('new'), scanned)).key).not.toBe(first.key);
});

describe('backups', () => {
  test('are made once a day and after many steps, and only if something changed', async () => {
    const at = temporaryFolder('workspace');
    await openWorkspaceAt(at, scanned);
    expect(existsSync(join(at, 'backups'))).toBe(false);
    await step(at, 1);
    await step(at, 2);
    expect(await listBackups(at)).toMatchObject([{ steps: 1, isGood: true }]);
    const backups = new Backups(at, { atMs: Date.now(), journal: 1 });
    let made = 0;
    for (const journal of [2, 500, 501, 502, 1000, 1001]) {
      backups.makeIfDue(journal, () => made++);
      await backups.settled();
    }
    expect(made).toBe(2); // at 501 and 1,001
    expect(await listBackups(at)).toMatchObject([{ steps: 2 }, { steps: 2 }, { steps: 1 }]);
  });

  test('the newest five are kept, and one per week for four weeks', () => {
    const day = 24 * 3600_000;
    const times = Array.from({ length: 100 }, (_, i) => 1_700_000_000_000 - i * day);
    const kept = [...backupsToKeep(times)];
    expect(kept.slice(0, 5)).toEqual(times.slice(0, 5));
    expect(kept).toHaveLength(9);
    expect(new Set(kept.slice(5).map((at) => Math.floor(at / (7 * day)))).size).toBe(4);
  });

  test('a failed backup does not fail the operation', async () => {
    const at = temporaryFolder('workspace');
    await openWorkspaceAt(at, scanned);
    writeFileSync(join(at, 'backups'), ''); // in place of the folder
    await step(at, 1);
    expect((await openWorkspaceAt(at)).note).toBe('step 1');
  });

  test('a damaged backup is not offered', async () => {
    const at = copy();
    const [good] = await listBackups(at);
    writeFileSync(join(at, 'backups', '2999-01-01T00-00-00-000Z.sqlite'), 'x'.repeat(5000));
    truncateSync(file(at));
    expect(await listBackups(at)).toMatchObject([
      { isGood: false, steps: null },
      { name: good.name, isGood: true },
    ]);
    await expect(openWorkspaceAt(at)).rejects.toThrow(`--backup ${good.name}`);
    expect(() => restoreBackup(at, '2999-01-01T00-00-00-000Z.sqlite')).toThrow('damaged too');
    expect(() => restoreBackup(at, '../workspace.sqlite')).toThrow('There is no backup');
    expect(statSync(file(at)).size).toBe(0); // unchanged
  });

  test('the command lists and restores them, and the engine does the same for a window', async () => {
    const half = copy();
    truncateSync(file(half), 9000);
    const shown = await winnow(['show', folder, '--where', 'width > 0', '--workspace', half]);
    expect(shown).toMatchObject({ code: 1, err: expect.stringMatching(/damaged.*`winnow restore .* --backup/) });
    const at = copy();
    truncateSync(file(at));
    const engine = new Engine(join(temporaryFolder('pipe'), 'none.sock'));
    const refused = await engine.open({ folder, workspace: at }).then(
      () => '',
      (error: Error) => error.message,
    );
    const name = /--backup (\S+?)`/.exec(refused)?.[1] as string;
    expect(await engine.backups({ folder, workspace: at })).toMatchObject([{ name, isGood: true }]);
    const restored = await winnow(['restore', folder, '--workspace', at, '--backup', name, '--json', '-']);
    expect(JSON.parse(restored.out)).toMatchObject({
      schema: 'winnow/restore@1',
      restored: { backup: name, steps: 1 },
      backups: [{ name }],
    });
    truncateSync(file(at));
    expect(await engine.restore({ folder, workspace: at, backup: name })).toMatchObject({ backup: name });
    expect((await engine.open({ folder, workspace: at })).folder).toBe(folder);
    await engine.close();
  });
});

describe('the workspace’s folder', () => {
  test('is accessible to its owner only, also an existing one', () => {
    const at = temporaryFolder('workspace');
    chmodSync(at, 0o755);
    prepareFolder(at, folder);
    expect(statSync(at).mode & 0o777).toBe(0o700);
    const used = copy();
    chmodSync(used, 0o755);
    prepareFolder(used, folder);
    expect(statSync(used).mode & 0o777).toBe(0o700);
  });

  test('must be empty or a workspace, and not the folder of the images', () => {
    const at = folderOf({ 'letter.txt': 'mine' });
    chmodSync(at, 0o755);
    expect(() => prepareFolder(at, folder)).toThrow('contains other files (letter.txt)');
    expect(statSync(at).mode & 0o777).toBe(0o755);
    writeFileSync(join(at, 'workspace.sqlite'), '');
    prepareFolder(at, folder);
    expect(statSync(at).mode & 0o777).toBe(0o755); // others may use it
    const inside = join(temporaryFolder('workspace'), 'thumbs');
    mkdirSync(inside);
    expect(() => prepareFolder(join(inside, '..'), inside)).toThrow('The images are inside');
    const linked = temporaryFolder('workspace');
    symlinkSync(folder, join(linked, 'thumbs'));
    expect(() => prepareFolder(linked, folder)).toThrow('link into the opened folder');
  });

  test('that cannot be created gives an error with advice', () => {
    const at = folderOf({ file: '' });
    expect(() => prepareFolder(join(at, 'file', 'w'), folder)).toThrow(
      /file is a file\. Choose another place with --workspace DIR, or set WINNOW_DATA/,
    );
  });
});
