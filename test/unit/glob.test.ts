/** Globs: what each pattern matches and what it does not match. */
import { expect, test } from 'vitest';
import { escapeGlob, globMatcher, isGlob } from '../../src-main/contract/glob.ts';
import type { ReadSource } from '../../src-main/contract/read.ts';
import type { Sample } from '../../src-main/contract/types.ts';
import { selectSamples } from '../../src-main/workspace/edits.ts';

test.each([
  // Within a folder and across folders
  ['train/good/**', 'train/good/1.jpg', true],
  ['train/good/**', 'train/good/deep/1.jpg', true],
  ['train/good/**', 'train/goods/1.jpg', false],
  ['**/good/*', 'good/1.jpg', true],
  ['**/good/*', 'a/b/good/1.jpg', true],
  ['a/**/b.jpg', 'a/b.jpg', true],
  ['**.jpg', 'a/1.jpg', true],
  ['*.jpg', 'a/1.jpg', false],
  ['*/1.jpg', 'a/1.jpg', true],
  ['img_?.jp*g', 'img_1.jpeg', true],
  ['img_?.jpg', 'img_12.jpg', false],
  ['?.jpg', '/.jpg', false],
  // Choices, ranges and classes
  ['{good,bad}/**', 'bad/x/1.png', true],
  ['{good,bad}/**', 'odd/1.png', false],
  ['*.{jpg,jp{e,2}g}', '1.jpeg', true],
  ['img_{1..12}.png', 'img_11.png', true],
  ['img_{1..12}.png', 'img_13.png', false],
  ['img_{001..120}.png', 'img_007.png', true],
  ['img_{001..120}.png', 'img_7.png', false],
  ['{a..c}.png', 'b.png', true],
  ['img_[0-9].png', 'img_7.png', true],
  ['img_[0-9].png', 'img_x.png', false],
  ['[!a]*.png', 'b.png', true],
  ['[!a]*.png', 'a.png', false],
  ['[[:digit:]].png', '4.png', true],
  // A whole pattern negated
  ['!test/**', 'train/1.png', true],
  ['!test/**', 'test/1.png', false],
  // Hidden files and folders match like others; case counts
  ['*', '.hidden.png', true],
  ['**/*.png', '.cache/1.png', true],
  ['*.jpg', 'A.JPG', false],
  // Line breaks, blanks and signs beyond ASCII
  ['a/**', 'a/line\nbreak.png', true],
  ['été */*', 'été 2024/é.png', true],
  // Escapes
  ['\\*.png', '*.png', true],
  ['\\*.png', 'a.png', false],
  ['\\[1\\].png', '[1].png', true],
  ['\\[1\\].png', '1.png', false],
  // Paths have `/` on every system; a backslash is an escape and never a separator
  ['train\\good\\*', 'train/good/1.png', false],
  // Ordinary names match literally
  ['a(1)+.png', 'a(1)+.png', true],
  ['a(1)+.png', 'a1.png', false],
  ['photo (*).jpg', 'photo (2).jpg', true],
  ['a|b*', 'a', false],
  ['"q" $^+@#~*', '"q" $^+@#~1', true],
  ['[ab]+.png', 'a+.png', true],
  ['[ab]+.png', 'ab.png', false],
  // Brackets and braces in real names
  ['scans [2]/**', 'scans [2]/1.jpg', true],
  ['img [0-9].png', 'img [0-9].png', true],
  ['{a,b}.png', '{a,b}.png', true],
  ['{a}.png', '{a}.png', true],
  ['[ab.png', '[ab.png', true],
  ['a{1..99999}', 'a{1..99999}', true],
  // The empty pattern
  ['', '', true],
  ['', 'a', false],
])('%j on %j is %s', (glob, path, expected) => expect(globMatcher(glob)(path)).toBe(expected));

test.each(['plain.png', 'scans [1-2]', '{a,b}', 'what?', '*', 'back\\slash', '!first', 'photo (1)', 'wow!'])(
  '%j can be escaped into a pattern that matches it literally',
  (name) => {
    const within = globMatcher(`${escapeGlob(name)}/**`);
    expect([`${name}/1.png`, `x${name}/1.png`, '1/1.png', 'a/1.png'].map(within)).toEqual([true, false, false, false]);
  },
);

test('a text with special characters is a pattern, any other a path', () => {
  expect(['a/1.png', 'photo (1).jpg', 'wow!.png'].map(isGlob)).toEqual([false, false, false]);
  expect(['a/*', 'a?', '[0-9]', '{a,b}', '!a', '\\*'].map(isGlob)).toEqual([true, true, true, true, true, true]);
});

test('an existing path selects only itself; a pattern selects everything that it matches', () => {
  const samples = ['img [1].png', 'img 1.png', '!b.png', 'b.png'].map((path, id) => ({ id, path }) as Sample);
  const chosen = (...paths: string[]) =>
    selectSamples(
      { paths },
      () => samples,
      () => ({}) as ReadSource,
    );
  expect(chosen('img [1].png')).toEqual([0]);
  expect(chosen('img [0-9].png')).toEqual([1]);
  expect(chosen('!b.png')).toEqual([2]);
  expect(chosen('!img*')).toEqual([2, 3]);
  expect(() => chosen('img 2.png')).toThrow('No image of this folder is ‘img 2.png’');
});
