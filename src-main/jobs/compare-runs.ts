/** Compares two finished runs of one kind on the same images: settings that differ, figures, and whether the difference is more than chance. */
import { WinnowError } from '../contract/errors.ts';
import type { RunComparison } from '../contract/run-comparison.ts';
import { differingSettings } from '../contract/run-settings.ts';
import type { Run } from '../contract/types.ts';
import { compareClassifiers } from './compare-classifiers.ts';
import { compareRankings } from './compare-rankings.ts';
import type { JobContext } from './context.ts';
import type { TruthInputs } from './gather-truth.ts';

/** Throws WinnowError `bad-request` if they cannot be compared. */
export async function compareRuns(context: JobContext, inputs: TruthInputs, a: Run, b: Run): Promise<RunComparison> {
  const problem = problemOf(a, b);
  if (problem) throw new WinnowError('bad-request', problem);
  const compared = await (a.kind === 'train'
    ? compareClassifiers(context, a, b)
    : compareRankings(context, inputs, a, b));
  return { a: a.id, b: b.id, parameters: differingSettings(a, b), ...compared };
}

const kinds: Record<Run['kind'], string> = {
  train: 'a classifier',
  rank: 'a ranking',
  labels: 'a search for label errors',
  'range-test': 'a learning rate range test',
  search: 'a search for hyperparameters',
};

function problemOf(a: Run, b: Run): string | null {
  if (a.id === b.id) return 'A run cannot be compared with itself. Choose two.';
  if (a.kind !== b.kind)
    return `${a.id} is ${kinds[a.kind]} and ${b.id} ${kinds[b.kind]}: only two of the same kind can be compared on images.`;
  if (a.kind !== 'train' && a.kind !== 'rank')
    return `${a.id} and ${b.id} are each ${kinds[a.kind]}, which no images judge. Only classifiers and rankings can be compared on images.`;
  const unfinished = [a, b].find(({ state }) => state !== 'done');
  return unfinished ? `${unfinished.id} has not finished (${unfinished.state}), so it has no result to compare.` : null;
}
