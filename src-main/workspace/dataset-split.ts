/**
 * Splits the images that have a class into train, val and test: by folders of these names, by fractions (stratified, seeded, near duplicates in one
 * split), or by folds, each fold a separate training. Rejected images are in no split. Warns about leakage and class imbalance.
 */
import type { DatasetSplit, Split } from '../contract/classifier.ts';
import type { SplitRequest } from '../contract/schemas.ts';
import type { Group, Sample } from '../contract/types.ts';
import { plural } from '../contract/words.ts';
import { assignParts, assignSplits } from './splits.ts';
import { largestOf, smallestOf } from '../contract/numbers.ts';

/** The splits of one training, by sample id. */
export type Splits = ReadonlyMap<number, Split>;

export interface TrainingSplits {
  division: DatasetSplit;
  /** Sorted by name; a label is an index into this list. */
  classes: string[];
  /** One per training: a single training, or one per fold. */
  trainings: Splits[];
}

export function splitDataset(
  samples: readonly Sample[],
  groups: readonly Group[],
  request: SplitRequest,
): TrainingSplits {
  const usable = samples.filter((sample) => sample.class !== null && sample.decision !== 'reject');
  const classes = [...new Set(usable.map((sample) => sample.class as string))].sort((a, b) =>
    a.localeCompare(b, 'en', { numeric: true }),
  );
  const named = new Map(usable.map((sample) => [sample.id, sample.split as Split | null]));
  const names = new Set(named.values());
  const hasFolders = names.has('train') && (names.has('val') || names.has('test'));
  const by = request.folds
    ? 'folds'
    : request.by === 'folders' || (request.by === 'auto' && hasFolders)
      ? 'folders'
      : 'shares';
  const trainings =
    by === 'folds'
      ? byFolds(usable, groups, request)
      : [
          by === 'folders'
            ? byFolders(usable, groups, named, request)
            : (assignSplits(usable, groups, request.shares, request.seed) as Map<number, Split>),
        ];

  const counted = classes.map((name) => ({ name, train: 0, val: 0, test: 0 }));
  const place = new Map(classes.map((name, i) => [name, i]));
  for (const splits of trainings)
    for (const { id, class: name } of usable) {
      const split = splits.get(id);
      if (split) counted[place.get(name as string) as number][split] += split === 'test' ? 1 : 1 / trainings.length;
    }
  const rounded = counted.map(({ name, train, val, test }) => ({
    name,
    train: Math.round(train),
    val: Math.round(val),
    test,
  }));

  const problems: string[] = [];
  const warnings: string[] = [];
  const none = usable.length === 0 ? 'No image has a class yet' : 'All images are of one class';
  if (classes.length < 2)
    problems.push(`${none}. A classifier needs two: put the images into a sub-folder for each class, or label them.`);
  if (by === 'folders' && !hasFolders)
    problems.push('There are no folders named train and val or test. Split by fractions instead.');
  const total = (split: Split) => rounded.reduce((sum, counts) => sum + counts[split], 0);
  if (classes.length >= 2 && total('train') < 2)
    problems.push('There are fewer than two images to train on. Increase the training fraction.');
  if (classes.length >= 2 && !problems.length && !total('val') && !total('test'))
    warnings.push('Nothing is held out, so the classifier cannot be evaluated.');
  if (classes.length >= 2 && !problems.length && (total('val') || total('test')))
    for (const split of ['val', 'test'] as const)
      if (by === 'shares' && request.shares[split] > 0 && !total(split))
        warnings.push(`No image is in ${split}: there are too few for its fraction.`);
  const unlearned = rounded.filter(({ train, val, test }) => !train && val + test > 0);
  if (!problems.length && unlearned.length)
    warnings.push(
      `${list(unlearned)} ${unlearned.length === 1 ? 'has' : 'have'} no image to train on and cannot be learned.`,
    );
  const few = rounded.filter(({ train }) => train > 0 && train < 5);
  if (!problems.length && few.length)
    warnings.push(`${list(few)} ${few.length === 1 ? 'has' : 'have'} fewer than five images to train on.`);
  const largest = largestOf(rounded.map(({ train }) => train));
  const smallest = smallestOf(rounded.map(({ train }) => train));
  if (!problems.length && smallest > 0 && largest > 5 * smallest)
    warnings.push(
      `The largest class has ${Math.round(largest / smallest)} times the images of the smallest: consider balanced class weights.`,
    );
  const rejected = samples.filter((sample) => sample.class !== null && sample.decision === 'reject').length;
  if (rejected) warnings.push(`${plural(rejected, 'rejected image')} left out.`);
  if (by === 'folders') {
    const leaking = groups.filter(
      ({ ids }) => new Set(ids.flatMap((id) => trainings[0].get(id) ?? [])).size > 1,
    ).length;
    if (leaking)
      warnings.push(
        `${plural(leaking, 'group')} of duplicates lie in several of these folders: the result will look better than it is.`,
      );
  }
  return {
    division: {
      by,
      folds: request.folds,
      classes: rounded,
      unlabelled: samples.filter((sample) => sample.class === null).length,
      problems,
      warnings,
    },
    classes,
    trainings,
  };
}

/** Each image is in the test split of one fold. Of the others, some are used for validation, in the requested ratio. */
function byFolds(usable: readonly Sample[], groups: readonly Group[], { folds, shares, seed }: SplitRequest): Splits[] {
  const parts = assignParts(usable, groups, new Array<number>(folds).fill(1), seed);
  return Array.from({ length: folds }, (_, fold) => {
    const rest = usable.filter(({ id }) => parts.get(id) !== fold);
    const splits = withVal(rest, groups, shares, seed + fold);
    for (const { id } of usable) if (parts.get(id) === fold) splits.set(id, 'test');
    return splits;
  });
}

/** Images outside of named folders are used for training. Without a val folder, part of the training images is used for validation. */
function byFolders(
  usable: readonly Sample[],
  groups: readonly Group[],
  named: ReadonlyMap<number, Split | null>,
  { shares, seed }: SplitRequest,
): Splits {
  const given = (sample: Sample): Split => named.get(sample.id) ?? 'train';
  if (usable.some((sample) => given(sample) === 'val'))
    return new Map(usable.map((sample) => [sample.id, given(sample)]));
  const splits = withVal(
    usable.filter((sample) => given(sample) === 'train'),
    groups,
    shares,
    seed,
  );
  for (const sample of usable) if (given(sample) !== 'train') splits.set(sample.id, given(sample));
  return splits;
}

/** Splits into train and val only, in the ratio of their fractions. */
const withVal = (
  samples: readonly Sample[],
  groups: readonly Group[],
  { train, val }: SplitRequest['shares'],
  seed: number,
): Map<number, Split> => assignSplits(samples, groups, { train: train || 1, val, test: 0 }, seed) as Map<number, Split>;

const list = (classes: readonly { name: string }[]): string =>
  classes.length > 4
    ? `${classes
        .slice(0, 3)
        .map(({ name }) => name)
        .join(', ')} and ${classes.length - 3} more`
    : classes.map(({ name }) => name).join(', ');
