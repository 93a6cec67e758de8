/**
 * Predicts new and changed images with a finished classifier. Earlier predictions stay: in a cross-validated run they are out-of-fold. New images get the
 * mean over the models.
 */
import type { z } from 'zod';
import { probabilitiesOf } from '../compute/classify/evaluate.ts';
import type { ClassifierParameters } from '../compute/classify/index.ts';
import { trainingFolder } from '../compute/run-files.ts';
import { WinnowError } from '../contract/errors.ts';
import type { predictSchema } from '../contract/schemas.ts';
import type { Run } from '../contract/types.ts';
import { plural } from '../contract/words.ts';
import type { RowSet } from '../rows/row-set.ts';
import type { JobContext } from './context.ts';
import type { JobType } from './job-type.ts';
import type { Report } from '../workspace/report.ts';
import { packPixels } from './pixels.ts';
import {
  predictionKey,
  putPredictions,
  readPredictions,
  writePredictions,
  type Predictions,
} from '../workspace/predictions.ts';
import { runFolder } from '../workspace/runs.ts';
import { refreshToCompute } from './scan.ts';

export const predictJob: JobType<z.infer<typeof predictSchema>> = {
  kind: 'predict',
  prepare({ runId }, context) {
    const run = context.runs.get(runId);
    if (run.kind !== 'train' || run.state !== 'done')
      throw new WinnowError('no-run', `${runId} is not a finished classifier.`);
    return {
      title: `Predict with ${runId}`,
      async run(report) {
        await refreshToCompute(context, report);
        return `${plural(await predictNew(context, run, report), 'image')} predicted by ${runId}`;
      },
    };
  },
};

/** Returns how many images were predicted. The run is a finished classifier; the folder has been scanned before. */
export async function predictNew(context: JobContext, run: Run, report: Report): Promise<number> {
  const before = readPredictions(context.workspaceFolder, run.id);
  const has = new Set(before.keys);
  const fresh = context.table.samples().filter((sample) => !has.has(predictionKey(sample)));
  using packed = await packPixels(context, fresh, run.parameters as ClassifierParameters, report);
  const after = packed.samples.length
    ? append(before, packed.samples.map(predictionKey), await meanProbabilities(context, run, packed.set, report))
    : before;
  if (after !== before) {
    writePredictions(context.workspaceFolder, run.id, after);
    context.runs.measure(run.id);
    context.publishRun(run);
  }
  putPredictions(context.table, run, after);
  return packed.samples.length;
}

/** The mean over the run's models: [images, classes]. */
async function meanProbabilities(
  { compute, workspaceFolder }: JobContext,
  run: Run,
  pixels: RowSet,
  report: Report,
): Promise<Float32Array> {
  const models = Math.max(1, run.classification?.folds ?? 0);
  const k = run.classification?.classes.length as number;
  const temperature = run.classification?.evaluation?.calibration.temperature ?? 1;
  const { rows } = pixels;
  const sum = new Float32Array(rows.length * k);
  report.stage('Predicting', rows.length * models);
  for (let fold = 0; fold < models; fold++) {
    const logits = await compute.call(
      'predict',
      {
        runFolder: trainingFolder(runFolder(workspaceFolder, run.id), models, fold),
        pixels,
      },
      {
        signal: report.signal,
        onEvent: ({ done }) => report.progress(fold * rows.length + done),
      },
    );
    probabilitiesOf(logits, k, temperature).forEach((p, i) => (sum[i] += p / models));
  }
  return sum;
}

function append(before: Predictions, keys: readonly string[], probabilities: Float32Array): Predictions {
  const join = (a: Float32Array, b: Float32Array): Float32Array => {
    const out = new Float32Array(a.length + b.length);
    out.set(a);
    out.set(b, a.length);
    return out;
  };
  const unknown = new Float32Array(keys.length).fill(NaN);
  return {
    classes: before.classes,
    keys: [...before.keys, ...keys],
    probabilities: join(before.probabilities, probabilities),
    splits: join(before.splits, unknown),
    meanLoss: join(before.meanLoss, unknown),
    forgotten: join(before.forgotten, unknown),
    fold: join(before.fold, unknown),
    learned: before.learned,
  };
}
