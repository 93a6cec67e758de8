/** Splits: stratified, duplicates together, by folders if they are named so, each image tested once with folds; and the messages about them. */
import { describe, expect, it } from 'vitest';
import { splitSchema } from '../../src-main/contract/schemas.ts';
import type { Group, Sample } from '../../src-main/contract/types.ts';
import { splitDataset } from '../../src-main/workspace/dataset-split.ts';
import { sampleOf } from '../fixtures/samples.ts';

let lastId = 0;
const sample = (path: string, more: Partial<Sample> = {}) => sampleOf(++lastId, path, more);
const many = (folder: string, count: number): Sample[] =>
  Array.from({ length: count }, (_, i) => sample(`${folder}/${i}.png`));
const request = (change: object = {}) => splitSchema.parse(change);
const group = (samples: Sample[]): Group => ({
  id: 1,
  kind: 'near',
  ids: samples.map(({ id }) => id),
  score: 1,
  crossesClasses: false,
  crossesSplits: false,
  differences: [],
});

describe('a split', () => {
  it('by fractions is stratified, seeded, and keeps near duplicates together', () => {
    const samples = [...many('cat', 100), ...many('dog', 40)];
    const twins = [samples[3], samples[50], samples[77]];
    const {
      division,
      classes,
      trainings: [splits],
    } = splitDataset(samples, [group(twins)], request());
    expect(division.by).toBe('shares');
    expect(classes).toEqual(['cat', 'dog']);
    expect(division.classes).toEqual([
      { name: 'cat', train: 70, val: 15, test: 15 },
      { name: 'dog', train: 28, val: 6, test: 6 },
    ]);
    expect(new Set(twins.map(({ id }) => splits.get(id))).size).toBe(1);
    expect([...splitDataset(samples, [group(twins)], request()).trainings[0]]).toEqual([...splits]);
    expect([...splitDataset(samples, [], request({ seed: 2 })).trainings[0]]).not.toEqual([...splits]);
    expect(division.problems).toEqual([]);
  });

  it('by folds tests each image once, with a model that was not trained on it or its duplicates', () => {
    const samples = [...many('cat', 31), ...many('dog', 17)];
    const twins = [samples[0], samples[30]];
    const { trainings, division } = splitDataset(samples, [group(twins)], request({ folds: 5 }));
    expect(trainings).toHaveLength(5);
    for (const { id } of samples) {
      const splits = trainings.map((training) => training.get(id));
      expect(splits.filter((split) => split === 'test')).toHaveLength(1);
      expect(splits).not.toContain(undefined);
    }
    for (const training of trainings) {
      const tested = samples.filter(({ id }) => training.get(id) === 'test');
      expect(tested.length).toBeGreaterThanOrEqual(8);
      expect(tested.length).toBeLessThanOrEqual(12);
      expect(tested.includes(twins[0])).toBe(tested.includes(twins[1]));
    }
    expect(division.classes).toEqual([
      { name: 'cat', train: expect.any(Number), val: expect.any(Number), test: 31 },
      { name: 'dog', train: expect.any(Number), val: expect.any(Number), test: 17 },
    ]);
  });

  it('by folders if they are named so; val is taken from train if it is missing', () => {
    const samples = [
      ...many('train/cat', 20),
      ...many('train/dog', 20),
      ...many('test/cat', 5),
      ...many('test/dog', 5),
    ];
    const {
      division,
      trainings: [splits],
    } = splitDataset(samples, [], request());
    expect(division.by).toBe('folders');
    expect(division.classes.map(({ train, val, test }) => [train + val, test])).toEqual([
      [20, 5],
      [20, 5],
    ]);
    expect(division.classes[0].val).toBeGreaterThan(0);
    for (const { id, path } of samples) expect(splits.get(id) === 'test').toBe(path.startsWith('test/'));
    const own = splitDataset([...samples, ...many('val/cat', 4), ...many('val/dog', 4)], [], request());
    expect(own.division.classes).toEqual([
      { name: 'cat', train: 20, val: 4, test: 5 },
      { name: 'dog', train: 20, val: 4, test: 5 },
    ]);
    expect(splitDataset(samples, [], request({ by: 'shares' })).division.by).toBe('shares');
    expect(splitDataset(samples, [group([samples[0], samples[40]])], request()).division.warnings.join()).toContain(
      '1 group of duplicates',
    );
  });

  it('leaves out rejected and unlabelled images, and reports problems', () => {
    const samples = [...many('cat', 10), ...many('dog', 10), sample('loose.png', { class: null })];
    samples[0] = { ...samples[0], decision: 'reject' };
    const {
      division,
      trainings: [splits],
    } = splitDataset(samples, [], request());
    expect(splits.has(samples[0].id)).toBe(false);
    expect(division.unlabelled).toBe(1);
    expect(division.warnings).toContain('1 rejected image left out.');
    expect(splitDataset(many('cat', 10), [], request()).division.problems[0]).toMatch(
      /All images are of one class\. .*label/,
    );
    expect(splitDataset([sample('a.png', { class: null })], [], request()).division.problems[0]).toMatch(
      /No image has a class yet/,
    );
    expect(
      splitDataset(many('cat', 9).concat(many('dog', 9)), [], request({ by: 'folders' })).division.problems[0],
    ).toMatch(/no folders named/);
    expect(splitDataset(many('cat', 100).concat(many('dog', 4)), [], request()).division.warnings.join(' ')).toMatch(
      /dog has fewer than five.*balanced/,
    );
  });
});
