/** Malicious and very large files of marks: errors name the line, files are read in linear time, and the engine stays responsive. */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { pathIn } from '../../src-main/command/choose.ts';
import { linesOf } from '../../src-main/file/lines.ts';
import { importInThread, importMarks, type KnownSample } from '../../src-main/workspace/import.ts';
import { start } from '../fixtures/command.ts';
import { blob, folderOf, temporaryFolder } from '../fixtures/images.ts';
import { openWorkspace, scanned } from '../fixtures/workspace.ts';

const known = (path: string, i: number, sha256 = `hash-${i}`): KnownSample => ({
  id: i + 1,
  path,
  sha256,
  folderClass: null,
  decision: null,
  reason: null,
  tags: [],
  label: null,
  note: null,
});
const samples = ['cat/1.jpg', 'dog/1.jpg'].map((path, i) => known(path, i));
function file(content: string, name: string): string {
  const path = join(temporaryFolder('import'), name);
  writeFileSync(path, content);
  return path;
}

describe('errors that name the line', () => {
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  test.each([
    [
      'a path of 200,000 parts',
      `{"path":"cat/1.jpg"}\n{"path":"${'a/'.repeat(200_000)}"}`,
      'a.jsonl',
      /^Line 2 .*4,096/,
    ],
    ['a line of 2 MiB', `{"path":"cat/1.jpg","x":"${'x'.repeat(2 ** 21)}"}`, 'a.jsonl', /^Line 1 .*1 MiB/],
    [
      'a cell of 2 MiB',
      `path,note\ncat/1.jpg,"${'a'.repeat(2 ** 21)}"\n`,
      'a.csv',
      /^Line \d of a.csv starts a row of more than 1 MiB/,
    ],
    ['a head of 300,000 columns', `path,${'"a""b",'.repeat(300_000)}\n`, 'a.csv', /^Line 1 of a.csv .*10,000 columns/],
    ['nothing but quotation marks', `path,"${'"'.repeat(2 ** 21)}`, 'a.csv', /^Line \d of a.csv/],
    [
      'a decision of nested lists',
      `{"path":"cat/1.jpg","decision":${deep}}`,
      'a.jsonl',
      /^Line 1 .*decision is not text/,
    ],
    ['a tag of nested lists', `{"path":"cat/1.jpg","tags":[${deep}]}`, 'a.jsonl', /^Line 1 .*a tag is not text/],
    [
      '100,000 tags',
      `{"path":"cat/1.jpg","tags":"${Array.from({ length: 100_000 }, (_, i) => i).join()}"}`,
      'a.jsonl',
      /^Line 1 .*1000 tags/,
    ],
  ])('%s', async (_, content, name, message) => {
    await expect(importMarks(file(content, name), samples)).rejects.toMatchObject({
      code: 'bad-request',
      message: expect.stringMatching(message),
    });
  });

  test('a file of one gigabyte, and paths that are not files', async () => {
    const large = file('', 'large.csv');
    truncateSync(large, 2 ** 30); // sparse
    await expect(importMarks(large, samples)).rejects.toMatchObject({
      code: 'bad-request',
      message: expect.stringContaining('500 MiB'),
    });
    for (const path of ['/dev/zero', temporaryFolder('import')])
      await expect(importMarks(path, samples)).rejects.toMatchObject({ code: 'bad-request' });
  });

  test('a list of more lines than there are images anywhere', () => {
    expect(() => linesOf('\n'.repeat(5_000_001), 'list.txt').forEach(() => undefined)).toThrow(
      'list.txt has more than 5,000,000 lines',
    );
    expect([...linesOf('a\r\n\nb', 'x')]).toEqual([
      ['a', 1],
      ['', 2],
      ['b', 3],
    ]);
    expect(() => pathIn('"a', 'Line 3 of x')).toThrow('Line 3 of x starts with a quotation mark');
  });
});

test('twenty thousand images with the same name and content match as many rows that name them differently', async () => {
  const count = 20_000;
  const copies = Array.from({ length: count }, (_, i) => known(`set/${i}/frame.png`, i, 'same'));
  const rows = copies.map(({ path }, i) =>
    JSON.stringify(
      i % 2 ? { path: `/else/where/${path}`, sha256: 'same', note: `${i}` } : { path: path.slice(4), note: `${i}` },
    ),
  );
  const { result, marks } = await importMarks(file(rows.join('\n'), 'rows.jsonl'), copies);
  expect(result).toMatchObject({ rows: count, matched: count, unmatched: [] });
  expect(marks.every(([id, patch]) => patch.note === `${id - 1}`)).toBe(true);
});

/** Rows that take seconds to read. */
function largeFile(): string {
  const path = join(temporaryFolder('import'), 'large.csv');
  const target = openSync(path, 'w');
  writeSync(target, 'path,note\n');
  const block = Array.from({ length: 20_000 }, (_, i) => `no/such/folder/image-${i}.png,a note\n`).join('');
  for (let i = 0; i < 100; i++) writeSync(target, block);
  closeSync(target);
  return path;
}

test('the engine answers during an import, and closing the folder ends it', async () => {
  const workspace = await scanned(openWorkspace(folderOf({ 'cat/1.png': await blob(1) })));
  const large = largeFile();
  let turns = 0;
  const importing = workspace.calls.workspace.import({ file: large, dryRun: true }).then(
    () => 'read',
    (error: { code: string }) => error.code,
  );
  const isDone = importing.then(() => true);
  while (turns < 20 && !(await Promise.race([isDone, new Promise<false>((next) => setImmediate(() => next(false)))])))
    turns++;
  expect(turns).toBe(20); // other requests are handled meanwhile
  await workspace.close();
  expect(await importing).toBe('cancelled');
  await expect(importInThread('marks', large, [], AbortSignal.abort())).rejects.toThrow();
});

test('imports come one after the other, and one that fails does not hold up the next', async () => {
  const workspace = await scanned(openWorkspace(folderOf({ 'cat/1.png': await blob(1), 'cat/2.png': await blob(2) })));
  const [failed, first, second] = await Promise.allSettled([
    workspace.calls.workspace.import({ file: file('nothing,here\n1,2\n', 'a.csv'), dryRun: false }),
    workspace.calls.workspace.import({ file: file('path,note\ncat/1.png,one\n', 'a.csv'), dryRun: false }),
    workspace.calls.workspace.import({
      file: file('path,note\ncat/1.png,one\ncat/2.png,two\n', 'a.csv'),
      dryRun: false,
    }),
  ]);
  expect(failed.status).toBe('rejected');
  expect([first, second]).toMatchObject([{ value: { changed: 1 } }, { value: { changed: 1, matched: 2 } }]);
});

test('a list from a named pipe is read', async () => {
  const at = temporaryFolder('workspace');
  const folder = folderOf({ 'cat/1.png': await blob(1) });
  await (await scanned(openWorkspace(folder, at))).close();
  const pipe = join(temporaryFolder('pipe'), 'rows');
  execFileSync('mkfifo', [pipe]);
  const { ended } = start(['import', folder, pipe, '--workspace', at]);
  await writeFile(pipe, 'path,decision\ncat/1.png,keep\n'); // once it is read
  expect(await ended).toMatchObject({ code: 0, err: expect.stringContaining('1 image changed') });
});
