/** What a training and a range test begin with alike: checked parameters, the open pixels, a fresh network, its objective and examples. */
import { tf } from '../backend.ts';
import { BadParameters } from '../bad-parameters.ts';
import { loadForeign } from '../models/foreign.ts';
import type { Classifier } from '../models/index.ts';
import { Network } from '../models/network.ts';
import { crossEntropies } from '../ops/loss.ts';
import { Pixels } from '../pixels.ts';
import type { TrainArgs } from '../protocol.ts';
import type { Examples } from '../train/examples.ts';
import type { Objective } from '../train/loop.ts';
import type { Trial } from '../train/memory.ts';
import { classifierOf, type SharedParameters } from './index.ts';
import { balancedWeights, classify, Dynamics } from './objective.ts';
import { networkSide, normalised, transformOf, type Transform } from './transform.ts';

export interface Lesson {
  params: SharedParameters & Record<string, unknown>;
  pixels: Pixels;
  network: Network<Classifier>;
  transform: Transform;
  dynamics: Dynamics;
  objective: Objective<Classifier>;
  examples: Examples;
  /** For what memory it takes. */
  trial: Trial<Classifier>;
  optimizer: { id: string; params: Record<string, unknown> };
  close(): void;
}

/** Throws BadParameters where the schema does not take the parameters. */
export function checkClassifier(model: string, params: Record<string, unknown>): SharedParameters & Record<string, unknown> {
  const record = classifierOf(model);
  if (!record) throw new BadParameters(`There is no model ‘${model}’.`);
  const result = record.schema.safeParse(params);
  if (!result.success) throw new BadParameters(result.error.issues.map((i) => `${i.path.join('.') || model}: ${i.message}`).join('; '));
  return result.data as SharedParameters & Record<string, unknown>;
}

/** The architecture by its checked parameters. Throws BadParameters where they do not go together. */
export function architectureOf(model: string, params: SharedParameters & Record<string, unknown>, classes: number): Classifier {
  try {
    const { model: record } = classifierOf(model)!;
    return record.build(record.schema.parse(params), { sizePx: networkSide(params), classes });
  } catch (error) {
    throw asBad(error);
  }
}

const asBad = (error: unknown): BadParameters => new BadParameters(error instanceof Error ? error.message : String(error));

/** The head stays as it was drawn: the classes are others. */
async function begin(network: Network<Classifier>, model: string, params: Record<string, unknown>, weights: string): Promise<void> {
  try {
    await loadForeign(network, classifierOf(model)!.model, params, weights, { head: 'fresh' });
  } catch (error) {
    throw asBad(error);
  }
}

/** The caller closes it; what it began is then gone. Throws BadParameters. */
export async function beginLesson({ model, params: given, seed, pixels: set, labels, keys, classes, train, weights }: TrainArgs): Promise<Lesson> {
  const params = checkClassifier(model, given);
  if (params.sizePx !== set.sizePx) throw new BadParameters(`The pixels are ${set.sizePx} px and the parameters ask for ${params.sizePx}.`);
  if (train.length < 2) throw new BadParameters('There are fewer than two images to train on.');
  const architecture = architectureOf(model, params, classes.length);
  const side = networkSide(params);
  const pixels = new Pixels(set);
  let network: Network<Classifier> | undefined;
  try {
    network = new Network(architecture, [side, side, 3], seed, { initialisation: params.initialisation });
    if (weights) await begin(network, model, params, weights);
  } catch (error) {
    network?.dispose();
    pixels.close();
    throw error;
  }
  const transform = transformOf(params, pixels, train);
  const dynamics = new Dynamics(labels, classes.length);
  const own = params.classWeights === 'balanced' ? balancedWeights(labels, train, classes.length) : null;
  const { optimizer, weightDecay, momentum } = params;
  const opened = network;
  return {
    params, pixels, network, transform, dynamics,
    objective: classify(transform, { loss: params.loss, focus: params.focus, weights: own }, classes.length, dynamics),
    examples: { labels, keys, classes: classes.length, smoothing: params.smoothing, cropPx: side, recipe: params },
    trial: (x, run) => tf.mean(crossEntropies(run(normalised(x, transform)), tf.fill([x.shape[0], classes.length], 1 / classes.length))),
    optimizer: { id: optimizer, params: { weightDecay, ...(optimizer === 'sgd' || optimizer === 'rmsprop' ? { momentum } : {}) } },
    close: () => {
      opened.dispose();
      pixels.close();
    },
  };
}

