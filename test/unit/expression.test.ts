import { describe, expect, test } from 'vitest';
import { globToRegExp, parseExpression, quote, type Value } from '../../src-main/contract/expression.ts';

const row: Record<string, Value> = { 'conv-ae.error': 0.03, 'sharpness': 0.2, 'class': 'dress', 'path': "a/b'c.jpg", 'decision': null, 'tag': ['blue', 'Big one'] };
const names = new Set([...Object.keys(row), 'pca.error']);
const holds = (source: string) => parseExpression<typeof row>(source, (name) => (names.has(name) ? (own) => own[name] ?? null : null))(row);

describe('expressions', () => {
  test.each([
    ['conv-ae.error > 0.02', true],
    ['conv-ae.error >= 0.03 and sharpness < .3', true],
    ["class = 'dress' and not sharpness > 0.5", true],
    ["class != 'dress' or sharpness = 0.2", true],
    ["(class = 'pants' or class = 'dress') and conv-ae.error < 3e-2", false],
    ['decision = none', true],
    ["decision != 'reject'", false], // what is missing satisfies no comparison but with none
    ['pca.error > 0', false],
    ['pca.error = NONE', true],
    ["path like 'a/*.jpg'", true],
    ["path like '*.jpg'", false],
    ['path = "a/b\\\'c.jpg"', true],
    ["class > 5", false],
    ["tag = 'blue'", true], // one of several
    ["tag != 'blue'", false],
    ["tag != 'red'", true],
    ['tag = none', false],
    ["tag like 'Big*'", true],
    ["tag contains 'BIG'", true],
    ["path contains 'C.JPG'", true],
    ["decision contains 'keep'", false],
    [`path = ${quote("a/b'c.jpg")}`, true],
  ])('%s is %s', (source, expected) => expect(holds(source)).toBe(expected));

  test.each([
    ['sharpnes < 1', 1, 'no column'],
    ['sharpness << 1', 12, 'number'],
    ['sharpness < 1 class', 15, 'and'],
    ['(sharpness < 1', 15, 'parenthesis'],
    ['sharpness # 1', 11, 'no meaning'],
    ['', 1, 'name was expected'],
  ])('%s fails at character %i', (source, at, words) => {
    expect(() => holds(source)).toThrow(new RegExp(`${words}[\\s\\S]*at character ${at}\\b`));
  });
});

test.each([
  ['train/good/**', 'train/good/1.jpg', true],
  ['train/good/**', 'train/good/deep/1.jpg', true],
  ['train/good/**', 'train/goods/1.jpg', false],
  ['**/good/*', 'good/1.jpg', true],
  ['*.jpg', 'a/1.jpg', false],
  ['img_?.jp*g', 'img_1.jpeg', true],
  ['a(1)+.png', 'a(1)+.png', true],
])('glob %s on %s is %s', (glob, path, expected) => expect(globToRegExp(glob).test(path)).toBe(expected));
