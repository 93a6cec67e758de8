/** What is known of a ranked folder to place a threshold by: the scores of all images, of unseen normal ones, and of those with a label. */
import { folderTruth } from './folder-truth.ts';
import type { ColumnValues } from './read.ts';
import type { Evidence } from './threshold-rules.ts';
import { anomalousTag, normalTag, trainedOn, type TrainedOn } from './train-on.ts';
import type { Sample } from './types.ts';

/** The fields of a run that tell what was trained on and how unseen normal images score. */
export interface JudgedRun extends TrainedOn {
  /** Scores of held-out training images, ascending. */
  normals: readonly number[];
}

type Tagged = Pick<Sample, 'id' | 'path' | 'tags'>;

/** The column that marks images with a score of a detector that was not trained on them, because they were added or changed later. */
export const laterColumn = (run: { id: string }): string => `${run.id}.later`;

/** The scores without those of images that were scored later: these do not move the threshold. `later`: the values of `laterColumn`, null if there is none. */
export const scoresOfRanking = (scores: ColumnValues, later: ColumnValues | null): ColumnValues =>
  later ? scores.map((score, id) => (Number.isNaN(later[id] ?? NaN) ? score : NaN)) : scores;

/**
 * `scores` by sample id. `truth`: what the names of folders tell; only a label, since they are often what a method is tested with. Normal are the held-out training images, if a glob declared the training images to be normal, and images tagged `normal` that were
 * not trained on; not those tagged `anomalous` since. Without a glob the held-out images contain the anomalies, so only those tagged `normal` count.
 */
export function evidenceOf(
  run: JudgedRun,
  samples: readonly Tagged[],
  scores: ColumnValues,
  truth = folderTruth(samples.map(({ path }) => path)),
): Evidence {
  const isTrained = trainedOn(run);
  const heldOut = countsOf(run.normals);
  const isDeclared = run.trainOn !== null;
  const normals: number[] = [];
  const trained: number[] = [];
  const labelled = { normal: [] as number[], anomalous: [] as number[] };
  for (const { id, path, tags } of samples) {
    const score = scores[id];
    if (score === undefined || !Number.isFinite(score)) continue;
    const byTag = tags.includes(anomalousTag) ? true : tags.includes(normalTag) ? false : null;
    const isAnomalous = byTag ?? truth(path)?.isAnomalous ?? null;
    if (isDeclared && byTag !== true && isTrained(path)) trained.push(score);
    if (isAnomalous) {
      labelled.anomalous.push(score);
      if (byTag && isTrained(path)) takeOne(heldOut, score); // no longer declared normal
    } else if (isAnomalous === false && !(isDeclared && isTrained(path))) {
      const isUnseen = !isTrained(path) || takeOne(heldOut, score);
      (byTag === false && isUnseen ? normals : labelled.normal).push(score);
    }
  }
  if (isDeclared) for (const [score, count] of heldOut) for (let i = 0; i < count; i++) normals.push(score);
  return {
    scores: ascending(scores),
    normals: ascending(normals),
    trained: ascending(trained),
    labelled: { normal: ascending([...normals, ...labelled.normal]), anomalous: ascending(labelled.anomalous) },
  };
}

const ascending = (values: Iterable<number>): Float64Array => Float64Array.from(values).filter(Number.isFinite).sort();

/** How often each value occurs. */
export function countsOf(values: readonly number[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

/** Whether the value was there; then one less. */
export function takeOne(counts: Map<number, number>, value: number): boolean {
  const count = counts.get(value) ?? 0;
  if (count > 0) counts.set(value, count - 1);
  return count > 0;
}
