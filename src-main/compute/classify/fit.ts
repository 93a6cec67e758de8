/**
 * Trains one classifier on packed pixels and predicts all images. The validation images choose the best weights. The training dynamics of each image are
 * recorded. The model is saved in the run folder together with its transform.
 */
import type { TrainMode } from '../../contract/classifier.ts';
import type { Epoch } from '../../contract/types.ts';
import type { RowSet } from '../../rows/row-set.ts';
import { backendInfo } from '../backend.ts';
import { defineCall, type CallContext } from '../call.ts';
import { snapshots } from '../inside/snapshots.ts';
import type { Classifier } from '../models/index.ts';
import { pace } from '../pace.ts';
import { concatenate, range } from '../pixels.ts';
import { random, shuffle } from '../random.ts';
import { checkpointFile, modelFile } from '../run-files.ts';
import { writeTensors } from '../tensor-file.ts';
import { hashOf, stepsOf } from '../train/batches.ts';
import { averaging, checkpoint, earlyStop, lossOf, progress, type Callback } from '../train/callbacks.ts';
import { runTraining, type Training } from '../train/loop.ts';
import { largestBatch, measureMemory, memoryWarning, peakMemoryMiB } from '../train/memory.ts';
import { optimizers } from '../train/optimizers/index.ts';
import { rateOf } from '../train/schedules.ts';
import { TrainState } from '../train/state.ts';
import type { Trained, TrainingEvent } from '../train/trained.ts';
import { accuracyOf, largestAt, meanLoss, probabilitiesOf, type Predictions } from './evaluate.ts';
import { fitHead } from './head.ts';
import { setUpTraining, type TrainingSetup } from './training-setup.ts';
import { balancedWeights } from './objective.ts';
import { featuresAt, predictAt } from './predict.ts';
import { writeHead } from './train-head.ts';
import type { Transform } from './transform.ts';

export interface TrainArgs {
  model: string;
  mode: TrainMode;
  /** Checked against the model's schema for the mode; missing ones get their default. */
  params: Record<string, unknown>;
  seed: number;
  /** The folder for the checkpoint and the model. */
  runFolder: string;
  pixels: RowSet;
  /** The class of each position as an index of `classes`, or −1. */
  labels: Int32Array;
  /** A number for each position that identifies its content: it seeds the augmentation. */
  keys: Int32Array;
  classes: string[];
  /** Positions of the training images. */
  train: Int32Array;
  /** Positions of the validation images, which choose the best weights and the temperature. */
  val: Int32Array;
  /** A file of initial weights, instead of the bundled ones. */
  weights: string | null;
  /** Resume from the checkpoint in the run folder, if there is one. */
  resume: boolean;
  /** Only these positions are predicted, and the logits of the others are NaN; all if missing. */
  predicted?: Int32Array;
}

export type TrainEvent =
  | TrainingEvent
  /** Computing the features for the head, before the whole network is trained. */
  | { stage: 'features'; done: number; total: number }
  /** Predictions of some validation images after each epoch. `predicted`: index of `classes`. */
  | { stage: 'watched'; watched: { position: number; predicted: number; confidence: number }[] }
  | { stage: 'predict'; done: number; total: number };

export interface TrainResult extends Trained {
  logits: Float32Array; // [images, classes]
  /** Mean loss over the epochs of each training and validation image; NaN for others. */
  meanLoss: Float32Array;
  /** How often each of these images was predicted correctly and then wrongly (Toneva et al. 2019); NaN for others. */
  forgotten: Float32Array;
  /** Only in the mode `head`: the penalty that was chosen. */
  penalty?: number;
}

export interface ClassifierHeader {
  model: string;
  params: Record<string, unknown>;
  classes: string[];
  transform: Transform;
}

const maxWatched = 12;

/** Throws BadParameters, and Cancelled after a cancel. */
export const train = defineCall({
  inTurn: true,
  async run(args: TrainArgs, { signal, onEvent }: CallContext<TrainEvent>): Promise<TrainResult> {
    const startedAt = performance.now();
    const yieldToEventLoop = pace(signal);
    const setup = await setUpTraining(args);
    const { params, pixels, network, transform, dynamics } = setup;
    const { model, mode, seed, labels, classes, train, val } = args;
    const state = new TrainState<Classifier>(network, {
      optimizer: setup.optimizer,
      average: params.average,
      kept: dynamics,
      rateFactors: setup.rateFactors,
    });
    try {
      const file = checkpointFile(args.runFolder);
      const fingerprint = JSON.stringify({
        mode,
        params,
        seed,
        classes,
        train: hashOf(train),
        val: hashOf(val),
        weights: args.weights,
        parameters: network.parameters,
      });
      if (args.resume && !state.load(file, fingerprint))
        onEvent({ stage: 'note', message: 'No checkpoint of this run: training starts from the beginning.' });
      const slots = optimizers.find(({ id }) => id === params.optimizer)!.slots(setup.optimizer.params).length;
      const side = transform.cropPx;
      // The batch size is chosen once: a resumed run keeps it.
      state.batch ||= params.batch || (await largestBatch(network, side, setup.trial, slots, train.length));
      const memory = await measureMemory(network, side, setup.trial, slots, state.batch);
      if (memory.totalMiB > memory.freeMiB) onEvent({ stage: 'note', message: memoryWarning(memory) });
      const steps = stepsOf(train.length, state.batch, params.minSteps);

      const watched = sampleOfEachClass(labels, val, classes.length, seed);
      const evaluateEpoch = async (): Promise<Partial<Epoch>> => {
        const accuracy = dynamics.accuracy();
        if (!val.length) return { accuracy };
        const predictions: Predictions = {
          logits: await predictAt(network, transform, pixels, val, yieldToEventLoop),
          labels: val.map((p) => labels[p]),
          classes: classes.length,
        };
        dynamics.take({ positions: val }, predictions.logits);
        const probabilities = probabilitiesOf(predictions.logits, classes.length);
        const top = watched.map((i) => ({
          position: val[i],
          predicted: largestAt(predictions.logits, i, classes.length),
        }));
        onEvent({
          stage: 'watched',
          watched: top.map(({ position, predicted }, w) => ({
            position,
            predicted,
            confidence: probabilities[watched[w] * classes.length + predicted],
          })),
        });
        return { accuracy, valLoss: meanLoss(predictions), valAccuracy: accuracyOf(predictions) };
      };
      const training: Training<Classifier> = {
        pixels,
        train,
        epochs: params.epochs,
        batch: state.batch,
        minSteps: params.minSteps,
        seed,
        clip: params.clip || undefined,
        make: setup.examples,
        objective: setup.objective,
        rate: rateOf(params.schedule, params.learningRate, Math.max(1, params.warmUp * steps), params),
        evaluate: evaluateEpoch,
      };
      let rate = 0;
      const callbacks: Callback[] = [
        ...(params.average ? [averaging] : []),
        {
          onBatchEnd: (_state, { learningRate }) => void (rate = learningRate),
          onEpochEnd: (_state, epoch) => void (epoch.learningRate = rate),
        },
        earlyStop(params.patience, monitoredValue(params.watch)),
        snapshots(args.runFolder, params.epochs),
        checkpoint(file, fingerprint),
        progress(params.epochs, onEvent),
      ];
      if (mode === 'head-then-all' && !state.epoch)
        await trainHeadFirst(setup, args, state, evaluateEpoch, yieldToEventLoop, onEvent);
      await runTraining(state, training, callbacks, yieldToEventLoop);

      const predicted = args.predicted ?? range(0, pixels.count);
      const rows = await predictAt(network, transform, pixels, predicted, yieldToEventLoop, (done) =>
        onEvent({ stage: 'predict', done, total: predicted.length }),
      );
      const logits = args.predicted ? scattered(rows, predicted, pixels.count, classes.length) : rows;
      const header: ClassifierHeader = { model, params, classes, transform };
      writeTensors(modelFile(args.runFolder), { header, ...(await network.tensors()) });
      const { seconds, images, waiting } = state.clock();
      return {
        logits,
        ...dynamics.result(),
        history: state.history,
        epochsRun: state.history.length,
        bestEpoch: state.best?.epoch ?? state.epoch,
        stopped: state.stop ? 'early' : 'all',
        resumedFrom: state.resumedFrom,
        seconds: (performance.now() - startedAt) / 1000,
        imagesPerSecond: images / Math.max(1e-9, seconds),
        waiting,
        peakMemoryMiB: peakMemoryMiB(),
        backend: backendInfo(),
        batch: state.batch,
        memory,
        parameters: network.parameters,
      };
    } finally {
      state.dispose();
      setup.close();
    }
  },
});

/** Rows at their positions in a table of `count` rows; NaN elsewhere. */
function scattered(rows: Float32Array, positions: Int32Array, count: number, width: number): Float32Array {
  const out = new Float32Array(count * width).fill(NaN);
  positions.forEach((position, i) => out.set(rows.subarray(i * width, (i + 1) * width), position * width));
  return out;
}

/** In the mode `head-then-all`: trains the head on the features of the unchanged network. Its result counts as the best epoch so far, number 0. */
async function trainHeadFirst(
  { network, transform, params, pixels }: TrainingSetup,
  { labels, classes, train, val }: TrainArgs,
  state: TrainState<Classifier>,
  evaluateEpoch: () => Promise<Partial<Epoch>>,
  yieldToEventLoop: () => Promise<void>,
  onEvent: (event: TrainEvent) => void,
): Promise<void> {
  const positions = concatenate(train, val);
  const codes = await featuresAt(network, transform, pixels, positions, yieldToEventLoop, (done) =>
    onEvent({ stage: 'features', done, total: positions.length }),
  );
  const weights = params.classWeights === 'balanced' ? balancedWeights(labels, train, classes.length) : null;
  const { head } = await fitHead(
    {
      codes,
      size: codes.length / positions.length,
      labels: positions.map((p) => labels[p]),
      classes: classes.length,
      weights,
    },
    range(0, train.length),
    range(train.length, positions.length),
    { refit: false },
    yieldToEventLoop,
  );
  writeHead(network, await network.read(), head);
  if (!val.length) return;
  const predictions = await evaluateEpoch();
  state.best = {
    ...(await network.read()),
    epoch: 0,
    loss: monitoredValue(params.watch)({ epoch: 0, loss: NaN, valLoss: null, seconds: 0, ...predictions }),
  };
}

const monitoredValue = (watch: string): ((epoch: Epoch) => number) => (watch === 'accuracy' ? byAccuracy : lossOf);

/** Lower is better: the error rate, and for equal error rates the loss. */
const byAccuracy = ({ loss, valLoss, accuracy, valAccuracy }: Epoch): number =>
  1 - (valAccuracy ?? accuracy ?? 0) + 1e-6 * (valLoss ?? loss);

/** Indices of `held` of a few random images, from each class in turn. */
function sampleOfEachClass(labels: Int32Array, held: Int32Array, classes: number, seed: number): number[] {
  const order = shuffle([...held.keys()], random('watched', seed));
  const byClass = Array.from({ length: classes }, (_, c) => order.filter((i) => labels[held[i]] === c));
  const out: number[] = [];
  for (let turn = 0; out.length < Math.min(maxWatched, held.length); turn++)
    for (const own of byClass) if (own[turn] !== undefined && out.length < maxWatched) out.push(own[turn]);
  return out;
}
