/** The common setup of training and range test: checked parameters, the opened pixels, a new network, its objective and examples. */
import type { TrainMode } from '../../contract/classifier.ts';
import { titleIn } from '../../contract/parameter-titles.ts';
import { problemsOf, problemsText } from '../../contract/problems.ts';
import type { RowSet } from '../../rows/row-set.ts';
import { tf } from '../backend.ts';
import { BadParameters } from '../bad-parameters.ts';
import { loadForeign } from '../models/foreign.ts';
import type { Classifier } from '../models/index.ts';
import { Network } from '../models/network.ts';
import { checkedFile, pretrainedFor } from '../models/pretrained.ts';
import { crossEntropies } from '../ops/loss.ts';
import { isOutOfMemory } from '../out-of-memory.ts';
import { Pixels } from '../pixels.ts';
import type { Examples } from '../train/examples.ts';
import type { Objective } from '../train/loop.ts';
import type { Trial } from '../train/memory.ts';
import { rateFactorsOf } from '../train/optimizers/by-layer.ts';
import type { TrainArgs } from './fit.ts';
import { classifierOf, type ClassifierParameters } from './index.ts';
import { balancedWeights, classify, Dynamics } from './objective.ts';
import { networkSide, normalised, pretrainedTransform, transformOf, type Transform } from './transform.ts';

export interface TrainingSetup {
  params: ClassifierParameters;
  pixels: Pixels;
  network: Network<Classifier>;
  transform: Transform;
  dynamics: Dynamics;
  objective: Objective<Classifier>;
  examples: Examples;
  /** A step without labels, to measure the memory. */
  trial: Trial<Classifier>;
  optimizer: { id: string; params: Record<string, unknown> };
  /** A factor of the learning rate for each weight; undefined for one rate. */
  rateFactors: Float32Array | undefined;
  close(): void;
}

/** Checks the parameters and adds defaults. Throws BadParameters. */
export function checkClassifier(
  model: string,
  params: Record<string, unknown>,
  mode: TrainMode = 'scratch',
): ClassifierParameters {
  const record = classifierOf(model);
  if (!record) throw new BadParameters(`There is no model ‘${model}’.`);
  const schema = record.modes[mode];
  if (!schema) throw new BadParameters(`There are no bundled weights for ${record.title}: train it from scratch.`);
  const result = schema.safeParse(params);
  if (!result.success) throw new BadParameters(problemsText(problemsOf(result.error), titleIn(schema)));
  return result.data as ClassifierParameters;
}

/** The architecture with its checked parameters. Throws BadParameters if they do not fit together. */
export function architectureOf(model: string, params: ClassifierParameters, classes: number): Classifier {
  try {
    const { model: record } = classifierOf(model)!;
    return record.build(record.schema.parse(params), { sizePx: networkSide(params), classes });
  } catch (error) {
    throw toBadParameters(error);
  }
}

/** Turns any error but out-of-memory into BadParameters. */
const toBadParameters = (error: unknown): unknown =>
  isOutOfMemory(error) ? error : new BadParameters(error instanceof Error ? error.message : String(error));

interface NetworkSetup {
  model: string;
  mode: TrainMode;
  params: ClassifierParameters;
  classes: number;
  seed: number;
  /** A file with initial weights, instead of bundled or random ones. */
  weights: string | null;
}

/** A network with its initial weights. The head is always random: its classes differ from those of any pretrained weights. Throws BadParameters. */
export async function createNetwork({
  model,
  mode,
  params,
  classes,
  seed,
  weights,
}: NetworkSetup): Promise<Network<Classifier>> {
  const side = networkSide(params);
  const network = new Network(architectureOf(model, params, classes), [side, side, 3], seed, {
    initialisation: params.initialisation,
    norms: mode === 'scratch' ? 'batch' : params.norms,
  });
  try {
    const file = weights ?? (mode === 'scratch' ? null : checkedFile(pretrainedFor(model)!));
    if (file) await loadForeign(network, classifierOf(model)!.model, params, file, { head: 'fresh' });
    return network;
  } catch (error) {
    network.dispose();
    throw toBadParameters(error);
  }
}

/** The arguments of a training without its files. */
export type TrainingSetupArgs = Omit<TrainArgs, 'runFolder' | 'val' | 'resume'>;

/** The caller closes the result, which frees the network and the files. Throws BadParameters. */
export async function setUpTraining({
  model,
  mode,
  params: given,
  seed,
  pixels: set,
  labels,
  keys,
  classes,
  train,
  weights,
}: TrainingSetupArgs): Promise<TrainingSetup> {
  const params = checkClassifier(model, given, mode);
  const [sizePx] = set.shape;
  if (params.sizePx !== sizePx)
    throw new BadParameters(`The pixels are ${sizePx} px and the parameters ask for ${params.sizePx}.`);
  if (train.length < 2) throw new BadParameters('There are fewer than two images to train on.');
  const network = await createNetwork({ model, mode, params, classes: classes.length, seed, weights });
  const side = networkSide(params);
  const pixels = openPixels(set, network);
  const transform = mode === 'scratch' ? transformOf(params, pixels, train) : pretrainedTransform(params, model);
  const dynamics = new Dynamics(labels, classes.length);
  const own = params.classWeights === 'balanced' ? balancedWeights(labels, train, classes.length) : null;
  const { optimizer, weightDecay, momentum } = params;
  return {
    params,
    pixels,
    network,
    transform,
    dynamics,
    objective: classify(transform, { loss: params.loss, focus: params.focus, weights: own }, classes.length, dynamics),
    examples: { labels, keys, classes: classes.length, smoothing: params.smoothing, cropPx: side, recipe: params },
    trial: (x, run) =>
      tf.mean(crossEntropies(run(normalised(x, transform)), tf.fill([x.shape[0], classes.length], 1 / classes.length))),
    optimizer: {
      id: optimizer,
      params: { weightDecay, ...(optimizer === 'sgd' || optimizer === 'rmsprop' ? { momentum } : {}) },
    },
    rateFactors:
      params.layerRate === undefined || mode === 'scratch'
        ? undefined
        : rateFactorsOf(network.pieces, params.layerRate),
    close: () => {
      network.dispose();
      pixels.close();
    },
  };
}

function openPixels(set: RowSet, network: Network<Classifier>): Pixels {
  try {
    return new Pixels(set);
  } catch (error) {
    network.dispose();
    throw error;
  }
}
