/** Which images of duplicate groups are kept, and the messages that describe how copies differ. */
import { expect, test } from 'vitest';
import type { Group, Sample } from '../../src-main/contract/types.ts';
import { bestOf, rejectsOf } from '../../src-main/contract/keep-best.ts';
import { differenceTo } from '../../src-renderer/lib/difference.ts';
import { sampleOf } from '../fixtures/samples.ts';

let state = 7;
const random = (below: number) => (state = (state * 48_271) % 2_147_483_647) % below;
const sample = (id: number, change: Partial<Sample> = {}) =>
  sampleOf(id, `${['a', 'a/b', 'ab', 'c'][random(4)]}/${random(50)}-${id}.jpg`, {
    class: null,
    bytes: 1000 + random(3),
    modifiedMs: random(3),
    width: 10 + random(2),
    height: 10 + random(2),
    format: 'jpeg',
    ...change,
  });

test('a rejected image is not considered, and an image in two groups is rejected once', () => {
  const choice = { rule: 'largest', protectedFolder: null, sharpness: new Float64Array() } as const;
  const samples = [
    sample(0, { width: 90, decision: 'reject' }),
    sample(1, { width: 50 }),
    sample(2, { width: 40 }),
    sample(3, { width: 60 }),
  ];
  const group = (id: number, ids: number[]): Group => ({
    id,
    kind: 'near',
    ids,
    score: 1,
    crossesClasses: false,
    crossesSplits: false,
    differences: [],
  });
  expect(bestOf(samples, choice)).toBe(3);
  expect([...rejectsOf([group(1, [0, 1, 2]), group(2, [2, 3])], (id) => samples[id], choice)]).toEqual([
    [2, { kept: 1, kind: 'near' }],
  ]);
  // An image marked as keep is kept even if another one is larger; of two kept images none is rejected.
  const kept = samples.map((one) => (one.id === 2 ? { ...one, decision: 'keep' as const } : one));
  expect([...rejectsOf([group(1, [1, 2, 3])], (id) => kept[id], choice).keys()]).toEqual([1, 3]);
  expect(rejectsOf([group(1, [1, 2])], (id) => ({ ...kept[id], decision: 'keep' }), choice).size).toBe(0);
  expect(rejectsOf([group(1, [0, 1])], (id) => samples[id], choice).size).toBe(0);
});

test('describes the difference in a few words', () => {
  const first = sample(1, { width: 100, height: 100, bytes: 1000 });
  expect(differenceTo(first, { ...first, id: 2 })).toBe('same file');
  expect(differenceTo(first, { ...first, sha256: 'x', width: 138 })).toBe('+38 % pixels');
  expect(differenceTo(first, { ...first, sha256: 'x', width: 50, height: 50 })).toBe('−75 % pixels');
  expect(differenceTo(first, { ...first, sha256: 'x', width: 200, height: 200 })).toBe('4.0 × the pixels');
  expect(differenceTo(first, { ...first, sha256: 'x', format: 'png' })).toBe('PNG, not JPEG');
  expect(differenceTo(first, { ...first, sha256: 'x', bytes: 996 })).toBe('−<1 % bytes');
  expect(differenceTo(first, { ...first, sha256: 'x', width: 50, height: 200 })).toBe('same size');
});
