/** The events and the result of any training. */
import type { Backend, MemoryEstimate } from '../../contract/machine.ts';
import type { Epoch } from '../../contract/types.ts';

/**
 * 'train': at most five events a second within an epoch, and one at its end (step = steps), the only one with validation results.
 * `seconds`: since training began; `waiting`: the share of them spent waiting for data.
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
  | { stage: 'note'; message: string };

export interface Trained {
  history: Epoch[];
  epochsRun: number;
  bestEpoch: number;
  stopped: 'early' | 'all';
  /** The epoch after which a resumed run continued. */
  resumedFrom: number | null;
  seconds: number;
  /** While training; and the share of that time spent waiting for data, 0..1. */
  imagesPerSecond: number;
  waiting?: number;
  peakMemoryMiB: number;
  backend: Backend;
  /** Images a step, as asked for or as found; fewer at once where memory ran out on the way. Absent where a method has no steps. */
  batch?: number;
  memory?: MemoryEstimate;
  parameters: number;
}
