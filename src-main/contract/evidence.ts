/** What is known of a ranked folder to place a threshold by: the scores of all images, of unseen normal ones, and of those tagged as anomalous. */
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

/**
 * `samples` may be only those with tags; `scores` by sample id. Normal are the held-out training images, if a glob declared the training images to be normal, and images tagged `normal` that were
 * not trained on; not those tagged `anomalous` since. Without a glob the held-out images contain the anomalies, so only those tagged `normal` count.
 */
export function evidenceOf(run: JudgedRun, samples: readonly Tagged[], scores: ColumnValues): Evidence {
  const isTrained = trainedOn(run);
  const heldOut = countsOf(run.normals);
  const isDeclared = run.trainOn !== null;
  const normals: number[] = [];
  const anomalous: number[] = [];
  for (const { id, path, tags } of samples) {
    const score = scores[id];
    if (score === undefined || !Number.isFinite(score)) continue;
    const isAnomalous = tags.includes(anomalousTag);
    if (isAnomalous) anomalous.push(score);
    if (isAnomalous ? isTrained(path) : tags.includes(normalTag)) {
      // A held-out score that the declared images have, or that the tag declares, is taken once.
      const isHeldOut = isTrained(path) && takeOne(heldOut, score);
      if (!isAnomalous && (isHeldOut || !isTrained(path))) normals.push(score);
    }
  }
  if (isDeclared) for (const [score, count] of heldOut) for (let i = 0; i < count; i++) normals.push(score);
  return { scores: ascending(scores), normals: ascending(normals), anomalous: ascending(anomalous) };
}

const ascending = (values: Iterable<number>): Float64Array => Float64Array.from(values).filter(Number.isFinite).sort();

function countsOf(values: readonly number[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

/** Whether the value was there; then one less. */
function takeOne(counts: Map<number, number>, value: number): boolean {
  const count = counts.get(value) ?? 0;
  if (count > 0) counts.set(value, count - 1);
  return count > 0;
}
