/**
 * The training loop of autoencoders and classifiers: epochs of batches, one gradient and one update per batch, callbacks around them. The trainings differ in
 * their objective, their learning-rate schedule and their evaluation after each epoch. tfjs's `fit()` is not used, since it hides what the page shows and what
 * a resume needs. Between steps the loop yields, so that other calls are served and a cancel takes effect.
 */
import type { Scalar, Tensor, Tensor4D } from '@tensorflow/tfjs';
import type { Epoch } from '../../contract/types.ts';
import { tf } from '../backend.ts';
import type { Architecture, TrainingPass } from '../models/network.ts';
import { uploadPixels } from '../ops/upload.ts';
import { isOutOfMemory } from '../out-of-memory.ts';
import type { Pixels } from '../pixels.ts';
import { freeDeviceMemory, readBack } from '../read-back.ts';
import { stepsOf } from './batches.ts';
import type { Callback } from './callbacks.ts';
import { clipByNorm } from './clip.ts';
import { sidePx, startFeed, type Batch, type FeedPlan } from './feed.ts';
import type { TrainState } from './state.ts';

type Output<A extends Architecture> = ReturnType<A['forward']>;
export type Key = (number | string)[];

/** What a training minimises. */
export interface Objective<A extends Architecture = Architecture> {
  /** The loss of a batch, differentiable. `x`: [B, S, S, 3], 0..1; `run`: runs the network, call it once; `key`: seed of the step's random numbers. */
  loss(x: Tensor4D, run: (input: Tensor4D) => Output<A>, batch: Batch, key: Key): Scalar;
  /** Receives the outputs of the network for each batch, [B, …]. */
  seen?(batch: Batch, outputs: Float32Array): void;
}

/** The position of a step in a training. */
export interface Moment {
  /** From 0, over all epochs. */
  step: number;
  /** Per epoch. */
  steps: number;
  epochs: number;
  history: readonly Epoch[];
}

/** What `runTraining` needs besides the state. `train`: positions of the training images. `rate`: the learning rate of a step. */
export interface Training<A extends Architecture = Architecture> {
  pixels: Pixels;
  train: Int32Array;
  make: FeedPlan['make'];
  objective: Objective<A>;
  epochs: number;
  batch: number;
  minSteps: number;
  rate(at: Moment): number;
  /** Maximum norm of the gradient; no clipping if missing. */
  clip?: number;
  seed: number;
  /** Called after each epoch: further fields of its history, such as the validation loss. */
  evaluate?(): Promise<Partial<Epoch>>;
}

/** Trains until the last epoch or until a callback sets `state.stop`. Throws Cancelled after a cancel, and an Error if the loss is not finite. */
export async function runTraining<A extends Architecture>(
  state: TrainState<A>,
  training: Training<A>,
  callbacks: Callback[],
  yieldToEventLoop: () => Promise<void>,
): Promise<void> {
  const { pixels, train, epochs, batch, minSteps, seed, make } = training;
  const steps = stepsOf(train.length, batch, minSteps);
  for (const c of callbacks) await c.onTrainBegin?.(state);
  const feed = startFeed({ pixels: pixels.set, train, batch, minSteps, seed, epoch: state.epoch, epochs, make });
  try {
    while (state.epoch < epochs && !state.stop) {
      const startedAt = performance.now();
      for (const c of callbacks) c.onEpochBegin?.(state);
      let sum = 0;
      for (let step = 1; step <= steps; step++) {
        const taken = await feed.take();
        state.waited(feed.waitedMs);
        const learningRate = training.rate({ step: state.step, steps, epochs, history: state.history });
        const loss = await stepWithinMemory(state, training, taken, learningRate, callbacks);
        if (!Number.isFinite(loss))
          throw new Error(
            `The loss is not a finite number (epoch ${state.epoch + 1}, step ${step}). Try a lower learning rate.`,
          );
        sum += loss;
        state.step++;
        state.count(taken.positions.length);
        for (const c of callbacks) c.onBatchEnd?.(state, { step, steps, loss: sum / step, learningRate });
        await yieldToEventLoop();
      }
      state.epoch++;
      const metrics = await state.averaged(async () => training.evaluate?.());
      const done: Epoch = {
        epoch: state.epoch,
        loss: sum / steps,
        valLoss: null,
        ...metrics,
        seconds: (performance.now() - startedAt) / 1000,
      };
      state.history.push(done);
      for (const c of callbacks) await c.onEpochEnd?.(state, done);
      await yieldToEventLoop();
    }
  } finally {
    await feed.close();
  }
  for (const c of callbacks) c.onTrainEnd?.(state);
}

/** One step. If memory runs out, it halves the number of images per pass for the rest of the run, reports this and continues. */
async function stepWithinMemory<A extends Architecture>(
  state: TrainState<A>,
  training: Training<A>,
  batch: Batch,
  learningRate: number,
  callbacks: Callback[],
): Promise<number> {
  const all = batch.positions.length;
  let sum = 0;
  for (let at = 0; at < all;) {
    const count = Math.min(all - at, state.mostAtOnce);
    try {
      sum +=
        (await trainStep(
          state,
          { ...training, sizePx: sidePx({ make: training.make, pixels: training.pixels.set }) },
          count === all ? batch : partOf(batch, at, count),
          learningRate,
        )) * count;
      at += count;
    } catch (error) {
      if (!isOutOfMemory(error) || count < 2) throw error;
      freeDeviceMemory();
      state.mostAtOnce = Math.ceil(count / 2);
      for (const c of callbacks) c.onBatchHalved?.(state);
    }
  }
  return sum / all;
}

function partOf({ positions, bytes, targets }: Batch, at: number, count: number): Batch {
  const cut = <T extends Uint8Array | Float32Array>(values: T): T =>
    values.subarray((at * values.length) / positions.length, ((at + count) * values.length) / positions.length) as T;
  return {
    positions: positions.subarray(at, at + count),
    bytes: cut(bytes),
    ...(targets && { targets: cut(targets) }),
  };
}

/**
 * Computes the gradient, updates the weights and returns the loss. Nothing is changed before the loss has been read: only then errors of a WebGPU device are
 * known, and a step that failed can be repeated.
 */
export async function trainStep<A extends Architecture>(
  state: TrainState<A>,
  { sizePx, objective, seed, clip }: Pick<Training<A>, 'objective' | 'seed' | 'clip'> & { sizePx: number },
  batch: Batch,
  learningRate: number,
): Promise<number> {
  const { network, optimizer } = state;
  const key = [seed, state.step];
  let pass: TrainingPass<Output<A>> | undefined;
  let outputs: Tensor | undefined;
  const { value, gradient } = tf.tidy(() => {
    const x = uploadPixels(batch.bytes, batch.positions.length, sizePx);
    const { value, grads } = tf.variableGrads(() => {
      const run = (input: Tensor4D): Output<A> => {
        pass = network.train(input, key);
        if (objective.seen) outputs = tf.keep(tf.clone(pass.y));
        return pass.y;
      };
      return objective.loss(x, run, batch, key);
    }, [network.weights]);
    const gradient = grads[network.weights.name];
    return { value: value as Scalar, gradient: clip ? clipByNorm(gradient, clip).gradient : gradient };
  });
  try {
    const [now] = await readBack(value);
    pass?.updateStatistics();
    optimizer.apply(network.weights, gradient, learningRate);
    if (outputs) objective.seen?.(batch, await readBack(outputs));
    return now;
  } catch (error) {
    pass?.discardStatistics();
    outputs?.dispose();
    throw error;
  } finally {
    gradient.dispose();
  }
}
