/** A finished classifier's word on what has come to the folder since, and on what was changed. What it has said before stays: of a run with folds, each image has the word of a model that did not learn from it. */
import { probabilitiesOf } from '../compute/classify/evaluate.ts';
import type { ClassifierParameters } from '../compute/classify/index.ts';
import { trainingFolder } from '../compute/run-files.ts';
import type { Run } from '../contract/types.ts';
import { packPixels } from '../image/pixel-cache.ts';
import type { Report } from './jobs.ts';
import { predictionKey, putPredictions, readPredictions, writePredictions, type Predictions } from './predictions.ts';
import { runFolder, type Desk } from './rank.ts';

/** Returns how many images were predicted. The run is a finished classifier; the folder has been scanned before. */
export async function predictNew(desk: Desk, run: Run, report: Report): Promise<number> {
  const { sizePx, fit } = run.parameters as ClassifierParameters;
  const before = readPredictions(desk.workspaceFolder, run.id);
  const has = new Set(before.keys);
  const fresh = desk.table.samples().filter((sample) => !has.has(predictionKey(sample)));
  report.stage('Preparing pixels', fresh.length);
  const packed = await packPixels(desk.db, desk.folder, desk.workspaceFolder, fresh, sizePx, {
    fit,
    signal: report.signal,
    onProgress: (done, total) => report.progress(done, total),
  });
  desk.table.putScanned(
    [],
    packed.issues.map((issue) => ({ ...issue, bytes: -1, modifiedMs: -1 })),
  );
  const after = packed.samples.length
    ? joined(before, packed.samples.map(predictionKey), await word(desk, run, packed, report))
    : before;
  if (after !== before) writePredictions(desk.workspaceFolder, run.id, after);
  putPredictions(desk.table, run, after);
  return packed.samples.length;
}

/** The mean over the run's models: [images, classes]. */
async function word(
  { compute, workspaceFolder }: Desk,
  run: Run,
  { file, sizePx, rows }: { file: string; sizePx: number; rows: Int32Array },
  report: Report,
): Promise<Float32Array> {
  const models = Math.max(1, run.classification?.folds ?? 0);
  const k = run.classification?.classes.length as number;
  const temperature = run.classification?.evaluation?.calibration.temperature ?? 1;
  const sum = new Float32Array(rows.length * k);
  report.stage('Predicting', rows.length * models);
  for (let fold = 0; fold < models; fold++) {
    const logits = await compute.call(
      'predict',
      {
        runFolder: trainingFolder(runFolder(workspaceFolder, run.id), models, fold),
        pixels: { file, sizePx, channels: 3, rows },
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

function joined(before: Predictions, keys: readonly string[], probabilities: Float32Array): Predictions {
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
  };
}
