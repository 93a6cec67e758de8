/** Labels without evidence: no model learned their class without them. They are neither suspected nor suggested. */
import { describe, expect, it } from 'vitest';
import { findLabelErrors } from '../../src-main/compute/classify/label-errors.ts';
import type { Sample } from '../../src-main/contract/types.ts';
import {
  bestPredictors,
  countIndependent,
  labelEvidence,
  predictorsOf,
  unjudgedReasons,
  unjudgedSentence,
} from '../../src-main/workspace/label-evidence.ts';
import { assignParts, independentImages } from '../../src-main/workspace/splits.ts';
import { sampleOf } from '../fixtures/samples.ts';

const folds = 5;

/** `groups`: lists of paths that are near copies. */
function evidenceOf(
  counts: Record<string, number>,
  groups: string[][] = [],
  change: (sample: Sample) => Sample = (s) => s,
) {
  const samples = Object.entries(counts)
    .flatMap(([name, images]) => Array.from({ length: images }, (_, i) => `${name}/${i}.png`))
    .map((path, i) => change(sampleOf(i + 1, path)));
  const classes = Object.keys(counts);
  const labels = Int32Array.from(samples, (sample) => classes.indexOf(sample.class as string));
  const joined = groups.map((paths) => ({ ids: paths.map((path) => samples.find((s) => s.path === path)!.id) }));
  const units = independentImages(samples, joined);
  const partitions = [1, 2, 3].map((seed) => {
    const parts = assignParts(samples, joined, new Array<number>(folds).fill(1), seed);
    return Int32Array.from(samples, ({ id }) => parts.get(id) as number);
  });
  const evidence = labelEvidence(
    partitions.map((partition) => predictorsOf(partition, labels, units, classes.length, folds)),
    labels,
    units,
    classes.length,
  );
  const reasons = Object.fromEntries(
    classes.map((name, c) => [
      name,
      [...new Set([...evidence.unjudged].filter((_, i) => labels[i] === c))].map((why) => unjudgedReasons[why] ?? null),
    ]),
  );
  return { samples, classes, labels, units, evidence, reasons };
}
const burst = (name: string, from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `${name}/${from + i}.png`);

describe('a label cannot be judged', () => {
  it.each([
    ['the only image of a class', { a: 10, b: 1 }, [], 'one image'],
    ['a class of near copies', { a: 10, b: 6 }, [burst('b', 0, 6)], 'near copies'],
    [
      'near copies in two groups with a common member',
      { a: 10, b: 5 },
      [burst('b', 0, 3), burst('b', 2, 5)],
      'near copies',
    ],
    ['two bursts', { a: 10, b: 6 }, [burst('b', 0, 3), burst('b', 3, 6)], 'too few others'],
    ['a class of two images', { a: 10, b: 2 }, [], 'too few others'],
  ])('%s', (_, counts, groups, reason) => {
    const { reasons } = evidenceOf(counts, groups);
    expect(reasons).toEqual({ a: [null], b: [reason] });
  });

  it('because its class has only identical files', () => {
    const { reasons } = evidenceOf({ a: 6, b: 4 }, [], (sample) =>
      sample.class === 'b' ? { ...sample, sha256: 'f'.repeat(64) } : sample,
    );
    expect(reasons).toEqual({ a: [null], b: ['near copies'] });
  });

  it('but a burst beside other images can, and so can a class of three', () => {
    const { reasons } = evidenceOf({ a: 10, b: 8, c: 3 }, [burst('b', 0, 4)]);
    expect(reasons).toEqual({ a: [null], b: [null], c: [null] });
  });

  it('with predictions whose folds are not known either', () => {
    const { labels, units, classes } = evidenceOf({ a: 10, b: 6, c: 1, d: 3 }, [burst('b', 0, 6)]);
    const { unjudged } = labelEvidence([bestPredictors(labels, units, classes.length)], labels, units, classes.length);
    const judged = classes.map((_, c) => [...unjudged].filter((why, i) => labels[i] === c && Number.isNaN(why)).length);
    expect(judged).toEqual([10, 0, 0, 3]);
  });
});

it('a class that was not learned is neither suspected nor suggested, however sure the models are', () => {
  const { labels, classes, evidence } = evidenceOf({ a: 10, b: 6, c: 10 }, [burst('b', 0, 6)]);
  // Every image of b looks like a; an image of a looks like b, and one like c.
  const probabilities = Float32Array.from(labels, () => 0);
  const all = new Float32Array(labels.length * classes.length);
  const say = (i: number, p: number[]) => all.set(p, i * classes.length);
  probabilities.forEach((_, i) => say(i, labels[i] === 2 ? [0.05, 0.05, 0.9] : [0.9, 0.05, 0.05]));
  say(0, [0.05, 0.9, 0.05]);
  say(1, [0.02, 0.03, 0.95]);
  const before = findLabelErrors(all, labels, classes.length);
  expect([...before.flagged].filter((flag, i) => flag && labels[i] === 1)).toHaveLength(6);
  const { flagged, suggested, quality } = findLabelErrors(all, labels, classes.length, evidence.learned);
  expect([...flagged].flatMap((flag, i) => (flag ? [i] : []))).toEqual([1]);
  expect(suggested[1]).toBe(2);
  expect(suggested[0]).not.toBe(1);
  labels.forEach((label, i) =>
    expect([i, Number.isNaN(quality[i]), suggested[i] < 0]).toEqual([i, label === 1, label === 1]),
  );
});

it('copies are counted once', () => {
  const { labels, units, classes } = evidenceOf({ a: 5, b: 4 }, [burst('a', 0, 4)]);
  expect(countIndependent(labels.keys(), labels, units, classes.length)).toEqual([2, 4]);
});

it('each reason is a sentence with the class and the number of images', () => {
  expect(unjudgedSentence('b', 6, 'near copies')).toBe(
    'All 6 images of b are near copies, so no model could learn b without them.',
  );
  for (const reason of unjudgedReasons) expect(unjudgedSentence('fox', 1, reason)).toMatch(/\b1\b.*fox|fox.*\b1\b/);
});
