/** Callbacks of the training loop, with Keras's hook names. A callback is a record of the hooks that it uses. */
import type { Epoch } from '../../contract/types.ts';
import type { TrainState } from './state.ts';
import type { TrainingEvent } from './trained.ts';

export interface StepLogs {
  step: number;
  steps: number;
  loss: number;
  learningRate: number;
}

export interface Callback {
  onTrainBegin?(state: TrainState): void | Promise<void>;
  onEpochBegin?(state: TrainState): void;
  onBatchEnd?(state: TrainState, logs: StepLogs): void;
  /** Memory ran out: from now on, at most `state.mostAtOnce` images are in one pass. */
  onBatchHalved?(state: TrainState): void;
  /** Called after the epoch is in the history of the state. */
  onEpochEnd?(state: TrainState, epoch: Epoch): void | Promise<void>;
  onTrainEnd?(state: TrainState): void;
}

const everyMs = 200;

/** Reports each finished epoch, and the progress within it at most five times a second. */
export function progress(epochs: number, onEvent: (event: TrainingEvent) => void): Callback {
  let last = 0;
  let now: StepLogs = { step: 0, steps: 0, loss: 0, learningRate: 0 };
  const report = (state: TrainState, known: Pick<Epoch, 'epoch' | 'loss'> & Partial<Epoch>): void => {
    last = performance.now();
    const { seconds, images, waiting } = state.clock();
    onEvent({
      stage: 'train',
      ...known,
      epochs,
      step: now.step,
      steps: now.steps,
      learningRate: now.learningRate,
      seconds,
      imagesPerSecond: images / Math.max(1e-9, seconds),
      waiting,
    });
  };
  return {
    onTrainBegin({ history }) {
      if (history.length) onEvent({ stage: 'resumed', history });
    },
    onBatchEnd(state, logs) {
      now = logs;
      // The last step of an epoch is reported with its end.
      if (logs.step < logs.steps && performance.now() - last >= everyMs)
        report(state, { epoch: state.epoch + 1, loss: logs.loss });
    },
    onBatchHalved: ({ mostAtOnce }) =>
      onEvent({ stage: 'note', message: `Out of memory: continuing with ${mostAtOnce} images per step.` }),
    onEpochEnd: report,
  };
}

/** The validation loss, or without validation images the training loss. */
export const lossOf = ({ loss, valLoss }: Epoch): number => valLoss ?? loss;

/** Stops when the monitored value (lower is better) has not improved for `patience` epochs, and restores the best weights. */
export function earlyStop(patience: number, watched: (epoch: Epoch) => number = lossOf): Callback {
  return {
    async onEpochEnd(state, done) {
      const loss = watched(done);
      if (!state.best || loss < state.best.loss)
        state.best = { epoch: done.epoch, loss, ...(await state.averaged(() => state.network.read())) };
      else if (patience > 0 && done.epoch - state.best.epoch >= patience) state.stop = true;
    },
    onTrainEnd(state) {
      if (state.best) state.network.write(state.best);
    },
  };
}

/** Updates the moving average of the weights after each step. */
export const averaging: Callback = { onBatchEnd: (state) => state.takeAverage() };

/** Writes a checkpoint after each epoch. */
export function checkpoint(file: string, fingerprint: string): Callback {
  return { onEpochEnd: (state) => state.save(file, fingerprint) };
}
