/** The summary of an untrained network: its layers, and an estimate of the memory that its training would take. */
import type { ModelSummary, TrainMode } from '../../contract/classifier.ts';
import { defineCall } from '../call.ts';
import { summarise as summariseLayers } from '../models/summary.ts';
import { predictMemory } from '../train/memory.ts';
import { optimizers } from '../train/optimizers/index.ts';
import { architectureOf, checkClassifier } from './training-setup.ts';
import { networkSide } from './transform.ts';

export interface SummariseArgs {
  model: string;
  mode: TrainMode;
  params: Record<string, unknown>;
  classes: number;
}

const mebi = (bytes: number): number => bytes / 2 ** 20;

/** Throws BadParameters. */
export const summarise = defineCall({
  run({ model, mode, params: given, classes }: SummariseArgs): ModelSummary {
    const params = checkClassifier(model, given, mode);
    const network = summariseLayers(architectureOf(model, params, classes), networkSide(params));
    const slots =
      optimizers.find(({ id }) => id === params.optimizer)?.slots({ momentum: params.momentum }).length ?? 0;
    const { totalMiB, freeMiB, batch } = predictMemory(network, slots, params.batch || 1);
    const isHead = mode === 'head'; // trained on embeddings: only the weights of the network are in memory
    return {
      layers: network.layers,
      parameters: network.parameters,
      macs: network.macs,
      activationMiB: mebi(network.activationBytes),
      trainingMiB: isHead ? mebi(4 * network.parameters) : totalMiB,
      freeMiB,
      batch: isHead ? 1 : batch,
    };
  },
});
