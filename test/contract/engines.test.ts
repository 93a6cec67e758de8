/** Several processes on one folder: no concurrent writes, no endless waiting, and no half-finished work. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import { openClient } from '../../src-main/door/client.ts';
import { listenOnPipe } from '../../src-main/door/pipe.ts';
import { dataFolder } from '../../src-main/setup/folders.mjs';
import { quoteWord } from '../../src-main/contract/words.ts';
import { askLockOwner, attach, silentError } from '../../src-main/engine/lock-owner.ts';
import { blobFolder, temporaryFolder } from '../fixtures/images.ts';
import { compileCache, root, start, winnow } from '../fixtures/command.ts';

const open: { close(): Promise<void> }[] = [];
const keep = <Thing extends { close(): Promise<void> }>(thing: Thing) => (open.push(thing), thing);
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close();
});

test('an engine that cannot be reached keeps its folder: a second engine gets an error message, and only the first writes', async () => {
  const [folder, workspace] = [await blobFolder(), temporaryFolder('workspace')];
  const first = keep(await listenOnPipe());
  const { id } = await first.engine.open({ folder, workspace });
  rmSync(dirname(first.pipe), { recursive: true }); // like a clean-up of temporary files
  const second = keep(await listenOnPipe({ giveUpAfterMs: 200 }));
  await expect(second.engine.open({ folder, workspace })).rejects.toThrow(`process ${process.pid}`);
  await expect(second.engine.open({ folder, workspace })).rejects.toThrow('cannot be reached');
  expect(second.engine.stateOf(id)).toBe('closed');
  expect(first.engine.stateOf(id)).toBe('open');
});

test('pipes are in the data folder, and those of killed engines are removed', async () => {
  const first = keep(await listenOnPipe());
  if (process.platform !== 'win32') expect(first.pipe.startsWith(join(dataFolder(), 'run'))).toBe(true);
  await first.close();
  expect(existsSync(dirname(first.pipe))).toBe(false);
});

test('an engine that accepts connections but does not respond is reported as unresponsive', async () => {
  const pipe = join(temporaryFolder('pipe'), 'mute.sock');
  const mute = createServer(() => undefined).listen(pipe);
  onTestFinished(() => void mute.close());
  await new Promise((ready) => mute.once('listening', ready));
  expect(await askLockOwner({ pipe }, 'abc', 50)).toBe('silent');
  expect(silentError({ pid: 4711, pipe, host: '', since: 0 }).message).toMatch(/process 4711.*does not respond/);
  expect(await askLockOwner({ pipe: join(dirname(pipe), 'nobody.sock') }, 'abc')).toBe('gone');
});

test('subscribers of an engine are notified when it ends', async () => {
  const [folder, workspace] = [await blobFolder(), temporaryFolder('workspace')];
  const first = await listenOnPipe();
  const { id } = await first.engine.open({ folder, workspace });
  const owner = { pid: 1, pipe: first.pipe, host: '', since: 0 };
  expect(await askLockOwner(owner, id)).toBe('open');
  expect(await askLockOwner(owner, '0123456789abcdef')).toBe('closed');
  expect(await attach(owner, '0123456789abcdef', { client: true })).toBeNull();
  const attachment = await attach(owner, id, { client: true });
  const lost = new Promise<Error>((tell) =>
    attachment?.lost.addEventListener('abort', () => tell(attachment.lost.reason as Error)),
  );
  await first.close();
  expect((await lost).message).toContain('has ended');
});

test('a command that owns the folder runs until its clients are done', async () => {
  const [folder, workspace] = [await blobFolder(), temporaryFolder('workspace')];
  const first = await openClient(folder, workspace);
  const client = await openClient(folder, workspace);
  let waitedFor = 0;
  const closed = first.close((clients) => (waitedFor = clients)).then(() => 'closed');
  expect((await client.calls.workspace.describe.query()).folder).toBe(first.folder);
  expect(waitedFor).toBe(1);
  await client.close();
  expect(await closed).toBe('closed');
  const next = keep(await openClient(folder, workspace)); // the lock is free
  expect((await next.calls.workspace.describe.query()).samples).toBe(0);
});

test('a folder that nobody uses is closed, and opens automatically at the next request', async () => {
  const [folder, workspace] = [await blobFolder(), temporaryFolder('workspace')];
  const first = keep(await listenOnPipe());
  const { id } = await first.engine.open({ folder, workspace });
  const release = first.engine.keepOpen(id);
  await first.engine.closeIdle(0);
  expect(first.engine.stateOf(id)).toBe('open');
  release();
  await first.engine.closeIdle(0);
  expect(first.engine.stateOf(id)).toBe('closed');
  const other = await openClient(folder, workspace); // the lock is free
  await other.close();
  expect(await first.engine.reach(id)).not.toBeNull();
  expect(first.engine.stateOf(id)).toBe('open');
});

test('three commands at once on one folder all succeed, several times', async () => {
  const [folder, data] = [await blobFolder(), temporaryFolder('data')];
  const env = { WINNOW_DATA: data };
  expect((await winnow(['scan', folder, '--quiet'], env)).code).toBe(0);
  for (let round = 0; round < 3; round++) {
    const ended = await Promise.all([
      winnow(['decide', folder, '--keep', 'good/*', '--reason', String(round), '--quiet'], env),
      winnow(['scan', folder, '--quiet'], env),
      winnow(['tag', folder, 'good/*', '--add', `t${round}`, '--quiet'], env),
    ]);
    expect(ended.map(({ code, err }) => `${code} ${err.trim()}`)).toEqual(['0 ', '0 ', '0 ']);
  }
  const { out } = await winnow(
    ['show', folder, '--where', "tag = 't0' and tag = 't1' and tag = 't2' and decision = 'keep'"],
    env,
  );
  expect(out.trim().split('\n').length).toBeGreaterThan(10);
  expect(existsSync(join(data, 'run')) ? readdirSync(join(data, 'run')) : []).toEqual([]);
});

test('output into a pipe arrives complete, however slowly it is read; a reader that stops early is not an error', async () => {
  const [folder, data] = [await blobFolder(), temporaryFolder('data')];
  const env = { WINNOW_DATA: data };
  await winnow(['scan', folder, '--quiet'], env);
  const notes = 'n'.repeat(1900);
  await winnow(['note', folder, '*/*', '--text', notes, '--quiet'], env); // the JSON is larger than the buffer of a pipe
  await winnow(['decide', folder, '*/*', '--keep', '--reason', notes, '--quiet'], env);
  const command = [
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    join(root, 'src-main', 'cli.ts'),
    'show',
    folder,
    '--where',
    'width > 0',
    '--json',
    '-',
    '--quiet',
  ];
  const reader = [process.execPath, '-e', 'setTimeout(() => process.stdin.pipe(process.stdout), 2500)']; // the command has finished its work long before
  const line = [command, reader].map((words) => words.map(quoteWord).join(' ')).join(' | ');
  const text = execFileSync('bash', ['-o', 'pipefail', '-c', line], {
    env: { ...process.env, ...compileCache, ...env },
    encoding: 'utf8',
    maxBuffer: 2 ** 24,
  });
  expect(text.length).toBeGreaterThan(70_000);
  expect(JSON.parse(text).samples.length).toBe(25);

  const { process: early, ended } = start(['show', folder, '--where', 'width > 0', '--json', '-', '--quiet'], env);
  early.stdout?.destroy();
  expect(await ended).toMatchObject({ code: 0, err: '' });
});

test('JSON is never written over other files or into the folder; the error comes before the work', async () => {
  const [folder, data] = [await blobFolder(), temporaryFolder('data')];
  const original = join(folder, 'good', readdirSync(join(folder, 'good'))[0]);
  const before = readFileSync(original);
  for (const json of [
    original,
    join(folder, 'new.json'),
    join(folder, 'good', '..', 'other.json'),
    '/nowhere/at/all/x.json',
  ]) {
    const { code, err } = await winnow(['scan', folder, '--json', json], { WINNOW_DATA: data });
    expect({ json, code, isScanned: /Finding|Reading/.test(err) }).toEqual({ json, code: 1, isScanned: false });
  }
  expect(readFileSync(original)).toEqual(before);
  expect(existsSync(join(folder, 'new.json')) || existsSync(join(folder, 'other.json'))).toBe(false);
  const own = join(temporaryFolder('out'), 'scan.json');
  for (let i = 0; i < 2; i++)
    expect((await winnow(['scan', folder, '--quiet', '--json', own], { WINNOW_DATA: data })).code).toBe(0); // Winnow’s own file is overwritten
});
