/** The palette's way of finding: what people type finds what they mean first, and quickly where a folder has a thousand classes. */
import { describe, expect, test } from 'vitest';
import { fuzzyFilter, fuzzyMatch, pieces } from '../../src-renderer/lib/fuzzy.ts';

const titles = [
  'Keep',
  'Keep this, reject the others',
  'Reject',
  'Back to undecided',
  'Select all shown',
  'Select or deselect',
  'Show class ‘sneakers’',
  'Label as ‘sneakers’',
  'Undo',
  'Redo',
  'Next undecided',
  'Export',
  'Dark or light',
];
const found = (query: string) => fuzzyFilter(titles, query, (title) => title).map(({ item }) => item);

describe('finding by a few letters', () => {
  test('a word where it begins goes before the same within a word, the shorter before the longer', () => {
    expect(found('keep')).toEqual(['Keep', 'Keep this, reject the others']);
    expect(found('select')).toEqual(['Select or deselect', 'Select all shown'].sort((a, b) => a.length - b.length));
    expect(found('und')[0]).toBe('Undo');
    expect(found('reject')).toEqual(['Reject', 'Keep this, reject the others']);
  });

  test('beginnings of words', () => {
    expect(found('sas')[0]).toBe('Select all shown');
    expect(found('nexund')).toEqual(['Next undecided']);
    expect(found('dol')[0]).toBe('Dark or light');
  });

  test('words in any order, and capitals do not count', () => {
    expect(found('sneak label')).toEqual(['Label as ‘sneakers’']);
    expect(found('SHOW sneak')).toEqual(['Show class ‘sneakers’']);
  });

  test('letters in their order, last; nothing where one is missing', () => {
    expect(found('xprt')).toEqual(['Export']);
    expect(found('exz')).toEqual([]);
    expect(found('q')).toEqual([]);
    expect(found('')).toEqual([...titles].sort((a, b) => a.length - b.length));
  });

  test('tells which letters were meant', () => {
    const match = fuzzyMatch('sas', 'Select all shown');
    expect(match?.at).toEqual([0, 7, 11]);
    expect(
      pieces('Select all shown', match?.at ?? [])
        .filter(({ isFound }) => isFound)
        .map(({ text }) => text),
    ).toEqual(['S', 'a', 's']);
    expect(pieces('Keep', [0, 1]).map(({ text }) => text)).toEqual(['Ke', 'ep']);
    expect(fuzzyMatch('keep keep', 'Keep')?.at).toEqual([0, 1, 2, 3]);
  });

  test('a class among thousands, at each key', () => {
    const classes = Array.from({ length: 5000 }, (_, i) => `Show class ‘kind of thing ${i.toString(36)} number ${i}’`);
    const counts = ['n', 'nu', 'num', 'num 4', 'num 43', 'num 432', 'num 4321'].map(
      (query) => fuzzyFilter(classes, query, (title) => title).length,
    );
    expect(counts).toEqual(counts.toSorted((a, b) => b - a));
    expect(counts[0]).toBe(5000);
    expect(fuzzyFilter(classes, 'num 4321', (title) => title)[0].item).toContain('number 4321');
  });
});
