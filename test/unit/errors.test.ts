/** Errors of the system, the database and memory become a readable message with an error code. */
import {
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { explain, WinnowError } from '../../src-main/contract/errors.ts';
import { readRegularSync } from '../../src-main/file/open.ts';
import { temporaryFolder } from '../fixtures/images.ts';

function thrown(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}
/** Technical terms that no user should have to read. */
const raw = /\bE[A-Z]{3,}\b|SQLITE|errno|malformed|call stack|undefined|allocation|syscall/;

describe('the system', () => {
  const folder = temporaryFolder('errors');
  writeFileSync(join(folder, 'file'), 'some bytes');
  mkdirSync(join(folder, 'full', 'inner'), { recursive: true });
  symlinkSync(join(folder, 'loop'), join(folder, 'loop'));
  test.each<[string, () => unknown, string, RegExp]>([
    ['what is missing', () => readFileSync(join(folder, 'none')), 'no-folder', /none does not exist/],
    [
      'a file for a folder',
      () => readdirSync(join(folder, 'file')),
      'target-unwritable',
      /file: there is a file where a folder is needed/,
    ],
    [
      'a folder that is to replace a file',
      () => renameSync(join(folder, 'full'), join(folder, 'file')),
      'target-unwritable',
      /file: there is a file where a folder is needed/,
    ],
    ['a folder for a file', () => readFileSync(folder), 'target-unwritable', /is a folder/],
    [
      'what is no regular file',
      () => readRegularSync('/dev/null', 10),
      'bad-request',
      /\/dev\/null is not a regular file/,
    ],
    ['what is too large', () => readRegularSync(join(folder, 'file'), 3), 'bad-request', /larger than/],
    ['what is there', () => mkdirSync(folder), 'target-not-empty', /already exists/],
    ['what is not empty', () => rmdirSync(join(folder, 'full')), 'target-not-empty', /not empty/],
    ['a name that is too long', () => openSync(join(folder, 'x'.repeat(300)), 'r'), 'bad-request', /too long/],
    ['a link to itself', () => readFileSync(join(folder, 'loop')), 'target-unwritable', /points back to itself/],
    ['a place that is not there', () => mkdtempSync(join(folder, 'none', 'x')), 'no-folder', /does not exist/],
  ])('%s', (_, work, code, message) => {
    const explained = explain(thrown(work));
    expect(explained).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(explained.message).not.toMatch(raw);
  });

  test.each([
    'EACCES',
    'EPERM',
    'EROFS',
    'ENOSPC',
    'EDQUOT',
    'EMFILE',
    'ENFILE',
    'EIO',
    'ETIMEDOUT',
    'ESTALE',
    'EBUSY',
    'EXDEV',
    'ENOMEM',
  ])('%s, which cannot be caused here', (code) => {
    const explained = explain(
      Object.assign(new Error(`${code}: whatever, open '/a/b'`), { code, syscall: 'open', path: '/a/b' }),
    );
    expect(explained.message).not.toMatch(raw);
    expect(explained.message).toMatch(/^[A-Z/].*[.?]$/s);
  });
});

describe('memory', () => {
  test.each<[string, () => unknown, string]>([
    ['too large a buffer', () => new ArrayBuffer(2 ** 52), 'out-of-memory'],
    ['too long an array', () => new Float64Array(2 ** 40), 'out-of-memory'],
    ['too long a text', () => 'x'.repeat(2 ** 30), 'out-of-memory'],
    [
      'too deep a call',
      function deep(): unknown {
        return deep();
      },
      'failed',
    ],
  ])('%s', (_, work, code) => {
    const explained = explain(thrown(work));
    expect(explained.code).toBe(code);
    expect(explained.message).not.toMatch(raw);
  });
});

describe('the database', () => {
  const fault = (errcode: number) =>
    explain(Object.assign(new Error('database says something malformed'), { code: 'ERR_SQLITE_ERROR', errcode }));
  test.each<[number, string]>([
    [5, 'workspace-busy'],
    [261, 'workspace-busy'],
    [6, 'workspace-busy'],
    [8, 'target-unwritable'],
    [1032, 'target-unwritable'],
    [10, 'failed'],
    [778, 'failed'],
    [11, 'workspace-corrupt'],
    [779, 'workspace-corrupt'],
    [13, 'disk-full'],
    [14, 'target-unwritable'],
    [26, 'workspace-corrupt'],
  ])('result %i is %s', (errcode, code) => {
    expect(fault(errcode)).toMatchObject({ code, message: expect.not.stringMatching(raw) });
  });

  test('a real lock and a real missing folder', () => {
    const file = join(temporaryFolder('errors'), 'x.sqlite');
    const [first, second] = [new DatabaseSync(file), new DatabaseSync(file)];
    first.exec('BEGIN EXCLUSIVE');
    expect(explain(thrown(() => second.exec('BEGIN EXCLUSIVE'))).code).toBe('workspace-busy');
    first.close();
    second.close();
    expect(explain(thrown(() => new DatabaseSync(join(file, 'none', 'x.sqlite')))).code).toBe('target-unwritable');
  });
});

test('errors that already have a message stay unchanged', () => {
  expect(explain(new WinnowError('no-run', 'There is no run.'))).toEqual({
    code: 'no-run',
    message: 'There is no run.',
  });
  expect(explain(new TypeError('x is not a function'))).toEqual({ code: 'failed', message: 'x is not a function' });
});
