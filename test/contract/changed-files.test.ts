/** Files that changed since the scan: another image, a pipe, a device, a link. Nothing blocks on them, and none is used as the scanned image. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { Agent, fetch } from 'undici';
import { originalPath, thumbPath, workspacePath } from '../../src-main/contract/address.ts';
import { exportSchema } from '../../src-main/contract/schemas.ts';
import { listenOnPipe } from '../../src-main/door/pipe.ts';
import { thumbFile } from '../../src-main/image/thumb-file.ts';
import { openScanned } from '../../src-main/image/scanned.ts';
import { decodeFor } from '../../src-main/jobs/embeddings.ts';
import { pixelRecipe } from '../../src-main/jobs/pixels.ts';
import { usual } from '../../src-main/compute/models/pretrained.ts';
import type { OpenWorkspace } from '../../src-main/engine/open-workspace.ts';
import { psd } from '../fixtures/formats.ts';
import { blob, folderOf, temporaryFolder } from '../fixtures/images.ts';
import { ended } from '../fixtures/workspace.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A scanned folder of images, served by an engine. */
async function served(files: Record<string, Uint8Array>) {
  const [folder, workspaceFolder] = [folderOf(files), temporaryFolder('workspace')];
  const { engine, pipe, close } = await listenOnPipe();
  closing.push(close);
  const { id } = await engine.open({ folder, workspace: workspaceFolder });
  const workspace = (await engine.reach(id)) as OpenWorkspace;
  await ended(workspace, workspace.calls.workspace.scan());
  const dispatcher = new Agent({ connect: { socketPath: pipe } });
  closing.push(() => dispatcher.close());
  const samples = new Map(workspace.table.samples().map((sample) => [sample.path, sample]));
  const sampleOf = (path: string) => samples.get(path)!;
  return {
    folder,
    workspaceFolder,
    workspace,
    sampleOf,
    get: (path: string) => fetch(`http://engine${path}`, { dispatcher }),
    original: (path: string) => originalPath(id, sampleOf(path)),
    thumb: (path: string) => thumbPath(id, sampleOf(path)),
    at: workspacePath(id),
    pack: (paths: string[]) => workspace.rows.make(pixelRecipe(folder, { sizePx: 16 }), paths.map(sampleOf)),
  };
}
type Served = Awaited<ReturnType<typeof served>>;

/** Another image of the same size in bytes, with the same time. */
function edit(file: string, content: Buffer) {
  const { size, atime, mtime } = statSync(file);
  expect(content.length).toBeLessThanOrEqual(size);
  writeFileSync(file, Buffer.concat([content, Buffer.alloc(size - content.length)]));
  utimesSync(file, atime, mtime);
}

const smaller = async (a: number, b: number) =>
  (await Promise.all([blob(a), blob(b)])).sort((p, q) => q.length - p.length);

describe('a file with other content', () => {
  const refusal = expect.objectContaining({ message: expect.stringContaining('has changed since it was scanned') });
  const isRefused = async ({ get, original, thumb, pack, folder, workspaceFolder, sampleOf }: Served, path: string) => {
    const answer = await get(original(path));
    expect([answer.status, await answer.json()]).toEqual([404, refusal]);
    rmSync(thumbFile(workspaceFolder, sampleOf(path).sha256));
    const small = await get(thumb(path));
    expect([small.status, await small.json()]).toEqual([404, refusal]);
    expect(await pack([path])).toMatchObject({
      samples: [],
      issues: [{ path, code: 'unreadable', message: expect.stringContaining('Scan again') }],
    });
    await expect(decodeFor(folder, sampleOf(path), usual)).rejects.toThrow('has changed');
  };

  test('is not shown, packed or embedded as the scanned image, and the next scan reads it', async () => {
    const [large, small] = await smaller(1, 2);
    const made = await served({ '1.png': large, '2.psd': psd(false), '3.png': await blob(3) });
    edit(join(made.folder, '1.png'), small);
    writeFileSync(join(made.folder, '2.psd'), psd(true));
    await isRefused(made, '1.png');
    await isRefused(made, '2.psd');
    expect((await made.get(made.original('3.png'))).status).toBe(200);
    utimesSync(join(made.folder, '1.png'), new Date(), new Date(Date.now() + 9000));
    expect((await ended(made.workspace, made.workspace.calls.workspace.scan())).summary).toBe('3 image files, 2 read');
    expect(
      Buffer.from(await (await made.get(made.original('1.png'))).arrayBuffer())
        .subarray(0, small.length)
        .equals(small),
    ).toBe(true);
    expect((await made.pack(['3.png'])).issues).toEqual([]);
  });

  test('is not served through a link out of the folder', async () => {
    const made = await served({ '1.png': await blob(1) });
    const secret = join(folderOf({ 'secret.png': await blob(9, true) }), 'secret.png');
    rmSync(join(made.folder, '1.png'));
    symlinkSync(secret, join(made.folder, '1.png'));
    await isRefused(made, '1.png');
  });

  test('is opened, if large, only with the size, time and content of the scan', async () => {
    const { folder, sampleOf } = await served({ '1.png': await blob(1) });
    const handle = await openScanned(folder, sampleOf('1.png'));
    const opened = Buffer.alloc((await handle.stat()).size);
    await handle.read(opened, 0, opened.length, 0);
    expect(opened.equals(await blob(1))).toBe(true);
    await handle.close();
    const before = statSync(join(folder, '1.png'));
    const other = Buffer.from(opened);
    other[other.length - 20] ^= 1;
    writeFileSync(join(folder, '1.png'), other);
    utimesSync(join(folder, '1.png'), before.atime, before.mtime);
    await expect(openScanned(folder, sampleOf('1.png'))).rejects.toThrow('has changed');
    utimesSync(join(folder, '1.png'), new Date(), new Date(Date.now() + 9000));
    await expect(openScanned(folder, sampleOf('1.png'))).rejects.toThrow('has changed');
  });
});

describe.skipIf(process.platform === 'win32')('something that is not a file', () => {
  const kinds: Record<string, (file: string) => void> = {
    pipe: (file) => void execFileSync('mkfifo', [file]),
    'link to a pipe': (file) => {
      execFileSync('mkfifo', [`${file}.pipe`]);
      symlinkSync(`${file}.pipe`, file);
    },
    socket: (file) => {
      const server = createServer().listen(file);
      closing.push(() => server.close());
    },
    device: (file) => symlinkSync('/dev/zero', file),
    folder: (file) => mkdirSync(file),
    'link to itself': (file) => symlinkSync(file, file),
  };

  test.each(Object.keys(kinds))(
    'a %s in place of an image is reported at once, and everything else continues',
    async (kind) => {
      const made = await served({ '1.png': await blob(1), '2.png': await blob(2) });
      const file = join(made.folder, '1.png');
      rmSync(file);
      kinds[kind](file);
      const refused = await Promise.all(Array.from({ length: 20 }, () => made.get(made.original('1.png'))));
      expect(refused.map(({ status }) => status)).toEqual(Array(20).fill(404));
      expect(await refused[0].json()).toMatchObject({ code: 'no-samples', message: expect.stringContaining('1.png') });
      const other = await made.get(made.original('2.png'));
      expect(Buffer.from(await other.arrayBuffer()).equals(await blob(2))).toBe(true);
      expect((await made.pack(['1.png', '2.png'])).issues).toMatchObject([{ path: '1.png', code: 'unreadable' }]);

      const job = await ended(
        made.workspace,
        made.workspace.calls.exports.start(exportSchema.parse({ to: join(temporaryFolder('export'), 'out') })),
      );
      expect(made.workspace.calls.exports.result({ jobId: job.id })).toMatchObject({
        copied: 1,
        failed: [{ path: '1.png' }],
      });

      await ended(made.workspace, made.workspace.calls.workspace.scan());
      expect(made.workspace.table.samples().map(({ path }) => path)).toEqual(['2.png']);
      expect(made.workspace.calls.samples.issues().map(({ path }) => path)).toEqual(kind === 'folder' ? [] : ['1.png']);
    },
    20_000,
  );
});

describe('addresses', () => {
  test('that do not exist give 404', async () => {
    const { get, at, original } = await served({ '1.png': await blob(1) });
    for (const path of [
      'constructor/x',
      '__proto__/x',
      'media/constructor/x',
      'hasOwnProperty/1',
      'columns/nothing',
      'columns/__proto__',
      'columns',
      'media/thumb',
      `media/thumb/${'0'.repeat(64)}.jpg`,
      'media/thumb/..%2f..%2fworkspace.sqlite',
      'media/original/999',
      'media/original/x',
      'media/map/none/1',
      'media/reconstruction/none/1.webp',
      'predictions/none',
      'media/preview/none/1.webp',
    ]) {
      const answer = await get(`${at}/${path}`);
      expect(answer.headers.get('content-type'), path).toContain('application/json');
      expect([path, answer.status, await answer.json()]).toEqual([
        path,
        404,
        { code: expect.stringMatching(/^no-/), message: expect.any(String) },
      ]);
    }
    for (const path of ['columns/%ff', 'media/original/%E0%A4%A'])
      expect([path, (await get(`${at}/${path}`)).status]).toEqual([path, 400]);
    expect((await get(original('1.png'))).status).toBe(200);
    expect((await get(`${at}/columns/brightness`)).headers.get('content-length')).not.toBe('0');
  });

  test('a lost thumbnail is created again, and one that cannot be stored is still shown', async () => {
    const { get, thumb, workspaceFolder, sampleOf } = await served({ '1.png': await blob(1) });
    const before = Buffer.from(await (await get(thumb('1.png'))).arrayBuffer());
    const file = thumbFile(workspaceFolder, sampleOf('1.png').sha256);
    rmSync(file);
    expect(Buffer.from(await (await get(thumb('1.png'))).arrayBuffer()).equals(before)).toBe(true);
    expect(existsSync(file)).toBe(true);
    renameSync(join(workspaceFolder, 'thumbs'), join(workspaceFolder, 'thumbs-away'));
    writeFileSync(join(workspaceFolder, 'thumbs'), 'no folder');
    expect(Buffer.from(await (await get(thumb('1.png'))).arrayBuffer()).equals(before)).toBe(true);
  });
});
