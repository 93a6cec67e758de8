/** What may happen around the training loop, under Keras's hook names. Each callback is a record of the hooks it wants. */
import type { Epoch, FitEvent } from '../protocol.ts';
import type { TrainState } from './state.ts';

export interface StepLogs {
  step: number;
  steps: number;
  loss: number;
}

export interface Callback {
  onTrainBegin?(state: TrainState): void;
  onEpochBegin?(state: TrainState): void;
  onBatchEnd?(state: TrainState, logs: StepLogs): void;
  /** Memory ran out: from here on at most `state.mostAtOnce` images go through at once. */
  onBatchHalved?(state: TrainState): void;
  /** After the state has taken the epoch in. */
  onEpochEnd?(state: TrainState, epoch: Epoch): void | Promise<void>;
  onTrainEnd?(state: TrainState): void;
}

const everyMs = 200;

/** Tells of every epoch's end, and in between at most five times a second. */
export function progress(epochs: number, onEvent: (event: FitEvent) => void): Callback {
  let last = 0;
  let now: StepLogs = { step: 0, steps: 0, loss: 0 };
  const tell = (state: TrainState, epoch: number, loss: number, valLoss?: number): void => {
    last = performance.now();
    const { seconds, images, waiting } = state.clock();
    onEvent({ stage: 'train', epoch, epochs, step: now.step, steps: now.steps, loss, ...(valLoss !== undefined && { valLoss }), seconds, imagesPerSecond: images / Math.max(1e-9, seconds), waiting });
  };
  return {
    onBatchEnd(state, logs) {
      now = logs;
      // The last step of an epoch is told with its end.
      if (logs.step < logs.steps && performance.now() - last >= everyMs) tell(state, state.epoch + 1, logs.loss);
    },
    onBatchHalved: ({ mostAtOnce }) => onEvent({ stage: 'note', message: `Out of memory: going on with ${mostAtOnce} images at once.` }),
    onEpochEnd: (state, { epoch, loss, valLoss }) => tell(state, epoch, loss, valLoss),
  };
}

/** Stops when the loss that is watched (held-out images, else training) has not improved for `patience` epochs, and goes back to the best weights. */
export function earlyStop(patience: number): Callback {
  return {
    async onEpochEnd(state, { epoch, loss, valLoss }) {
      const watched = valLoss ?? loss;
      if (!state.best || watched < state.best.loss) state.best = { epoch, loss: watched, ...(await state.network.read()) };
      else if (patience > 0 && epoch - state.best.epoch >= patience) state.stop = true;
    },
    onTrainEnd(state) {
      if (state.best) state.network.write(state.best);
    },
  };
}

/** Writes everything a resume needs after each epoch. */
export function checkpoint(file: string, fingerprint: string): Callback {
  return { onEpochEnd: (state) => state.save(file, fingerprint) };
}
