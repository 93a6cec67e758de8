/** Unusual file names: the terminal never interprets them, and lists of them can be read back. */
import { expect, test } from 'vitest';
import { pathLine, printable, printableLines } from '../../src-main/contract/words.ts';
import { winnow } from '../fixtures/command.ts';
import { blob, folderOf, temporaryFolder } from '../fixtures/images.ts';
import { openWorkspace, scanned } from '../fixtures/workspace.ts';

const title = '\u001b]0;title\u0007'; // sets the title of a terminal window

test('control characters are shown escaped; plain text stays unchanged', () => {
  expect(printable(`${title}a\nb\r\u007f\u009b2J\u202egpj.exe`)).toBe(
    '\\u001b]0;title\\u0007a\\nb\\r\\u007f\\u009b2J\\u202egpj.exe',
  );
  expect(printable('Käse ‘schön’ 写真 \\n.jpg')).toBe('Käse ‘schön’ 写真 \\n.jpg');
  expect(printableLines(`one\n  ${title}^`)).toBe('one\n  \\u001b]0;title\\u0007^');
});

test.each([
  'a.jpg',
  'two\nlines.jpg',
  `${title}.jpg`,
  ' blank.jpg',
  'blank ',
  '"quoted".jpg',
  '\u009b2J.jpg',
  '\u202egpj.exe',
  'a\\nb.jpg',
  '\ud800.jpg',
])('a list holds %j on one plain line', (path) => {
  const line = pathLine(path);
  expect(printable(line)).toBe(line);
  expect(line.startsWith('"') ? JSON.parse(line) : line).toBe(path);
});

test('no escape sequence in the name of a file or class reaches the terminal, and lists select the images that they name', async () => {
  const twin = await blob(1);
  const paths = [`${title}/1\n.png`, `${title}/2.png`];
  const folder = folderOf({ [paths[0]]: twin, [paths[1]]: twin });
  const at = temporaryFolder('workspace');
  await (await scanned(openWorkspace(folder, at))).close();
  const { out } = await winnow(['duplicates', folder, '--workspace', at]);
  expect(out).toContain('  \\u001b]0;title\\u0007/1\\n.png\n');
  expect(out).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  const decided = await winnow(
    ['decide', folder, '--workspace', at, '--from', '-', '--reject'],
    {},
    paths.map((path) => `${pathLine(path)}\n`).join(''),
  );
  expect(decided.err).toContain('2 images changed');
});
