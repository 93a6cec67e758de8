/**
 * Trains a classifier on the folder's classes: divide, pack pixels, train in the compute process (once, or once a fold), judge by the images that were held
 * out, keep predictions as columns and the training as a run. A training that was cut off goes on from its checkpoint when the same is asked for again.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { z } from 'zod';
import { evaluate, probabilitiesOf, rowsAt, temperatureOf, type Judged } from '../compute/classify/evaluate.ts';
import { classifierOf, classifiers, type ClassifierParameters } from '../compute/classify/index.ts';
import { checkpointFile, hasCheckpoint, trainingFolder } from '../compute/run-files.ts';
import { removeParts } from '../compute/tensor-file.ts';
import type { CallOptions } from '../compute/child.ts';
import { mostWeightsBytes, tooLarge } from '../compute/models/safetensors.ts';
import { pretrained, pretrainedFor } from '../compute/models/pretrained.ts';
import type { TrainArgs, TrainEvent, TrainResult } from '../compute/protocol.ts';
import { splitNames, type Classification, type Evaluation, type Watched } from '../contract/classifier.ts';
import { WinnowError } from '../contract/errors.ts';
import type { TrainRequest } from '../contract/schemas.ts';
import type { Epoch, Run, Sample } from '../contract/types.ts';
import { plural } from '../contract/words.ts';
import { openRegular } from '../file/open.ts';
import type { Rows } from '../rows/row-store.ts';
import { divide, type Divided, type Splits } from './division.ts';
import { embedSamples } from './embeddings.ts';
import type { JobContext } from '../jobs/context.ts';
import type { JobType } from '../jobs/job-type.ts';
import type { Report } from './jobs.ts';
import { packPixels } from './pixels.ts';
import { predictionKey, putPredictions, writePredictions } from './predictions.ts';
import { emptyRun, keepRun, noted, runFolder, trainedFacts, type PutRun } from './runs.ts';
import { refresh } from './scan.ts';
import { largestOf, smallestOf } from '../contract/numbers.ts';

/** Checks what was asked before any work is done. Throws WinnowError `bad-request`. */
export function checkTrain({ model, mode, parameters }: Pick<TrainRequest, 'model' | 'mode' | 'parameters'>) {
  const record = classifierOf(model);
  if (!record)
    throw new WinnowError(
      'bad-request',
      `There is no model ‘${model}’. There are: ${classifiers.map(({ id }) => id).join(', ')}.`,
    );
  const schema = record.modes[mode];
  if (!schema)
    throw new WinnowError(
      'bad-request',
      `There are no bundled weights for ${record.title}, which ‘${mode}’ begins from. There are some for: ${pretrained.map((source) => source.model).join(', ')}.`,
    );
  const checked = schema.safeParse(parameters);
  if (!checked.success) throw new WinnowError('bad-request', `${record.title}: ${z.prettifyError(checked.error)}`);
  return { record, parameters: checked.data as ClassifierParameters };
}

export const trainJob: JobType<TrainRequest> = {
  kind: 'train',
  prepare(request, context) {
    const { record } = checkTrain(request);
    return {
      title: `Train ${record.title}`,
      async run(report) {
        await refresh(context, report);
        const run = await train(context, request, report);
        context.journal.note({ do: 'train', request, run: run.id }, `train ${run.id}`);
        const evaluation = run.classification?.evaluation;
        return evaluation
          ? `${run.id}: ${(evaluation.accuracy.value * 100).toFixed(1)} % of ${plural(evaluation.images, 'image')} right`
          : `${run.id} trained`;
      },
    };
  },
};

export const rangeTestJob: JobType<TrainRequest> = {
  kind: 'range-test',
  prepare(request, context) {
    const { record } = checkTrain(request);
    return {
      title: `Learning rate of ${record.title}`,
      async run(report) {
        await refresh(context, report);
        const { id, rangeTest } = await findRate(context, request, report);
        return rangeTest?.suggested
          ? `${id}: a learning rate of ${rangeTest.suggested.toPrecision(2)} is suggested`
          : `${id}: the loss falls at no learning rate`;
      },
    };
  },
};

/** A number that stands for an image's content, for what is random about it. */
export const keyOf = ({ sha256 }: Sample): number => Number.parseInt(sha256.slice(0, 7), 16);

/** Place of each sample's class, -1 for none or one that is not learned. */
export function labelsOf(samples: readonly Sample[], classes: readonly string[]): Int32Array {
  const place = new Map(classes.map((name, i) => [name, i]));
  return Int32Array.from(samples, (sample) => (sample.class === null ? -1 : (place.get(sample.class) ?? -1)));
}

/** Positions in `samples` of a split. */
export const positionsOf = (samples: readonly Sample[], splits: Splits, split: string): Int32Array =>
  Int32Array.from(samples.flatMap(({ id }, i) => (splits.get(id) === split ? [i] : [])));

interface Prepared extends Disposable {
  parameters: ClassifierParameters;
  divided: Divided;
  /** Those that can be read, in the order of all that is by position. */
  samples: readonly Sample[];
  /** What is learned from: pixels, or for the head alone embeddings. In use until this is disposed of. */
  rows: Rows;
  labels: Int32Array;
  fingerprint: string;
  dataHash: string;
}

async function prepare(context: JobContext, request: TrainRequest, report: Report): Promise<Prepared> {
  const { parameters } = checkTrain(request);
  const samples = context.table.samples();
  const divided = divide(samples, context.groups.list(), request.division);
  const [problem] = divided.division.problems;
  if (problem) throw new WinnowError('bad-request', problem);
  const weights = request.weights ? await hashOfWeights(request.weights, report) : null;
  const rows =
    request.mode === 'head'
      ? await embeddingsFor(context, samples, request, report)
      : await packPixels(context, samples, parameters, report);
  const labels = labelsOf(rows.samples, divided.classes);
  const data = createHash('sha256').update(JSON.stringify(divided.classes));
  rows.samples.forEach((sample, i) =>
    data.update(
      `${sample.sha256} ${labels[i]} ${divided.trainings.map((splits) => splits.get(sample.id) ?? '').join(' ')}\n`,
    ),
  );
  const dataHash = data.digest('hex');
  const fingerprint = createHash('sha256')
    .update(
      JSON.stringify([request.model, request.mode, Object.entries(parameters).sort(), request.seed, weights, dataHash]),
    )
    .digest('hex');
  return {
    parameters,
    divided,
    rows,
    samples: rows.samples,
    labels,
    fingerprint,
    dataHash,
    [Symbol.dispose]: () => rows[Symbol.dispose](),
  };
}

async function embeddingsFor(
  context: JobContext,
  samples: readonly Sample[],
  { model, weights }: TrainRequest,
  report: Report,
): Promise<Rows> {
  if (weights)
    throw new WinnowError(
      'bad-request',
      'The head alone is trained on what the bundled weights know. Choose another mode for weights of your own.',
    );
  return embedSamples(context, samples, report, pretrainedFor(model));
}

/** SHA-256 of what is in a file of weights: other weights under the same name make another run. Read in blocks, since they can be large. */
async function hashOfWeights(file: string, report: Report): Promise<string> {
  try {
    await using handle = await openRegular(file);
    const { size } = await handle.stat();
    if (size > mostWeightsBytes) throw Object.assign(new Error(tooLarge), { code: 'EFBIG' });
    const hash = createHash('sha256');
    const block = Buffer.allocUnsafe(2 ** 20);
    report.stage('Reading the weights', Math.ceil(size / 2 ** 20), 'MiB');
    for (let at = 0; at < size;) {
      report.signal.throwIfAborted();
      const { bytesRead } = await handle.read(block, 0, block.length, at);
      if (!bytesRead) break;
      hash.update(block.subarray(0, bytesRead));
      at += bytesRead;
      report.progress(Math.ceil(at / 2 ** 20));
    }
    return hash.digest('hex');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (!code || error instanceof WinnowError) throw error;
    const why =
      code === 'ENOENT' ? 'There is no such file.' : code === 'ENOTREG' ? 'It is not a regular file.' : message;
    throw new WinnowError('bad-request', `The weights ${file} cannot be read. ${why} Name a safetensors file.`);
  }
}

const learnersArgs = (
  { model, seed }: TrainRequest,
  { parameters, divided: { classes }, samples, labels }: Prepared,
  splits: Splits,
  runFolder: string,
) => ({
  model,
  params: parameters,
  seed,
  runFolder,
  labels,
  classes,
  train: positionsOf(samples, splits, 'train'),
  val: positionsOf(samples, splits, 'val'),
});

const argsOf = (
  request: TrainRequest,
  prepared: Prepared,
  splits: Splits,
  folder: string,
  resume: boolean,
): TrainArgs => ({
  ...learnersArgs(request, prepared, splits, folder),
  mode: request.mode,
  pixels: prepared.rows.set,
  keys: Int32Array.from(prepared.samples, keyOf),
  weights: request.weights,
  resume,
});

const trainOnce = (
  { compute }: JobContext,
  request: TrainRequest,
  prepared: Prepared,
  splits: Splits,
  folder: string,
  resume: boolean,
  options: CallOptions<TrainEvent>,
): Promise<TrainResult> =>
  request.mode === 'head'
    ? compute.trainHead({ ...learnersArgs(request, prepared, splits, folder), embeddings: prepared.rows.set }, options)
    : compute.train(argsOf(request, prepared, splits, folder, resume), options);

/** Returns the finished run. The folder has been scanned before. */
export async function train(context: JobContext, request: TrainRequest, report: Report): Promise<Run> {
  using prepared = await prepare(context, request, report);
  const { parameters, divided, samples, fingerprint, dataHash } = prepared;
  const { division, classes, trainings } = divided;
  const earlier = request.resume
    ? context.runs.resumable(fingerprint, ({ id }) => hasCheckpoint(runFolder(context.workspaceFolder, id)))
    : null;
  const id = earlier?.id ?? context.runs.nextId(request.model);
  const counts = Object.fromEntries(
    splitNames.map((split) => [split, division.classes.reduce((sum, own) => sum + own[split], 0)]),
  ) as Classification['counts'];
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
  const folder = runFolder(context.workspaceFolder, id);
  if (!earlier) rmSync(folder, { recursive: true, force: true });
  const begun: Run = {
    ...emptyRun,
    id,
    kind: 'train',
    method: request.model,
    seed: request.seed,
    trained: counts.train,
    parameters,
    column: `${id}.loss`,
    createdAt: Date.now(),
    classification,
    ...earlier,
    state: 'running',
    report: {},
  };
  return await keepRun(context, fingerprint, begun, report, async (put, run) => {
    const results: TrainResult[] = [];
    for (const [fold, splits] of trainings.entries()) {
      const own = trainingFolder(folder, trainings.length, fold);
      mkdirSync(own, { recursive: true });
      removeParts(own);
      put(({ classification }) => ({ classification: classification && { ...classification, fold } }));
      const told = trainings.length > 1 ? `Fold ${fold + 1} of ${trainings.length}` : 'Training';
      report.stage(`${told}: starting`, 0);
      // A fold that has ended has its last checkpoint still, and is only judged again; one that was never begun has none.
      const resume = earlier !== null && (fold === 0 || existsSync(checkpointFile(own)));
      results.push(
        await trainOnce(context, request, prepared, splits, own, resume, {
          signal: report.signal,
          onEvent: listen(told, samples, classes, put, report),
        }),
      );
    }
    report.stage('Judging', 0);
    const { predictions, evaluation } = conclude(prepared, results, request.seed);
    if (hasLearnedNothing(prepared, results)) put(noted(learnedNothing));
    const told = { ...predictions, classes, keys: samples.map(predictionKey) };
    writePredictions(context.workspaceFolder, id, told);
    const facts = trainedFacts(results);
    context.table.write(() => {
      putPredictions(context.table, run(), told);
      put(({ classification }) => ({
        ...facts,
        state: 'done',
        history: meanHistory(results),
        classification: classification && { ...classification, fold: division.folds, evaluation },
      }));
    });
    for (const [fold] of trainings.entries())
      rmSync(checkpointFile(trainingFolder(folder, trainings.length, fold)), { force: true }); // nothing is left to resume
  });
}

/** Follows one training: progress, curves, what it says of watched images. */
function listen(
  told: string,
  samples: readonly Sample[],
  classes: readonly string[],
  put: PutRun,
  report: Report,
): (event: TrainEvent) => void {
  let stage = '';
  let before = 0; // seconds of training told up to the last epoch
  let history: Epoch[] | null = null;
  return (event) => {
    if (event.stage === 'note') return put(noted(event.message));
    if (event.stage === 'watched') {
      const watched = event.watched.map(({ position, predicted, confidence }): Watched => ({
        sampleId: samples[position].id,
        given: samples[position].class as string,
        predicted: classes[predicted],
        confidence,
      }));
      return put(({ classification }) => ({ classification: classification && { ...classification, watched } }));
    }
    if (event.stage !== stage) {
      stage = event.stage;
      if (stage === 'train') report.stage(told, 0, 'steps');
      else report.stage(stage === 'features' ? `${told}: features` : 'Predicting', 0);
    }
    if (event.stage === 'predict' || event.stage === 'features') return report.progress(event.done, event.total);
    report.progress((event.epoch - 1) * event.steps + event.step, event.epochs * event.steps);
    if (event.accuracy === undefined && event.valLoss === undefined) return; // within an epoch
    if (event.seconds < before) before = 0; // another process goes on with it
    put((run) => {
      // A resumed training goes on with what it had; the next fold begins its own.
      history ??= event.epoch > 1 ? run.history.filter(({ epoch }) => epoch < event.epoch) : [];
      history = [
        ...history.filter(({ epoch }) => epoch < event.epoch),
        {
          epoch: event.epoch,
          loss: event.loss,
          valLoss: event.valLoss ?? null,
          seconds: event.seconds - before,
          accuracy: event.accuracy,
          valAccuracy: event.valAccuracy ?? null,
          learningRate: event.learningRate,
        },
      ];
      return { history, epochs: event.epochs };
    });
    before = event.seconds;
  };
}

/** Probabilities of every image, and how good they are where the class is known and was not learned from. */
function conclude(
  { divided: { classes, trainings, division }, samples, labels }: Prepared,
  results: readonly TrainResult[],
  seed: number,
) {
  const k = classes.length;
  const judgedOf = ({ logits }: TrainResult): Judged => ({ logits, labels, classes: k });
  const temperatures = results.map((result, fold) =>
    temperatureOf(rowsAt(judgedOf(result), positionsOf(samples, trainings[fold], 'val'))),
  );
  const scaled = results.map(({ logits }, fold) => probabilitiesOf(logits, k, temperatures[fold]));
  // With folds: of the model that was not trained on the image; of an image without a class, the mean of all.
  const own = samples.map(({ id }) =>
    results.length > 1 ? trainings.findIndex((splits) => splits.get(id) === 'test') : 0,
  );
  const take = (values: readonly Float32Array[], width: number): Float32Array => {
    const out = new Float32Array(samples.length * width);
    own.forEach((fold, i) => {
      for (let c = 0; c < width; c++)
        out[i * width + c] =
          fold >= 0
            ? values[fold][i * width + c]
            : values.reduce((sum, one) => sum + one[i * width + c], 0) / values.length;
    });
    return out;
  };
  const mean = (of: 'meanLoss' | 'forgotten'): Float32Array =>
    Float32Array.from(samples, (_, i) => {
      const seen = results.map((result) => result[of][i]).filter((value) => !Number.isNaN(value));
      return seen.length ? seen.reduce((a, b) => a + b) / seen.length : NaN;
    });
  const splitOf = samples.map(({ id }, i) => (results.length > 1 && own[i] >= 0 ? 'test' : trainings[0].get(id)));
  const predictions = {
    probabilities: take(scaled, k),
    meanLoss: mean('meanLoss'),
    forgotten: mean('forgotten'),
    splits: Float32Array.from(splitOf, (split) => (split ? splitNames.indexOf(split) : NaN)),
  };
  const on: Evaluation['on'] = division.by === 'folds' ? 'folds' : splitOf.includes('test') ? 'test' : 'val';
  const positions = Int32Array.from(
    splitOf.flatMap((split, i) => (split === (on === 'val' ? 'val' : 'test') ? [i] : [])),
  );
  const logits =
    results.length > 1
      ? take(
          results.map((result) => result.logits),
          k,
        )
      : results[0].logits;
  const evaluation = positions.length
    ? evaluate(
        rowsAt({ logits, labels, classes: k }, positions),
        classes,
        on,
        (i) => temperatures[own[positions[i]]],
        seed,
      )
    : null;
  return { predictions, evaluation };
}

/** The images that are trained on, in the first training, and each class's share of them. */
function trainShares({ divided: { classes, trainings }, samples, labels }: Prepared): {
  images: number;
  shares: number[];
} {
  const train = positionsOf(samples, trainings[0], 'train');
  const counts = new Array<number>(classes.length).fill(0);
  for (const position of train) counts[labels[position]]++;
  return { images: train.length, shares: counts.map((count) => count / train.length) };
}

const learnedNothing =
  'It has learned next to nothing: it is no more often right than who always names the largest class. A smaller learning rate may help; the range test finds one.';

/** At the last epoch of each fold, in training and on validation images: within two standard deviations of what the largest class alone gives. */
function hasLearnedNothing(prepared: Prepared, results: readonly TrainResult[]): boolean {
  const { shares, images } = trainShares(prepared);
  const share = largestOf(shares);
  const chance = share + 2 * Math.sqrt((share * (1 - share)) / images);
  return results.every(({ history }) => {
    const { accuracy = 1, valAccuracy } = history.at(-1) ?? {};
    const best = Math.max(accuracy, valAccuracy ?? 0);
    return best < 1 && best <= chance;
  });
}

/** Over the folds, for as many epochs as each has. */
function meanHistory(results: readonly TrainResult[]): Epoch[] {
  const least = results.reduce((a, b) => (b.history.length < a.history.length ? b : a)).history;
  const mean = (values: (number | null | undefined)[]): number | null => {
    const known = values.filter((value) => value !== null && value !== undefined);
    return known.length ? known.reduce((a, b) => a + b, 0) / known.length : null;
  };
  return least.map(({ epoch, learningRate }, i) => {
    const all = results.map(({ history }) => history[i]);
    return {
      epoch,
      learningRate,
      loss: mean(all.map(({ loss }) => loss)) as number,
      valLoss: mean(all.map(({ valLoss }) => valLoss)),
      seconds: mean(all.map(({ seconds }) => seconds)) as number,
      accuracy: mean(all.map(({ accuracy }) => accuracy)) ?? undefined,
      valAccuracy: mean(all.map(({ valAccuracy }) => valAccuracy)),
    };
  });
}

const notBetter =
  'In so few steps it did not become better than guessing: the suggestion is to be doubted, and the model’s own default may serve better.';

/** Cross-entropy of who tells, of every image, the shares of the classes in training: labels are smoothed as they are there. */
function lossOfGuessing(prepared: Prepared): number {
  const { shares } = trainShares(prepared);
  const { smoothing } = prepared.parameters;
  const smoothed = shares.map((share) => (1 - smoothing) * share + smoothing / shares.length);
  return smoothed.reduce((sum, share) => sum - (share ? share * Math.log(share) : 0), 0);
}

/** Finds a learning rate: a run with a curve and no model. */
export async function findRate(context: JobContext, request: TrainRequest, report: Report): Promise<Run> {
  if (request.mode === 'head')
    throw new WinnowError('bad-request', 'The head alone is trained without a learning rate: there is none to find.');
  using prepared = await prepare(context, { ...request, division: { ...request.division, folds: 0 } }, report);
  const id = context.runs.nextId(`${request.model}-range`);
  const begun: Run = {
    ...emptyRun,
    id,
    kind: 'range-test',
    method: request.model,
    seed: request.seed,
    trained: 0,
    parameters: prepared.parameters,
    column: '',
    createdAt: Date.now(),
    state: 'running',
    rangeTest: { points: [], suggested: null, stopped: 'end' },
  };
  return await keepRun(context, `range ${prepared.fingerprint}`, begun, report, async (put) => {
    report.stage('Raising the learning rate', 0, 'steps');
    const points: NonNullable<Run['rangeTest']>['points'] = [];
    const began = performance.now();
    const rangeTest = await context.compute.rangeTest(
      argsOf(request, prepared, prepared.divided.trainings[0], runFolder(context.workspaceFolder, id), false),
      {
        signal: report.signal,
        onEvent: ({ point, total }) => {
          while (points.length && points[points.length - 1].rate >= point.rate) points.pop(); // another process begins it again
          points.push(point);
          report.progress(points.length, total);
          if (points.length % 5 === 0) put({ rangeTest: { points: [...points], suggested: null, stopped: 'end' } });
        },
      },
    );
    if (
      rangeTest.suggested !== null &&
      smallestOf(rangeTest.points.map(({ smooth }) => smooth)) > lossOfGuessing(prepared)
    )
      put(noted(notBetter));
    put({ rangeTest, state: 'done', seconds: (performance.now() - began) / 1000 });
  });
}
