/**
 * Trains a classifier: splits the images, prepares pixels or embeddings, trains in the compute process (once, or once per fold), evaluates on
 * held-out images, and stores predictions as columns and the training as a run. The same request resumes an interrupted training.
 */
import type { TrainEvent, TrainResult } from '../compute/classify/fit.ts';
import { splitNames, type Classification, type WatchedPrediction } from '../contract/classifier.ts';
import type { TrainRequest } from '../contract/schemas.ts';
import type { Run } from '../contract/types.ts';
import { plural } from '../contract/words.ts';
import { checkTrain } from '../workspace/check-request.ts';
import type { TrainingSplits } from '../workspace/dataset-split.ts';
import { countIndependent } from '../workspace/label-evidence.ts';
import { independentImages } from '../workspace/splits.ts';
import type { Report } from '../workspace/report.ts';
import { predictionKey, putPredictions, writePredictions } from '../workspace/predictions.ts';
import { refreshToCompute } from './scan.ts';
import type { JobContext } from './context.ts';
import type { JobType } from './job-type.ts';
import { makeRun, type ActiveRun, type RunSpec } from './run-runner.ts';
import { positionsOf, prepareTraining, trainOnce, type TrainingData } from './training-data.ts';
import { factsOf, followTraining } from './training-progress.ts';
import {
  conclude,
  isAtChanceLevel,
  meanHistory,
  notBetterThanChance,
  onlyCopies,
  unseenNote,
} from './training-result.ts';

export const trainJob: JobType<TrainRequest> = {
  kind: 'train',
  prepare(request, context) {
    const { record } = checkTrain(request);
    return {
      title: `Train ${record.title}`,
      async run(report) {
        await refreshToCompute(context, report);
        const run = await train(context, request, report);
        context.journal.record({ do: 'train', request, run: run.id }, `train ${run.id}`);
        const evaluation = run.classification?.evaluation;
        return evaluation
          ? `${run.id}: ${(evaluation.accuracy.value * 100).toFixed(1)} % of ${plural(evaluation.images, 'image')} correct`
          : `${run.id} trained`;
      },
    };
  },
};

/** Returns the finished run. The folder must have been scanned. `checkpoint`: of the same training, which continues from it. `note`: said with the run. */
export async function train(
  context: JobContext,
  request: TrainRequest,
  report: Report,
  { checkpoint = null, note = null }: { checkpoint?: string | null; note?: string | null } = {},
): Promise<Run> {
  using data = await prepareTraining(context, request, report);
  const { parameters, divided, samples, fingerprint, dataHash } = data;
  const { division, classes, trainings } = divided;
  const counts = countsOf(divided);
  const classification: Classification = {
    classes,
    by: division.by,
    folds: division.folds,
    fold: 0,
    counts,
    watched: [],
    evaluation: null,
    asked: { division: request.division, weights: request.weights },
    mode: request.mode,
    dataHash,
  };
  const spec: RunSpec = {
    name: request.model,
    kind: 'train',
    method: request.model,
    seed: request.seed,
    trained: counts.train,
    parameters,
    mainColumn: 'loss',
    classification,
    fingerprint,
    resume: request.resume,
  };
  return await makeRun(context, spec, report, async (run) => {
    for (const said of [...(note ? [note] : []), ...division.warnings]) run.note(said);
    const results: TrainResult[] = [];
    for (const [fold, splits] of trainings.entries()) {
      const { folder, resume } = run.openTraining({ index: fold, count: trainings.length, checkpoint });
      updateClassification(run, { fold });
      const title = trainings.length > 1 ? `Fold ${fold + 1} of ${trainings.length}` : 'Training';
      report.stage(`${title}: starting`, 0);
      const options = { signal: report.signal, onEvent: listener(title, run, data, report) };
      results.push(await trainOnce(context.compute, request, data, splits, { folder, resume }, options));
    }
    report.stage('Evaluating', 0);
    const { predictions, evaluation } = conclude(data, results, request.seed);
    const units = independentImages(samples, context.groups.list());
    const trained = trainings.map((splits) => [...positionsOf(samples, splits, 'train')].map((at) => units[at]));
    if (trained.every((own) => new Set(own).size === 1)) run.note(onlyCopies);
    else if (isAtChanceLevel(data, results)) run.note(notBetterThanChance);
    const unseen = unseenNote(data);
    if (unseen) run.note(unseen);
    const learned = trainings.map((splits) =>
      countIndependent(positionsOf(samples, splits, 'train'), data.labels, units, classes.length),
    );
    const stored = { ...predictions, learned, classes, keys: samples.map(predictionKey) };
    writePredictions(context.workspaceFolder, run.id, stored);
    return {
      facts: {
        ...factsOf(results),
        history: meanHistory(results),
        classification: { ...run.record.classification!, fold: division.folds, evaluation },
      },
      write: () => putPredictions(context.table, run.record, stored),
    };
  });
}

const countsOf = ({ division }: TrainingSplits): Classification['counts'] =>
  Object.fromEntries(
    splitNames.map((split) => [split, division.classes.reduce((sum, counts) => sum + counts[split], 0)]),
  ) as Classification['counts'];

const updateClassification = (run: ActiveRun, change: Partial<Classification>): void =>
  run.update(({ classification }) => ({ classification: classification && { ...classification, ...change } }));

/** Follows one training: progress, curves, predictions for the watched validation images. */
function listener(
  title: string,
  run: ActiveRun,
  { samples, divided: { classes } }: TrainingData,
  report: Report,
): (event: TrainEvent) => void {
  const follow = followTraining(run, report, { train: title, features: `${title}: features`, predict: 'Predicting' });
  return (event) => {
    if (event.stage !== 'watched') return follow(event);
    const watched = event.watched.map(({ position, predicted, confidence }): WatchedPrediction => ({
      sampleId: samples[position].id,
      given: samples[position].class as string,
      predicted: classes[predicted],
      confidence,
    }));
    updateClassification(run, { watched });
  };
}
