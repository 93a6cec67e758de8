import { describe, expect, test } from 'vitest';
import { predicateOf, type ReadSource } from '../../src-main/contract/read.ts';
import type { Column, Sample } from '../../src-main/contract/types.ts';
import { parseExpression, quote, type Value } from '../../src-main/contract/expression.ts';

const row: Record<string, Value> = {
  'conv-ae.error': 0.03,
  sharpness: 0.2,
  class: 'dress',
  path: "a/b'c.jpg",
  decision: null,
  tag: ['blue', 'Big one'],
};
const names = new Set([...Object.keys(row), 'pca.error']);
const holds = (source: string) =>
  parseExpression<typeof row>(source, (name) => (names.has(name) ? (own) => own[name] ?? null : null))(row);

describe('expressions', () => {
  test.each([
    ['conv-ae.error > 0.02', true],
    ['conv-ae.error >= 0.03 and sharpness < .3', true],
    ["class = 'dress' and not sharpness > 0.5", true],
    ["class != 'dress' or sharpness = 0.2", true],
    ["(class = 'pants' or class = 'dress') and conv-ae.error < 3e-2", false],
    ['decision = none', true],
    ["decision != 'reject'", false], // a missing value satisfies no comparison except with none
    ['pca.error > 0', false],
    ['pca.error = NONE', true],
    ["path like 'a/*.jpg'", true],
    ["path like '*.jpg'", false],
    ['path = "a/b\\\'c.jpg"', true],
    ['class > 5', false],
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
    ['sharpness # 1', 11, 'Unexpected character'],
    ['', 1, 'name was expected'],
  ])('%s fails at character %i', (source, at, words) => {
    expect(() => holds(source)).toThrow(new RegExp(`${words}[\\s\\S]*at character ${at}\\b`));
  });
});

describe('numbers and texts are compared as users expect', () => {
  const values: Record<string, Value> = {
    class: '3',
    label: '007',
    path: 'a/12.jpg',
    tag: ['3', 'b'],
    width: 100,
    decision: null,
  };
  const chooses = (source: string) =>
    parseExpression<typeof values>(
      source,
      (name) => (name in values ? (own) => own[name] : null),
      (name) => name === 'width',
    )(values);
  test.each([
    ['class = 3', true],
    ["class = '3'", true],
    ['class != 3', false],
    ['class != 4', true],
    ['class = 03', false],
    ['label = 007', true],
    ['label = 7', false],
    ["label = '007'", true],
    ['class < 10', true], // as a number, not '3' after '1'
    ['class >= 3', true],
    ['label <= 7', true],
    ["class < '10'", false], // in quotes: as text
    ['path > 5', false],
    ['tag = 3', true],
    ['tag != 3', false],
    ['tag = 4', false],
    ['tag like 3', true],
    ['tag contains 3', true],
    ['path contains 12', true],
    ['label like 00', false],
    ["width = '100'", true],
    ["width > ' 99.5 '", true],
    ["width != '100'", false],
    ["width <= '1e2'", true],
    ['width like 1', false],
    ["width like '1*'", true],
    ['decision = 3', false],
    ['decision != 3', false],
    ['decision < 3', false],
    ['width != none', true],
  ])('%s is %s', (source, expected) => expect(chooses(source)).toBe(expected));

  test.each([
    ["width > 'wide'", 9],
    ["class = 3 and width = ''", 23],
    ["width = '0x10'", 9],
  ])('%s says at character %i that a number was expected', (source, at) => {
    expect(() => chooses(source)).toThrow(
      new RegExp(`‘width’ is a number, so a number was expected, at character ${at}\\b`),
    );
  });

  test('columns of class numbers compare as class names; measurements and sizes as numbers', () => {
    const column = (name: string, categories: string[] | null = null): Column => ({
      name,
      title: name,
      runId: 'resnet-1',
      categories,
      count: 1,
      revision: 1,
    });
    const source: ReadSource = {
      columns: [column('resnet-1.predicted', ['1', '3']), column('sharpness')],
      checks: [],
      duplicates: new Map(),
      threshold: () => null,
      values: (name) => Float64Array.of(name === 'sharpness' ? 0.5 : 1),
    };
    const sample = { id: 0, path: '3/1.jpg', class: '3', tags: [] as string[], width: 9 } as Partial<Sample> as Sample;
    expect(
      ['resnet.predicted = 3', "sharpness > '0.1'", 'class = 3', "width = '9'"].map((where) =>
        predicateOf(where, source)(sample),
      ),
    ).toEqual([true, true, true, true]);
    expect(() => predicateOf("sharpness > 'sharp'", source)).toThrow('‘sharpness’ is a number');
    expect(() => predicateOf("resnet.predicted = 'cat'", source)).not.toThrow();
  });
});
