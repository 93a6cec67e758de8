/**
 * Set-up: the components that each command needs, what a killed attempt leaves behind, and when something is built again.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { buildOnce, builtFolder } from '../../src-main/setup/build-once.mjs';
import { piecesFor, planOf } from '../../src-main/setup/commands.mjs';
import { cacheFolder, dataFolder } from '../../src-main/setup/folders.mjs';
import { agrees, isInstalled } from '../../src-main/setup/install.mjs';
import { withLock } from '../../src-main/setup/lock.mjs';
import { pieces } from '../../src-main/setup/pieces/index.mjs';
import { hashOf } from '../../src-main/setup/pieces/renderer.mjs';
import { describe as describeProgress } from '../../src-main/setup/progress.mjs';
import { root } from '../../src-main/setup/repository.mjs';
import { addUp, countOf, lineOf, slowestOf } from '../../src-main/setup/tests.mjs';
import { unzip } from '../../src-main/setup/unzip.mjs';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'winnow-setup-'));
  vi.stubEnv('WINNOW_CACHE', join(folder, 'cache'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

test('every component has a description, a repair command and a state', async () => {
  expect(new Set(pieces.map(({ id }) => id)).size).toBe(pieces.length);
  for (const piece of pieces) {
    expect(piece.title).toMatch(/\S/);
    expect(piece.mend).toMatch(/^\S+ \S/);
    expect(piece.mend).not.toContain('\n');
    const found = await piece.check();
    expect(['ready', 'missing', 'broken', 'optional']).toContain(found.state);
    expect(found.detail).toMatch(/\S/);
  }
});

test.each([
  [[], true, 'window', ['node', 'native', 'tensorflow', 'kernels', 'electron', 'display', 'renderer']],
  [['open', 'photos'], true, 'window', ['node', 'native', 'tensorflow', 'kernels', 'electron', 'display', 'renderer']],
  [['open', 'photos'], false, 'cli', ['node', 'native', 'tensorflow', 'kernels', 'renderer']],
  [['serve', 'photos'], true, 'cli', ['node', 'native', 'tensorflow', 'kernels', 'renderer']],
  [['scan', 'photos'], true, 'cli', ['node', 'native']],
  [['decide', 'photos', '--keep', 'a.jpg'], true, 'cli', ['node']],
  [['rank', 'photos'], false, 'cli', ['node', 'native', 'tensorflow', 'kernels']],
  [['train', 'photos'], true, 'cli', ['node', 'native', 'tensorflow', 'kernels']],
  [['doctor'], true, 'cli', ['node']],
  [['--help'], true, 'cli', ['node']],
  [['rank', '--help'], true, 'cli', ['node']],
  [['setup', 'window'], false, 'setup', ['node', 'native', 'tensorflow', 'kernels', 'electron', 'display', 'renderer']],
])('start %j with display %s is %s', (args, display, kind, needs) => {
  const plan = planOf('start', args, { display });
  expect(plan?.kind).toBe(kind);
  expect(plan?.pieces).toEqual(needs);
});

test('arguments reach the command unchanged, and without a display the window becomes serve', () => {
  expect(planOf('start', ['scan', 'a b', '--json', '-'], { display: true })?.args).toEqual([
    'scan',
    'a b',
    '--json',
    '-',
  ]);
  expect(planOf('start', ['open', 'a b'], { display: true })?.args).toEqual(['a b']);
  expect(planOf('start', ['open', 'a b'], { display: false })?.args).toEqual(['serve', 'a b']);
  expect(planOf('nonsense', [], { display: true })).toBeNull();
});

test('tests get every component, and every named component exists', () => {
  const known = pieces.map(({ id }) => id);
  expect(planOf('test', [], { display: false })?.pieces).toEqual(known);
  for (const what of ['window', 'serve', 'scan', 'test', 'everything', ...known]) {
    for (const id of piecesFor(what)) expect(known).toContain(id);
  }
});

test('a build that fails leaves nothing, and the next one succeeds', async () => {
  const name = 'fake-1.0';
  await expect(
    buildOnce(name, async (target) => {
      writeFileSync(join(target, 'half'), 'x');
      throw new Error('no network');
    }),
  ).rejects.toThrow('no network');
  expect(readdirSync(cacheFolder())).toEqual([]);
  const built = await buildOnce(name, async (target) => writeFileSync(join(target, 'whole'), 'x'));
  expect(readdirSync(built).sort()).toEqual(['made-by-winnow.json', 'whole']);
  await buildOnce(name, () => Promise.reject(new Error('built twice')));
});

test('a killed set-up leaves nothing that looks finished, and the next one cleans up', async () => {
  const module = pathToFileURL(join(root, 'src-main/setup/build-once.mjs')).href;
  const script = `
    import { writeFileSync } from 'node:fs';
    const { buildOnce } = await import(${JSON.stringify(module)});
    await buildOnce('fake-2.0', async (target) => {
      writeFileSync(target + '/half', 'x');
      process.stdout.write('begun');
      await new Promise((resolve) => setTimeout(resolve, 60_000));
    });`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'close');
  expect(existsSync(builtFolder('fake-2.0'))).toBe(false);
  expect(readdirSync(cacheFolder()).length).toBeGreaterThan(0);
  await buildOnce('fake-2.0', async (target) => writeFileSync(join(target, 'whole'), 'x'));
  expect(readdirSync(cacheFolder())).toEqual(['fake-2.0']); // neither the unfinished folder nor the lock of the killed process
});

test('two set-ups at the same time build once', async () => {
  let builds = 0;
  const build = async (target: string) => {
    builds++;
    await new Promise((resolve) => setTimeout(resolve, 50));
    writeFileSync(join(target, 'whole'), 'x');
  };
  await Promise.all([buildOnce('fake-3.0', build), buildOnce('fake-3.0', build), buildOnce('fake-3.0', build)]);
  expect(builds).toBe(1);
});

test('a lock is exclusive, and an error releases it', async () => {
  const lock = join(folder, 'lock');
  const order: string[] = [];
  const hold = (name: string) =>
    withLock(lock, async () => {
      order.push(`${name} in`);
      await new Promise((resolve) => setTimeout(resolve, 20));
      order.push(`${name} out`);
    });
  await Promise.all([hold('a'), hold('b')]);
  expect(order.map((entry) => entry.slice(2))).toEqual(['in', 'out', 'in', 'out']);
  await expect(withLock(lock, () => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
  expect(existsSync(lock)).toBe(false);
});

test('the page is built again only when the content or name of a source changes', () => {
  const base = folder;
  mkdirSync(join(base, 'src'));
  writeFileSync(join(base, 'src', 'a.ts'), '1');
  const first = hashOf(['src', 'absent.ts'], base);
  expect(hashOf(['src', 'absent.ts'], base)).toBe(first);
  writeFileSync(join(base, 'src', 'a.ts'), '2');
  const second = hashOf(['src', 'absent.ts'], base);
  expect(second).not.toBe(first);
  rmSync(join(base, 'src', 'a.ts'));
  writeFileSync(join(base, 'src', 'b.ts'), '2');
  expect(hashOf(['src', 'absent.ts'], base)).not.toBe(second);
});

test('the libraries are installed again when the lock file changed, but not after an npm install by hand', () => {
  const lock = (version: string) =>
    JSON.stringify({
      packages: { '': {}, 'node_modules/a': { version }, 'node_modules/other-platform': { version, optional: true } },
    });
  const installed = (version: string) => JSON.stringify({ packages: { 'node_modules/a': { version } } });
  writeFileSync(join(folder, 'package-lock.json'), lock('1.0.0'));
  expect(isInstalled(folder)).toBe(false);
  mkdirSync(join(folder, 'node_modules'));
  expect(isInstalled(folder)).toBe(false); // a killed install leaves a folder without npm's final list
  writeFileSync(join(folder, 'node_modules', '.package-lock.json'), installed('1.0.0'));
  expect(isInstalled(folder)).toBe(true);
  writeFileSync(join(folder, 'package-lock.json'), lock('1.0.1'));
  expect(isInstalled(folder)).toBe(false);
  writeFileSync(join(folder, 'node_modules', '.package-lock.json'), installed('1.0.1'));
  expect(isInstalled(folder)).toBe(true);
  expect(readFileSync(join(folder, 'node_modules', '.winnow-installed'), 'utf8')).toBe(
    createHash('sha256').update(lock('1.0.1')).digest('hex'),
  );
  expect(agrees(lock('1.0.1'), '')).toBe(false);
});

test('the last line has the totals, and a crashed run counts as a failure', () => {
  const good = countOf(
    0,
    JSON.stringify({ numPassedTests: 5, numFailedTests: 0, numPendingTests: 1, numTodoTests: 1 }),
  );
  expect(good).toEqual({ passed: 5, failed: 0, skipped: 2 });
  const unloadable = countOf(
    1,
    JSON.stringify({ numPassedTests: 3, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0 }),
  );
  expect(unloadable.failed).toBe(1);
  expect(countOf(139, null)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  expect(lineOf(addUp([good, unloadable]))).toBe('8 passed, 1 failed, 2 skipped');
  expect(lineOf({ passed: 8, failed: 0, skipped: 0 })).toBe('8 passed, 0 failed');
});

test('progress shows amount, percentage, rate and time left', () => {
  expect(describeProgress('TensorFlow', 120 * 2 ** 20, 240 * 2 ** 20, 4)).toBe(
    '  TensorFlow  120 of 240 MiB  50%  30 MiB/s  4 s left',
  );
  expect(describeProgress('libraries', 0, 0, 7)).toBe('  libraries  7 s');
});

test('the cache and the data folder can be moved', () => {
  vi.stubEnv('WINNOW_DATA', join(folder, 'data'));
  expect(cacheFolder()).toBe(join(folder, 'cache'));
  expect(dataFolder()).toBe(join(folder, 'data'));
});

test('unzip keeps contents and Unix modes, extracts the requested files, and never writes outside its folder', async () => {
  const zip = join(folder, 'a.zip');
  writeFileSync(zip, storedZip({ 'bin/run': ['#!/bin/sh\n', 0o755], 'read.me': ['hello', 0o644], empty: ['', 0o644] }));
  const out = join(folder, 'out');
  await unzip(zip, out, (name) => (name === 'read.me' ? null : name));
  expect(readFileSync(join(out, 'bin/run'), 'utf8')).toBe('#!/bin/sh\n');
  expect(readFileSync(join(out, 'empty'), 'utf8')).toBe('');
  expect(existsSync(join(out, 'read.me'))).toBe(false);
  await expect(unzip(zip, out, () => '../outside')).rejects.toThrow('outside');
  writeFileSync(join(folder, 'not.zip'), 'nothing of the kind, and long enough to look');
  await expect(unzip(join(folder, 'not.zip'), out, (name) => name)).rejects.toThrow('not a zip file');
});

/** A minimal zip file of uncompressed entries. */
function storedZip(files: Record<string, [string, number]>): Buffer {
  const bodies: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, [content, mode]] of Object.entries(files)) {
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(name.length, 26);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    central.writeUInt32LE(content.length, 20);
    central.writeUInt32LE(content.length, 24);
    central.writeUInt16LE(name.length, 28);
    central.writeUInt32LE((0o100000 | mode) * 65536, 38);
    central.writeUInt32LE(offset, 42);
    bodies.push(local, Buffer.from(name + content));
    directory.push(central, Buffer.from(name));
    offset += 30 + name.length + content.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Object.keys(files).length, 10);
  end.writeUInt32LE(Buffer.concat(directory).length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...bodies, ...directory, end]);
}

test('the slowest tests are listed first', () => {
  const fileOf = (name: string, durations: (number | null)[]) => ({
    name: join(root, 'test', 'unit', name),
    assertionResults: durations.map((duration, i) => ({ fullName: `case ${i}`, duration })),
  });
  const report = JSON.stringify({
    testResults: [fileOf('a.test.ts', [1500, null, 20]), fileOf('b.test.ts', [62_340, 900])],
  });
  expect(slowestOf(report, 3)).toEqual([
    `   62.3 s  ${join('test', 'unit', 'b.test.ts')} case 0`,
    `    1.5 s  ${join('test', 'unit', 'a.test.ts')} case 0`,
    `    0.9 s  ${join('test', 'unit', 'b.test.ts')} case 1`,
  ]);
});
