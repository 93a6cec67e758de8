/** The mode `head`: trains only the last layer on stored embeddings, which takes seconds. The saved model is the whole network. */
import { peakMemoryMiB } from '../train/memory.ts';
import type { Epoch } from '../../contract/types.ts';
import { readFloats } from '../../rows/row-reader.ts';
import { widthOf, type RowSet } from '../../rows/row-set.ts';
import { backendInfo } from '../backend.ts';
import { defineCall, type CallContext } from '../call.ts';
import type { Classifier } from '../models/index.ts';
import type { Network, NetworkValues } from '../models/network.ts';
import { sizeOf } from '../models/scope.ts';
import { pace } from '../pace.ts';
import { modelFile } from '../run-files.ts';
import { writeTensors } from '../tensor-file.ts';
import type { ClassifierHeader, TrainArgs, TrainEvent, TrainResult } from './fit.ts';
import { fitHead, headLogits, type Head, type HeadFit } from './head.ts';
import { createNetwork, checkClassifier } from './training-setup.ts';
import { balancedWeights } from './objective.ts';
import { pretrainedTransform } from './transform.ts';

export type TrainHeadArgs = Omit<TrainArgs, 'mode' | 'pixels' | 'keys' | 'weights' | 'resume'> & {
  embeddings: RowSet;
};

/** Throws BadParameters, and Cancelled after a cancel. */
export const trainHead = defineCall({
  inTurn: true,
  async run(args: TrainHeadArgs, { signal, onEvent }: CallContext<TrainEvent>): Promise<TrainResult> {
    const startedAt = performance.now();
    const yieldToEventLoop = pace(signal);
    const { model, labels, classes, train, val, embeddings } = args;
    const params = checkClassifier(model, args.params, 'head');
    const codes = readFloats(embeddings);
    const own = params.classWeights === 'balanced' ? balancedWeights(labels, train, classes.length) : null;
    let history: Epoch[] = [];
    const seconds = (): number => (performance.now() - startedAt) / 1000;
    const rate = (): number => (train.length * history.length) / Math.max(1e-9, seconds());
    const fit = await fitHead(
      { codes, size: widthOf(embeddings), labels, classes: classes.length, weights: own },
      train,
      val,
      { penalty: params.penalty },
      yieldToEventLoop,
      (tried) => {
        history = historyOf(tried, history, seconds());
        onEvent({
          stage: 'train',
          ...history.at(-1)!,
          epochs: history.length,
          step: 1,
          steps: 1,
          seconds: seconds(),
          imagesPerSecond: rate(),
        });
      },
    );
    onEvent({ stage: 'predict', done: 0, total: labels.length });
    const logits = await headLogits(fit.head, codes, widthOf(embeddings));
    // The validation images get the predictions of the head that was not fitted to them.
    val.forEach((p, i) =>
      logits.set(fit.valLogits.subarray(i * classes.length, (i + 1) * classes.length), p * classes.length),
    );
    const network = await createNetwork({
      model,
      mode: 'head',
      params,
      classes: classes.length,
      seed: args.seed,
      weights: null,
    });
    try {
      writeHead(network, await network.read(), fit.head);
      const header: ClassifierHeader = { model, params, classes, transform: pretrainedTransform(params, model) };
      writeTensors(modelFile(args.runFolder), { header, ...(await network.tensors()) });
      const unseen = new Float32Array(labels.length).fill(NaN);
      return {
        logits,
        meanLoss: unseen,
        forgotten: unseen,
        history,
        epochsRun: history.length,
        bestEpoch: fit.tried.findIndex(({ penalty }) => penalty === fit.penalty) + 1,
        stopped: 'all',
        resumedFrom: null,
        penalty: fit.penalty,
        seconds: seconds(),
        imagesPerSecond: rate(),
        peakMemoryMiB: peakMemoryMiB(),
        backend: backendInfo(),
        parameters: network.parameters,
      };
    } finally {
      network.dispose();
    }
  },
});

/** The history of the run: one entry for each penalty that was tried, as if it were an epoch. */
const historyOf = (tried: HeadFit['tried'], before: readonly Epoch[], seconds: number): Epoch[] =>
  tried.map(
    ({ loss, valLoss, accuracy, valAccuracy }, i) =>
      before[i] ?? {
        epoch: i + 1,
        loss,
        valLoss,
        accuracy,
        valAccuracy: valAccuracy ?? undefined,
        seconds: seconds - before.reduce((sum, epoch) => sum + epoch.seconds, 0),
      },
  );

/** Writes a head into a network with the same number of classes. */
export function writeHead(network: Network<Classifier>, values: NetworkValues, { kernel, bias }: Head): void {
  let at = 0;
  for (const { name, shape } of network.pieces) {
    if (name === 'head/kernel') values.weights.set(kernel, at);
    if (name === 'head/bias') values.weights.set(bias, at);
    at += sizeOf(shape);
  }
  network.write(values);
}
