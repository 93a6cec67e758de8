/** Inputs of a training: the split, labels, pixels or embeddings, and a hash of everything that determines the result. */
import { createHash } from 'node:crypto';
import type { ClassifierParameters } from '../compute/classify/index.ts';
import type { CallOptions, Compute } from '../compute/child.ts';
import type { TrainArgs, TrainEvent, TrainResult } from '../compute/classify/fit.ts';
import { pretrainedFor } from '../compute/models/pretrained.ts';
import { maxWeightsBytes, tooLarge } from '../compute/safetensors.ts';
import { WinnowError } from '../contract/errors.ts';
import type { TrainRequest } from '../contract/schemas.ts';
import type { Sample } from '../contract/types.ts';
import { openRegular } from '../file/open.ts';
import type { Rows } from '../rows/row-store.ts';
import { checkTrain } from '../workspace/check-request.ts';
import { splitDataset, type TrainingSplits, type Splits } from '../workspace/dataset-split.ts';
import { embedSamples } from './embeddings.ts';
import type { Report } from '../workspace/report.ts';
import { packPixels } from './pixels.ts';
import type { JobContext } from './context.ts';

/** Random key of an image, derived from its content. */
export const contentKey = ({ sha256 }: Sample): number => Number.parseInt(sha256.slice(0, 7), 16);

/** Class index of each sample; -1 without a class, or if the class is not trained. */
export function labelsOf(samples: readonly Sample[], classes: readonly string[]): Int32Array {
  const place = new Map(classes.map((name, i) => [name, i]));
  return Int32Array.from(samples, (sample) => (sample.class === null ? -1 : (place.get(sample.class) ?? -1)));
}

/** Positions in `samples` that belong to a split. */
export const positionsOf = (samples: readonly Sample[], splits: Splits, split: string): Int32Array =>
  Int32Array.from(samples.flatMap(({ id }, i) => (splits.get(id) === split ? [i] : [])));

export interface TrainingData extends Disposable {
  parameters: ClassifierParameters;
  divided: TrainingSplits;
  /** The readable samples; positions refer to this order. */
  samples: readonly Sample[];
  /** Training inputs: pixels, or embeddings for mode `head`. In use until disposed. */
  rows: Rows;
  labels: Int32Array;
  fingerprint: string;
  dataHash: string;
}

export async function prepareTraining(
  context: JobContext,
  request: TrainRequest,
  report: Report,
  { leftOut }: { leftOut?: ReadonlySet<number> } = {},
): Promise<TrainingData> {
  const { parameters } = checkTrain(request);
  const all = context.table.samples();
  const samples = leftOut ? all.filter(({ id }) => !leftOut.has(id)) : all;
  const divided = splitDataset(samples, context.groups.list(), request.division);
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
      'Mode ‘head’ uses the bundled pretrained weights. Choose another mode to use your own weights.',
    );
  return embedSamples(context, samples, report, pretrainedFor(model));
}

/** SHA-256 of a weights file: other weights under the same name make another run. Read in blocks, since files can be large. */
async function hashOfWeights(file: string, report: Report): Promise<string> {
  try {
    await using handle = await openRegular(file);
    const { size } = await handle.stat();
    if (size > maxWeightsBytes) throw Object.assign(new Error(tooLarge), { code: 'EFBIG' });
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
      code === 'ENOENT' ? 'The file does not exist.' : code === 'ENOTREG' ? 'It is not a regular file.' : message;
    throw new WinnowError('bad-request', `The weights ${file} cannot be read. ${why} Choose a safetensors file.`);
  }
}

/** Arguments common to heads and networks. */
export const headArgs = (
  { model, seed }: TrainRequest,
  { parameters, divided: { classes }, samples, labels }: TrainingData,
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

export const networkArgs = (
  request: TrainRequest,
  data: TrainingData,
  splits: Splits,
  folder: string,
): Omit<TrainArgs, 'resume'> => ({
  ...headArgs(request, data, splits, folder),
  mode: request.mode,
  pixels: data.rows.set,
  keys: Int32Array.from(data.samples, contentKey),
  weights: request.weights,
});

/** Trains a head or a whole network once. `predicted`: only these positions get predictions of a network; all if missing. Throws ComputeError. */
export const trainOnce = (
  compute: Compute,
  request: TrainRequest,
  data: TrainingData,
  splits: Splits,
  { folder, resume, predicted }: { folder: string; resume: boolean; predicted?: Int32Array },
  options: CallOptions<TrainEvent>,
): Promise<TrainResult> =>
  request.mode === 'head'
    ? compute.call('trainHead', { ...headArgs(request, data, splits, folder), embeddings: data.rows.set }, options)
    : compute.call('train', { ...networkArgs(request, data, splits, folder), resume, predicted }, options);
