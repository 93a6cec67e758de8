/** One trial of a classifier: trains it as `train` does, and judges it on the validation images. */
import type { Compute } from '../../compute/child.ts';
import { evaluate, rowsAt } from '../../compute/classify/evaluate.ts';
import type { TrainEvent, TrainResult } from '../../compute/classify/fit.ts';
import { wilsonInterval } from '../../contract/binomial.ts';
import type { Measured } from '../../contract/classifier.ts';
import type { SearchSubject } from '../../contract/search-schemas.ts';
import type { TrainRequest } from '../../contract/schemas.ts';
import type { Epoch } from '../../contract/types.ts';
import type { JobContext } from '../context.ts';
import { positionsOf, prepareTraining, trainOnce } from '../training-data.ts';
import type { TrialOptions, TrialResult, TrialTask } from './executor.ts';
import { curveOf, endEarly } from './early.ts';
import { objectiveOf } from './objectives.ts';
import { requireSameData } from './same-data.ts';
import { silent } from './silent.ts';

export type TrainSubject = Extract<SearchSubject, { kind: 'train' }>;

/** The request of the training that a trial does. */
export const trainRequestOf = (
  { kind: _kind, ...subject }: TrainSubject,
  { parameters, seed, fold }: Pick<TrialTask, 'parameters' | 'seed' | 'fold'>,
): TrainRequest => ({
  ...subject,
  parameters,
  seed,
  resume: false,
  division: { ...subject.division, folds: fold?.of ?? 0 },
});

export async function trainTrial(
  context: JobContext,
  compute: Compute,
  task: TrialTask & { subject: TrainSubject },
  folder: string,
  { signal, stop, onEpoch }: TrialOptions,
): Promise<TrialResult> {
  const { subject, objective, fold } = task;
  using whole = await prepareTraining(context, trainRequestOf(subject, { ...task, fold: null }), silent(signal));
  requireSameData(whole.dataHash, task.dataHash);
  const request = trainRequestOf(subject, task);
  // Folds leave out the test images: they judge the chosen trial at the end.
  const [split] = whole.divided.trainings;
  const leftOut = new Set(whole.samples.filter(({ id }) => split.get(id) === 'test').map(({ id }) => id));
  using folded = fold && (await prepareTraining(context, request, silent(signal), { leftOut }));
  const data = folded ?? whole;
  const { samples, labels, divided } = data;
  const splits = divided.trainings[fold?.index ?? 0];
  const judged = positionsOf(samples, splits, fold ? 'test' : 'val');
  let history: Epoch[] = [];
  const onEvent = (event: TrainEvent): void => {
    if ('history' in event) return void (history = [...event.history]);
    if (event.stage !== 'train' || event.step < event.steps) return;
    const { epoch, loss, valLoss = null, seconds, accuracy, valAccuracy, epochs } = event;
    history = history.slice(0, epoch - 1).concat({ epoch, loss, valLoss, seconds, accuracy, valAccuracy });
    if (request.mode !== 'head') onEpoch(curveOf(history, objectiveOf('train', objective)!), epochs);
  };
  const options = { signal: AbortSignal.any([signal, stop]), onEvent };
  const result = await endEarly(
    trainOnce(compute, request, data, splits, { folder, resume: task.resume, predicted: judged }, options),
    { signal, stop },
  );
  if (!result) return soFar(history, objective, judged.length, data.parameters.watch);
  const figure = figureOf(result, { labels, judged, classes: divided.classes, objective, seed: task.seed });
  return { ...figure, reason: null, epochs: request.mode === 'head' ? null : result.epochsRun };
}

function figureOf(
  { logits }: TrainResult,
  {
    labels,
    judged,
    classes,
    objective,
    seed,
  }: { labels: Int32Array; judged: Int32Array; classes: string[]; objective: string; seed: number },
): Measured {
  const rows = rowsAt({ logits, labels, classes: classes.length }, judged);
  const { accuracy, balancedAccuracy, loss } = evaluate(rows, classes, 'val', () => 1, seed);
  return objective === 'accuracy' ? accuracy : objective === 'balanced-accuracy' ? balancedAccuracy : loss;
}

/** The value at the best epoch of a training that was ended early: the epoch whose weights it would have kept. */
function soFar(history: readonly Epoch[], objective: string, images: number, watch: string): TrialResult {
  const epochs = history.length;
  const key = ({ valLoss, valAccuracy }: Epoch): number =>
    watch === 'accuracy' ? -(valAccuracy ?? 0) : (valLoss ?? Infinity);
  const best = history.reduce<Epoch | null>((a, b) => (a === null || key(b) < key(a) ? b : a), null);
  const value = best && (objectiveOf('train', objective)?.after?.(best) ?? null);
  const reason = value === null ? 'It ended before this objective was known.' : null;
  const interval =
    value !== null && objective === 'accuracy' ? wilsonInterval(value, images) : { low: null, high: null };
  return { value, ...interval, reason, epochs };
}
