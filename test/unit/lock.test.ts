/** A workspace is locked by the operating system: the lock ends with its process, and cannot be taken from a running one. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { announce, readLockOwner, takeLock } from '../../src-main/engine/lock.ts';
import { temporaryFolder } from '../fixtures/images.ts';

const self = (pipe = '/nowhere.sock') => ({ pid: process.pid, pipe, host: hostname(), since: 1 });

test('the lock has one owner, also within one process, and can be acquired again after its release', () => {
  const folder = temporaryFolder('lock');
  const lock = takeLock(folder, self());
  expect(lock).not.toBeNull();
  announce(folder, self());
  expect(takeLock(folder, self('/other.sock'))).toBeNull();
  expect(readLockOwner(folder)).toEqual(self());
  lock?.release();
  expect(existsSync(join(folder, 'engine.lock'))).toBe(false);
  takeLock(folder, self('/other.sock'))?.release();
});

test('another process keeps its lock even if the owner file is changed; a kill releases it', async () => {
  const folder = temporaryFolder('lock');
  const module = resolve(import.meta.dirname, '../../src-main/engine/lock.ts');
  const code = `const { takeLock } = await import(${JSON.stringify(module)}); globalThis.lock = takeLock(${JSON.stringify(folder)}, { pid: process.pid, pipe: '/x', host: 'h', since: 1 }); console.log('has it'); setInterval(() => {}, 1000);`;
  const other = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void other.kill('SIGKILL'));
  await new Promise((told) => createInterface({ input: other.stdout }).once('line', told));
  expect(takeLock(folder, self())).toBeNull();
  rmSync(join(folder, 'engine.lock'), { force: true });
  expect(takeLock(folder, self())).toBeNull();
  const gone = new Promise((told) => other.once('exit', told));
  other.kill('SIGKILL');
  await gone;
  const lock = takeLock(folder, self());
  expect(lock).not.toBeNull();
  lock?.release();
});

test('the owner file of a killed owner is replaced; only the latest owner removes it', () => {
  const folder = temporaryFolder('lock');
  const lock = takeLock(folder, self());
  writeFileSync(join(folder, 'engine.lock'), JSON.stringify({ pid: 1, pipe: '/older.sock' }));
  expect(readLockOwner(folder)).toMatchObject({ pid: 1, pipe: '/older.sock' }); // the format of an earlier version
  lock?.release();
  expect(JSON.parse(readFileSync(join(folder, 'engine.lock'), 'utf8'))).toEqual({ pid: 1, pipe: '/older.sock' });
});

test('a lock file that is not a database is ignored, and the folder can be opened', () => {
  const folder = temporaryFolder('lock');
  writeFileSync(join(folder, 'lock.sqlite'), 'x'.repeat(5000));
  const lock = takeLock(folder, self());
  expect(lock).not.toBeNull();
  lock?.release();
});
