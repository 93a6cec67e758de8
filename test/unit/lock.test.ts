/** The lock of a workspace is a lock of the operating system: it ends with its process, and nobody takes it from a running one. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { announce, readLockOwner, takeLock } from '../../src-main/engine/lock.ts';
import { temporaryFolder } from '../fixtures/images.ts';

const self = (pipe = '/nowhere.sock') => ({ pid: process.pid, pipe, host: hostname(), since: 1 });

test('only one has it, also within one process, and it can be had again after it was released', () => {
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

test('another process that has it keeps it, whatever happens to the file that says who; a kill frees it', async () => {
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

test('the information of a owner that was killed is replaced; who was not the last owner removes nothing', () => {
  const folder = temporaryFolder('lock');
  const lock = takeLock(folder, self());
  writeFileSync(join(folder, 'engine.lock'), JSON.stringify({ pid: 1, pipe: '/older.sock' }));
  expect(readLockOwner(folder)).toMatchObject({ pid: 1, pipe: '/older.sock' }); // as an earlier version wrote it
  lock?.release();
  expect(JSON.parse(readFileSync(join(folder, 'engine.lock'), 'utf8'))).toEqual({ pid: 1, pipe: '/older.sock' });
});

test('a lock file that is no database is none of ours, and does not keep the folder shut', () => {
  const folder = temporaryFolder('lock');
  writeFileSync(join(folder, 'lock.sqlite'), 'x'.repeat(5000));
  const lock = takeLock(folder, self());
  expect(lock).not.toBeNull();
  lock?.release();
});
