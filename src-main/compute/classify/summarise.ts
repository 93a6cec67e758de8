/** A summary of an untrained network: its layers, and an estimate of the memory that its training would take. */
import type { ModelSummary, TrainMode } from '../../contract/classifier.ts';
import { defineCall } from '../call.ts';
import { summarise as summariseLayers } from '../models/summary.ts';
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
    const { layers, parameters, macs, activationBytes } = summariseLayers(
      architectureOf(model, params, classes),
      networkSide(params),
    );
    // The head alone is trained on embeddings: of the rest there are only its weights.
    if (mode === 'head')
      return {
        layers,
        parameters,
        macs,
        activationMiB: mebi(activationBytes),
        trainingMiB: mebi(parameters * 4),
        freeMiB: mebi(process.availableMemory()),
        batch: 1,
      };
    const slots = optimizers.find(({ id }) => id === params.optimizer)!.slots({ momentum: params.momentum }).length;
    const batch = params.batch || 1;
    // Weights, their gradient, the best so far, the optimizer's vectors before and after a step; each activation and its gradient.
    const bytes = parameters * 4 * (3 + 2 * slots) + batch * activationBytes * 2;
    return {
      layers,
      parameters,
      macs,
      activationMiB: mebi(activationBytes),
      trainingMiB: mebi(bytes),
      freeMiB: mebi(process.availableMemory()),
      batch,
    };
  },
});
