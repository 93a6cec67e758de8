/**
 * The training loop: epochs of batches, a gradient and an update each, callbacks around them. Short and our own, because fit()
 * hides what the window shows and what a resume needs. Everything on the device happens inside one synchronous step; between steps
 * the loop breathes, so that other calls are served and a cancel is heard.
 */
import type { Scalar, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import type { Autoencoder, Network, TrainingPass } from '../models/network.ts';
import { uniform } from '../ops/dropout.ts';
import { uploadPixels } from '../ops/upload.ts';
import { isOutOfMemory } from '../out-of-memory.ts';
import { blockOf, type Pixels } from '../pixels.ts';
import type { Epoch } from '../protocol.ts';
import { makeRoom, readBack } from '../read-back.ts';
import { stepsOf, type Augmentation } from './batches.ts';
import type { Callback } from './callbacks.ts';
import { startFeed, type Batch } from './feed.ts';
import type { Loss } from './losses.ts';
import type { TrainState } from './state.ts';

export interface Training {
  pixels: Pixels;
  train: Int32Array;
  held: Int32Array;
  loss: Loss;
  epochs: number;
  batch: number;
  minSteps: number;
  learningRate: number;
  /** Spread of the noise added to what goes in, never to what should come out (Vincent et al. 2008). */
  noise: number;
  augmentation: Augmentation;
  seed: number;
}

export async function runTraining(state: TrainState, training: Training, callbacks: Callback[], breathe: () => Promise<void>): Promise<void> {
  const { pixels, train, held, epochs, batch, minSteps, seed, augmentation } = training;
  const steps = stepsOf(train.length, batch, minSteps);
  for (const c of callbacks) c.onTrainBegin?.(state);
  const feed = startFeed({ pixels: pixels.set, train, batch, minSteps, seed, epoch: state.epoch, epochs, augmentation });
  try {
    while (state.epoch < epochs && !state.stop) {
      const began = performance.now();
      for (const c of callbacks) c.onEpochBegin?.(state);
      let sum = 0;
      for (let step = 1; step <= steps; step++) {
        const taken = await feed.take();
        state.waited(feed.waitedMs);
        const loss = await stepThatFits(state, training, taken, cosine(training.learningRate, state.step, steps * epochs), callbacks);
        if (!Number.isFinite(loss)) throw new Error(`The loss is no longer a number (epoch ${state.epoch + 1}, step ${step}): try a smaller learning rate.`);
        sum += loss;
        state.step++;
        state.count(taken.positions.length);
        for (const c of callbacks) c.onBatchEnd?.(state, { step, steps, loss: sum / step });
        await breathe();
      }
      state.epoch++;
      const valLoss = held.length ? await meanLoss(state.network, training, held, breathe) : undefined;
      const done: Epoch = { epoch: state.epoch, loss: sum / steps, ...(valLoss !== undefined && { valLoss }), seconds: (performance.now() - began) / 1000 };
      state.history.push(done);
      for (const c of callbacks) await c.onEpochEnd?.(state, done);
      await breathe();
    }
  } finally {
    await feed.close();
  }
  for (const c of callbacks) c.onTrainEnd?.(state);
}

/** Out of memory, the batch is halved, for good, and gone through in parts; the run goes on and says so. */
async function stepThatFits(state: TrainState, training: Training, { positions, bytes }: Batch, learningRate: number, callbacks: Callback[]): Promise<number> {
  const { rowBytes } = training.pixels;
  let sum = 0;
  for (let at = 0; at < positions.length; ) {
    const count = Math.min(positions.length - at, state.mostAtOnce);
    try {
      sum += (await trainStep(state, training, bytes.subarray(at * rowBytes, (at + count) * rowBytes), count, learningRate)) * count;
      at += count;
    } catch (error) {
      if (!isOutOfMemory(error) || count < 2) throw error;
      makeRoom();
      state.mostAtOnce = Math.ceil(count / 2);
      for (const c of callbacks) c.onBatchHalved?.(state);
    }
  }
  return sum / positions.length;
}

/**
 * One gradient and one update; the loss. The bytes are `count` images. Nothing is changed before the loss has been read: only then is it known
 * whether the device did the step, and a step that failed can be done again.
 */
export async function trainStep(state: TrainState, { pixels, loss, seed, noise }: Pick<Training, 'pixels' | 'loss' | 'seed' | 'noise'>, bytes: Uint8Array, count: number, learningRate: number): Promise<number> {
  const { network, optimizer } = state;
  let pass: TrainingPass<Tensor4D> | undefined;
  const { value, gradient } = tf.tidy(() => {
    const x = uploadPixels(bytes, count, pixels.sizePx);
    const input = noise ? addNoise(x, noise, [seed, state.step]) : x;
    const { value, grads } = tf.variableGrads(() => {
      pass = network.train(input, [seed, state.step]);
      return loss.value(x, pass.y);
    }, [network.weights]);
    return { value: value as Scalar, gradient: grads[network.weights.name] };
  });
  try {
    const [now] = await readBack(value);
    pass?.remember();
    optimizer.apply(network.weights, gradient, learningRate);
    return now;
  } catch (error) {
    pass?.forget();
    throw error;
  } finally {
    gradient.dispose();
  }
}

/** As the network is when it scores. */
async function meanLoss(network: Network<Autoencoder>, { pixels, loss }: Training, held: Int32Array, breathe: () => Promise<void>): Promise<number> {
  let sum = 0;
  const block = blockOf(pixels.sizePx);
  for (let at = 0; at < held.length; at += block) {
    const positions = held.subarray(at, at + block);
    const value = tf.tidy(() => {
      const x = uploadPixels(pixels.read(positions), positions.length, pixels.sizePx);
      return loss.value(x, network.infer(x));
    });
    sum += (await readBack(value))[0] * positions.length;
    await breathe();
  }
  return sum / held.length;
}

/** Down to nothing along half a cosine (Loshchilov & Hutter 2017), after a short rise: the end of a run is calm, whatever the seed. */
function cosine(learningRate: number, step: number, steps: number): number {
  const rise = Math.min(1, (step + 1) / Math.min(20, steps / 10 + 1));
  return learningRate * rise * 0.5 * (1 + Math.cos((Math.PI * step) / steps));
}

function addNoise(x: Tensor4D, spread: number, seed: number[]): Tensor4D {
  // Uniform noise of the same standard deviation.
  return tf.add(x, tf.mul(tf.sub(uniform(x.shape, ['noise', ...seed]), 0.5), spread * Math.sqrt(12)));
}
