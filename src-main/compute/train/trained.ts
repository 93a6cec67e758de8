/** The events and the result that all trainings have in common. */
import type { Backend, MemoryEstimate } from '../../contract/machine.ts';
import type { Epoch } from '../../contract/types.ts';

/**
 * 'train': at most five events per second within an epoch, and one at its end (step = steps), which alone has validation results. `seconds`: since the start of
 * the training; `waiting`: fraction of this time spent waiting for data.
 */
export type TrainingEvent =
  | (Pick<Epoch, 'epoch' | 'loss' | 'seconds'> &
      Partial<Epoch> & {
        stage: 'train';
        epochs: number;
        step: number;
        steps: number;
        imagesPerSecond: number;
        waiting?: number;
      })
  /** At the start of a resumed training: the epochs that it had. */
  | { stage: 'resumed'; history: Epoch[] }
  | { stage: 'note'; message: string };

/** The result of a training. `bestEpoch`: the epoch whose weights were saved. `stopped`: before the last epoch, or after all. */
export interface Trained {
  history: Epoch[];
  epochsRun: number;
  bestEpoch: number;
  stopped: 'early' | 'all';
  /** The epoch after which a resumed run continued. */
  resumedFrom: number | null;
  seconds: number;
  /** In training. */
  imagesPerSecond: number;
  /** Fraction of the training time spent waiting for data, 0..1. */
  waiting?: number;
  peakMemoryMiB: number;
  backend: Backend;
  /** Images per step, as requested or chosen. Missing if the method has no steps. */
  batch?: number;
  memory?: MemoryEstimate;
  parameters: number;
}
