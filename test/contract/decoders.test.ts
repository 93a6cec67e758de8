/** Images are decoded in separate processes: a hang, crash or kill affects no other image and never the engine. */
import { mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { startCompute } from '../../src-main/compute/child.ts';
import { WinnowError } from '../../src-main/contract/errors.ts';
import { startReaders } from '../../src-main/image/readers.ts';
import type { Limits } from '../../src-main/image/reader.ts';
import { Database } from '../../src-main/workspace/database.ts';
import type { Report } from '../../src-main/workspace/report.ts';
import { scan } from '../../src-main/jobs/scan.ts';
import { RowStore } from '../../src-main/rows/row-store.ts';
import { Table } from '../../src-main/workspace/table.ts';
import { OpenWorkspace } from '../../src-main/engine/open-workspace.ts';
import { start } from '../fixtures/command.ts';
import { hasExited, isUp, jpegOfScans, maskBomb, peakMiB, readersOf, until } from '../fixtures/hostile.ts';
import { blob, folderOf, temporaryFolder } from '../fixtures/images.ts';
import { ended } from '../fixtures/workspace.ts';

const open: { close(): unknown }[] = [];
const keep = <Thing extends { close(): unknown }>(thing: Thing) => (open.push(thing), thing);
afterEach(async () => {
  for (const thing of open.splice(0)) await thing.close();
});

const quiet = (signal = new AbortController().signal): Report => ({
  signal,
  stage: () => {},
  progress: () => {},
  run: () => {},
});
const onLinux = process.platform === 'linux';

/** Readers for a new folder with these files. */
async function readersFor(files: Record<string, Uint8Array | string>, limits: Partial<Limits> = {}) {
  const [folder, workspaceFolder, stop] = [folderOf(files), temporaryFolder('workspace'), new AbortController()];
  const readers = keep(startReaders(stop.signal, limits));
  const read = (path: string) => readers.read({ folder, workspaceFolder, path, bytes: 1000 });
  return { folder, readers, read, stop };
}

const openAt = (folder: string, at = temporaryFolder('workspace')) =>
  keep(new OpenWorkspace('0', folder, at, startCompute()));
describe('a decoder that hangs', () => {
  test('is killed, reported for its image only, and not tried again until the file changes', async () => {
    const folder = folderOf({
      '1.png': await blob(1),
      '2.png': await blob(2),
      'bomb.svg': maskBomb(),
      '3.png': await blob(3),
    });
    const db = keep(new Database(join(temporaryFolder('workspace'), 'workspace.sqlite')));
    const table = new Table(db);
    const once = () =>
      scan(
        {
          folder,
          workspaceFolder: temporaryFolder('workspace'),
          table,
          rows: new RowStore(db, temporaryFolder('rows')),
        },
        quiet(),
        {
          limits: { stuckAfterMs: 500 },
        },
      );
    expect(await once()).toMatchObject({ found: 4, read: 4, unreadable: 1 });
    expect(table.issues()).toEqual([
      { path: 'bomb.svg', code: 'too-slow', message: expect.stringContaining('longer than') },
    ]);
    expect(await once()).toMatchObject({ read: 0, unreadable: 1 });
    writeFileSync(join(folder, 'bomb.svg'), '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
    expect(await once()).toMatchObject({ read: 1, unreadable: 0 });
  });

  test('does not delay the files that wait for the same thread', async () => {
    const formats = join(import.meta.dirname, '..', 'fixtures', 'formats');
    const slow = readFileSync(join(formats, 'piz-half.exr')).fill(0xff, 2852, 2856); // the library takes minutes
    const qoi = readFileSync(join(formats, 'rgb.qoi'));
    const names = ['1.qoi', '2.qoi', '3.qoi', '4.qoi'];
    const { read } = await readersFor({ 'a.exr': slow, ...Object.fromEntries(names.map((name) => [name, qoi])) });
    const ended: string[] = [];
    const results = await Promise.all(
      ['a.exr', ...names].map((name) =>
        read(name)
          .catch((error: unknown) => error)
          .finally(() => ended.push(name)),
      ),
    );
    expect(results).toEqual([
      expect.objectContaining({ code: 'too-slow' }),
      ...names.map(() => expect.objectContaining({ width: 18 })),
    ]);
    expect(ended.at(-1)).toBe('a.exr');
  });

  test('stops on cancel, and with the engine', async () => {
    const workspace = openAt(folderOf({ 'bomb.svg': maskBomb(), '1.png': await blob(1) }));
    const job = await ended(workspace, workspace.calls.workspace.scan(), (event) => {
      if (event.type === 'job' && event.job.stage === 'Reading images' && event.job.done === 1)
        workspace.jobs.cancel(event.job.id);
    });
    expect(job.state).toBe('cancelled');
    expect(workspace.table.samples().map(({ path }) => path)).toEqual(['1.png']);
    if (onLinux) expect(readersOf()).toEqual([]);
  });

  test.runIf(onLinux)('has exited when the readers of a cancelled scan are closed', async () => {
    const { readers, read, stop } = await readersFor({ 'bomb.svg': maskBomb() }, { stuckAfterMs: 600_000 });
    const reading = read('bomb.svg');
    expect(readersOf()).toHaveLength(1);
    stop.abort(new WinnowError('cancelled', 'Cancelled.'));
    await expect(reading).rejects.toMatchObject({ code: 'cancelled' });
    await readers.close();
    expect(readersOf()).toEqual([]);
  });

  test.runIf(onLinux)('does not outlive an engine that was killed', async () => {
    const folder = folderOf({ 'bomb.svg': maskBomb() });
    const { process: command, ended: gone } = start(['scan', folder, '--workspace', temporaryFolder('workspace')]);
    const reader = await until(() => readersOf(command.pid).find(isUp));
    command.kill('SIGKILL');
    await gone;
    await until(() => hasExited(reader));
  });

  test('a command ends on SIGINT and on SIGTERM', async () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const { process: command, ended: gone } = start([
        'scan',
        folderOf({ 'bomb.svg': maskBomb() }),
        '--workspace',
        temporaryFolder('workspace'),
      ]);
      if (onLinux) await until(() => readersOf(command.pid).filter(isUp).length);
      command.kill(signal);
      expect((await gone).code).not.toBe(0);
    }
  });
});

describe.runIf(onLinux)('a reader that is lost', () => {
  test('loses no images: other processes read those that it had, and those that waited in it', async () => {
    const names = Array.from({ length: 24 }, (_, i) => `${i}.png`);
    const png = await blob(1);
    const { read } = await readersFor(Object.fromEntries(names.map((name) => [name, png])));
    await read('0.png');
    const [reader] = readersOf();
    process.kill(reader, 'SIGSTOP'); // like a busy process
    const others = Promise.all(names.map(read));
    process.kill(reader, 'SIGKILL');
    expect((await others).map(({ width }) => width)).toEqual(names.map(() => 48));
  });

  /** Kills each reader that starts, until the image has a result. */
  async function killAll(signal: NodeJS.Signals, work: Promise<unknown>) {
    let isOver = false;
    const result = work
      .then(
        () => null,
        (error: unknown) => error,
      )
      .finally(() => (isOver = true));
    await until(() => {
      for (const reader of readersOf()) if (!isOver && isUp(reader)) process.kill(reader, signal);
      return isOver;
    });
    return result;
  }

  test('repeatedly is an issue of the image that it was reading alone', async () => {
    const { read } = await readersFor({ 'bomb.svg': maskBomb() });
    expect(await killAll('SIGSEGV', read('bomb.svg'))).toMatchObject({
      code: 'corrupt',
      message: expect.stringContaining('SIGSEGV'),
    });
  });

  test('because the system killed it, for example without memory, is not an issue of an image', async () => {
    const { read } = await readersFor({ 'bomb.svg': maskBomb() });
    const error = await killAll('SIGKILL', read('bomb.svg'));
    expect(error).toBeInstanceOf(WinnowError);
    expect(error).toMatchObject({ code: 'out-of-memory', message: expect.stringContaining('not enough memory') });
  });

  test('and does not respond is given up', async () => {
    const { read } = await readersFor({ '1.png': await blob(1) }, { silentAfterMs: 5000 });
    await read('1.png');
    process.kill(readersOf()[0], 'SIGSTOP');
    expect((await read('1.png')).width).toBe(48);
  });
});

test('a JPEG of very many scans is refused before it is decoded; a usual progressive one is read', async () => {
  const { read } = await readersFor(
    { 'many.jpg': await jpegOfScans(600), 'some.jpg': await jpegOfScans(0) },
    { stuckAfterMs: 60_000 },
  );
  await expect(read('many.jpg')).rejects.toMatchObject({
    code: 'too-slow',
    message: expect.stringContaining('more than 500 scans'),
  });
  expect((await read('some.jpg')).width).toBe(64);
});

test.runIf(onLinux)(
  'large files that are not images are not read, and large images are not all in memory at once',
  async () => {
    const [folder, workspaceFolder] = [folderOf({}), temporaryFolder('workspace')];
    const readers = keep(startReaders(new AbortController().signal));
    const read = (names: string[], mebibytes: number, start: Buffer) =>
      Promise.all(
        names.map(async (path) => {
          writeFileSync(join(folder, path), start);
          truncateSync(join(folder, path), mebibytes * 2 ** 20);
          return readers.read({ folder, workspaceFolder, path, bytes: mebibytes * 2 ** 20 }).then(
            () => 'read',
            ({ code }: { code: string }) => code,
          );
        }),
      );
    expect(await read(['1.jpg', '2.jpg', '3.jpg'], 1000, Buffer.alloc(0))).toEqual([
      'not-an-image',
      'not-an-image',
      'not-an-image',
    ]);
    const atRest = peakMiB(readersOf()[0]);
    expect(atRest).toBeLessThan(250);
    expect(await read(['1.jpg', '2.jpg'], 160, Buffer.of(0xff, 0xd8, 0xff, 0xe0))).toEqual(['truncated', 'truncated']);
    expect(peakMiB(readersOf()[0]) - atRest).toBeLessThan(250); // 160 and not 320
  },
);

describe('failures of the program are not reported as issues of images', () => {
  async function scanned() {
    const folder = folderOf({ '1.png': await blob(1), '2.png': await blob(2), '3.png': await blob(3) });
    const at = temporaryFolder('workspace');
    const workspace = openAt(folder, at);
    await ended(workspace, workspace.calls.workspace.scan());
    workspace.calls.journal.edit({ choice: { paths: ['1.png'] }, change: { decision: 'reject' } });
    return { folder, at, workspace };
  }
  const stateOf = (workspace: OpenWorkspace) => [
    workspace.table.samples().map(({ path, decision, sha256 }) => [path, decision, sha256]),
    workspace.calls.samples.issues(),
  ];

  test('a workspace that cannot be written to', async () => {
    const { folder, at, workspace } = await scanned();
    const before = stateOf(workspace);
    rmSync(join(at, 'thumbs'), { recursive: true });
    writeFileSync(join(at, 'thumbs'), 'a file where the folder was');
    writeFileSync(join(folder, '2.png'), await blob(22, true));
    const job = await ended(workspace, workspace.calls.workspace.scan());
    expect(job).toMatchObject({ state: 'failed', error: { message: expect.stringContaining('workspace') } });
    expect(stateOf(workspace)).toEqual(before);
    rmSync(join(at, 'thumbs'));
    expect((await ended(workspace, workspace.calls.workspace.scan())).summary).toBe('3 image files, 1 read');
  });

  test.runIf(onLinux && process.getuid?.() === 0)('a full disk', async () => {
    const { folder, at, workspace } = await scanned();
    const before = stateOf(workspace);
    const thumbs = join(at, 'thumbs');
    rmSync(thumbs, { recursive: true });
    mkdirSync(thumbs);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=32k', 'tmpfs', thumbs]);
    onTestFinished(() => void execFileSync('umount', ['-l', thumbs]));
    try {
      writeFileSync(join(thumbs, 'fill'), Buffer.alloc(2 ** 20));
    } catch {
      // The expected error.
    }
    writeFileSync(join(folder, '2.png'), await blob(22, true));
    expect(await ended(workspace, workspace.calls.workspace.scan())).toMatchObject({
      state: 'failed',
      error: { code: 'disk-full', message: expect.stringContaining('full') },
    });
    expect(stateOf(workspace)).toEqual(before);
    expect(
      readdirSync(thumbs, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map(({ name }) => name),
    ).toEqual(['fill']);
    rmSync(join(thumbs, 'fill'));
    expect((await ended(workspace, workspace.calls.workspace.scan())).summary).toBe('3 image files, 1 read');
  });

  test.runIf(onLinux)('too few descriptors', async () => {
    const folder = folderOf(
      Object.fromEntries(
        await Promise.all(Array.from({ length: 60 }, async (_, i) => [`${i % 6}/${i}`, await blob(i)] as const)),
      ),
    ); // without extensions, each file is opened to find its format
    const at = temporaryFolder('workspace');
    const workspace = openAt(folder, at);
    expect((await ended(workspace, workspace.calls.workspace.scan())).summary).toBe('60 image files, 60 read');
    const script = `import { findImages } from ${JSON.stringify(new URL('../../src-main/image/find.ts', import.meta.url).href)}; import { openSync } from 'node:fs';
      try { for (;;) openSync('/dev/null'); } catch {}
      try { for await (const { path } of findImages(${JSON.stringify(folder)}, { signal: new AbortController().signal, onIssue: (issue) => console.log('issue', issue), isKnown: () => false })) console.log(path); } catch (error) { console.log(error.code, error.message); }`;
    const told = execFileSync(
      'bash',
      [
        '-c',
        `ulimit -n 64; exec "$0" --disable-warning=ExperimentalWarning --input-type=module -e "$1"`,
        process.execPath,
        script,
      ],
      { encoding: 'utf8' },
    );
    expect(told).toMatch(/^failed The system’s limit of open files is reached/);
  });
});
