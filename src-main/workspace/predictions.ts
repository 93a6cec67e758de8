/**
 * A classifier's predictions, stored with its run and published as columns: `<run>.predicted` and `.split` (categories), `.confidence`, `.loss`,
 * `.correct`, `.meanLoss`, `.forgotten`. Rows are keyed by content, so that a changed image is predicted again. With folds, all predictions are
 * out-of-fold: each comes from a model that was not trained on the image.
 */
import { join } from 'node:path';
import { largestAt } from '../compute/classify/evaluate.ts';
import { readTensors, writeTensors } from '../compute/tensor-file.ts';
import { splitNames, type Probability } from '../contract/classifier.ts';
import { WinnowError } from '../contract/errors.ts';
import type { Run, Sample } from '../contract/types.ts';
import { runFolder } from './runs.ts';
import type { Predictors } from './label-evidence.ts';
import type { Table } from './table.ts';

export interface Predictions {
  classes: string[];
  /** The sample of each row, as `predictionKey`. */
  keys: string[];
  probabilities: Float32Array; // [keys, classes]
  /** Index into `splitNames`; NaN for images that were added after the training. */
  splits: Float32Array;
  /** Training dynamics; NaN for images that were neither trained nor validated on. */
  meanLoss: Float32Array;
  forgotten: Float32Array;
  /** The training that predicted the row out of fold; NaN for a mean of all. */
  fold: Float32Array;
  /** By training: the number of independent training images of each class (`label-evidence.ts`). Null for runs that did not record it. */
  learned: readonly (readonly number[])[] | null;
}

export const predictionKey = ({ id, sha256 }: Sample): string => `${id}:${sha256.slice(0, 16)}`;

const fileOf = (workspaceFolder: string, runId: string) =>
  join(runFolder(workspaceFolder, runId), 'predictions.tensors');

/** Throws WinnowError if the run has no predictions. */
export function readPredictions(workspaceFolder: string, runId: string): Predictions {
  const read = readTensors<Pick<Predictions, 'classes' | 'keys'> & Partial<Pick<Predictions, 'learned'>>>(
    fileOf(workspaceFolder, runId),
  );
  if (!read) throw new WinnowError('no-run', `${runId} has no predictions: its training has not ended.`);
  const { probabilities, splits, meanLoss, forgotten, fold } = read.arrays;
  const { classes, keys, learned } = read.header;
  return {
    classes,
    keys,
    probabilities,
    splits,
    meanLoss,
    forgotten,
    fold: fold ?? new Float32Array(keys.length).fill(NaN),
    learned: learned ?? null,
  };
}

export function writePredictions(
  workspaceFolder: string,
  runId: string,
  { classes, keys, learned, ...arrays }: Predictions,
): void {
  const shapes = { probabilities: [keys.length, classes.length] };
  writeTensors(fileOf(workspaceFolder, runId), { header: { classes, keys, learned }, arrays, shapes });
}

/** The samples that have predictions, with their rows. */
export function predictedSamples(
  predictions: Predictions,
  samples: readonly Sample[],
): { sample: Sample; row: number }[] {
  const rows = new Map(predictions.keys.map((key, row) => [key, row]));
  return samples.flatMap((sample) => {
    const row = rows.get(predictionKey(sample));
    return row === undefined ? [] : [{ sample, row }];
  });
}

/** The class probabilities of one sample, the most probable first; empty if it has no prediction. */
export function probabilitiesOf(predictions: Predictions, sample: Sample): Probability[] {
  const { classes, probabilities } = predictions;
  const [found] = predictedSamples(predictions, [sample]);
  if (!found) return [];
  return classes
    .map((name, k) => ({ class: name, probability: probabilities[found.row * classes.length + k] }))
    .sort((a, b) => b.probability - a.probability);
}

/** A lower bound for probabilities, so that the loss stays finite. */
const minProbability = 1e-30;
/** Cross-entropy in nats, from the probability of the label. */
export const lossOf = (probability: number): number => -Math.log(Math.max(minProbability, probability));

/** Writes the run's columns. Loss and correctness use the samples' current classes. */
export function putPredictions(table: Table, run: Run, predictions: Predictions): void {
  const { classes, probabilities, splits, meanLoss, forgotten } = predictions;
  const rows = predictedSamples(predictions, table.samples());
  const ids = rows.map(({ sample }) => sample.id);
  const place = new Map(classes.map((name, i) => [name, i]));
  const labels = rows.map(({ sample }) => (sample.class === null ? undefined : place.get(sample.class)));
  const predicted = rows.map(({ row }) => largestAt(probabilities, row, classes.length));
  const at = (row: number, k: number) => probabilities[row * classes.length + k];
  const put = (name: string, title: string, values: ArrayLike<number>, categories: readonly string[] | null = null) =>
    table.putColumn(`${run.id}.${name}`, `${run.id} · ${title}`, run.id, ids, values, categories);
  // One transaction, so that the columns always belong together.
  table.write(() => {
    put('predicted', 'predicted class', predicted, classes);
    put(
      'confidence',
      'confidence',
      rows.map(({ row }, i) => at(row, predicted[i])),
    );
    put(
      'loss',
      'loss',
      rows.map(({ row }, i) => (labels[i] === undefined ? NaN : lossOf(at(row, labels[i])))),
    );
    put(
      'correct',
      'prediction equals label',
      rows.map((_, i) => (labels[i] === undefined ? NaN : Number(labels[i] === predicted[i]))),
    );
    put(
      'split',
      'split',
      rows.map(({ row }) => splits[row]),
      splitNames,
    );
    put(
      'meanLoss',
      'mean loss over the epochs',
      rows.map(({ row }) => meanLoss[row]),
    );
    put(
      'forgotten',
      'times forgotten',
      rows.map(({ row }) => forgotten[row]),
    );
  });
}

/** Row i of `probabilities` belongs to `samples[i]`. */
export interface KnownProbabilities {
  samples: readonly Sample[];
  classes: string[];
  probabilities: Float32Array; // [samples, classes]
  /** Null if the run did not record them. */
  predictors: Predictors | null;
}

/** The predictions of a run for the images that are still the same. */
export function knownProbabilities(
  { workspaceFolder, table }: { workspaceFolder: string; table: Table },
  runId: string,
): KnownProbabilities {
  const predictions = readPredictions(workspaceFolder, runId);
  const rows = predictedSamples(predictions, table.samples());
  const k = predictions.classes.length;
  const probabilities = new Float32Array(rows.length * k);
  rows.forEach(({ row }, i) => probabilities.set(predictions.probabilities.subarray(row * k, (row + 1) * k), i * k));
  const { classes, fold, learned } = predictions;
  const by = Int32Array.from(rows, ({ row }) => (Number.isNaN(fold[row]) ? -1 : fold[row]));
  return {
    samples: rows.map(({ sample }) => sample),
    classes,
    probabilities,
    predictors: learned && { by, learned },
  };
}
