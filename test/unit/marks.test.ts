/** The marks that the page shows immediately after a change equal those that the engine then stores. */
import { expect, test } from 'vitest';
import { patchOf } from '../../src-main/contract/marks.ts';
import type { Change } from '../../src-main/contract/schemas.ts';
import type { Sample } from '../../src-main/contract/types.ts';
import { withChange } from '../../src-renderer/lib/with-change.ts';

const sample = {
  path: 'cats/tabby/1.png',
  class: 'tabby',
  folderClass: 'tabby',
  decision: 'reject',
  reason: 'blurry',
  tags: ['b'],
  label: null,
  note: null,
} as unknown as Sample;

test.each<[string, Change, Partial<Sample>]>([
  ['a decision has no reason without one', { decision: 'keep' }, { decision: 'keep', reason: null }],
  ['a decision brings its reason', { decision: 'keep', reason: 'sharp' }, { decision: 'keep', reason: 'sharp' }],
  ['the same decision again keeps its reason', { decision: 'reject' }, { decision: 'reject' }],
  ['no decision has no reason', { decision: null, reason: 'sharp' }, { decision: null, reason: null }],
  ['tags are a sorted set', { addTags: ['c', 'a', 'c'], removeTags: ['b'] }, { tags: ['a', 'c'] }],
  ['a note stands alone', { note: 'look' }, { note: 'look' }],
])('%s', (_, change, patch) => {
  expect(patchOf(sample, change)).toEqual(patch);
  expect(withChange(sample, change)).toEqual({ ...sample, ...patch });
});

test('the class is the label, or without a label the folder', () => {
  expect(withChange(sample, { label: 'lynx' })).toMatchObject({ label: 'lynx', class: 'lynx' });
  expect(withChange({ ...sample, label: 'lynx', class: 'lynx' }, { label: null })).toMatchObject({ class: 'tabby' });
});
