/**
 * The training loop: epochs of batches, a gradient and an update each, callbacks around them. Short and our own, because fit()
 * hides what the window shows and what a resume needs. Everything on the device happens inside one synchronous step; between steps
 * the loop breathes, so that other calls are served and a cancel is heard.
 */
import type { Scalar, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import type { Autoencoder, Network } from '../models/network.ts';
import { uniform } from '../ops/dropout.ts';
import { uploadPixels } from '../ops/upload.ts';
import { isOutOfMemory } from '../out-of-memory.ts';
import { blockOf, type Pixels } from '../pixels.ts';
import type { Epoch } from '../protocol.ts';
import { augment, batchesOf, stepsOf, type Augmentation } from './batches.ts';
import type { Callback } from './callbacks.ts';
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
  weightDecay: number;
  /** Spread of the noise added to what goes in, never to what should come out (Vincent et al. 2008). */
  noise: number;
  augmentation: Augmentation;
  seed: number;
}

export async function runTraining(state: TrainState, training: Training, callbacks: Callback[], breathe: () => Promise<void>): Promise<void> {
  const { train, held, epochs, batch, minSteps, seed } = training;
  const steps = stepsOf(train.length, batch, minSteps);
  for (const c of callbacks) c.onTrainBegin?.(state);
  while (state.epoch < epochs && !state.stop) {
    const began = performance.now();
    for (const c of callbacks) c.onEpochBegin?.(state);
    let sum = 0;
    let step = 0;
    for (const positions of batchesOf(train, batch, minSteps, seed, state.epoch)) {
      const loss = stepThatFits(state, training, positions, cosine(training.learningRate, state.step, steps * epochs), callbacks);
      if (!Number.isFinite(loss)) throw new Error(`The loss is no longer a number (epoch ${state.epoch + 1}, step ${step + 1}): try a smaller learning rate.`);
      sum += loss;
      step++;
      state.step++;
      state.count(positions.length);
      for (const c of callbacks) c.onBatchEnd?.(state, { step, steps, loss: sum / step });
      await breathe();
    }
    state.epoch++;
    const valLoss = held.length ? await meanLoss(state.network, training, held, breathe) : undefined;
    const done: Epoch = { epoch: state.epoch, loss: sum / step, ...(valLoss !== undefined && { valLoss }), seconds: (performance.now() - began) / 1000 };
    state.history.push(done);
    for (const c of callbacks) await c.onEpochEnd?.(state, done);
    await breathe();
  }
  for (const c of callbacks) c.onTrainEnd?.(state);
}

/** Out of memory, the batch is halved, for good, and gone through in parts; the run goes on and says so. */
function stepThatFits(state: TrainState, training: Training, positions: Int32Array, learningRate: number, callbacks: Callback[]): number {
  let sum = 0;
  for (let at = 0; at < positions.length; ) {
    const part = positions.subarray(at, at + state.mostAtOnce);
    try {
      sum += trainStep(state, training, part, learningRate) * part.length;
      at += part.length;
    } catch (error) {
      if (!isOutOfMemory(error) || part.length < 2) throw error;
      state.mostAtOnce = Math.ceil(part.length / 2);
      for (const c of callbacks) c.onBatchHalved?.(state);
    }
  }
  return sum / positions.length;
}

function trainStep(state: TrainState, { pixels, loss, seed, noise, augmentation, weightDecay }: Training, positions: Int32Array, learningRate: number): number {
  const bytes = augment(pixels.read(positions), pixels, augmentation, seed, state.step);
  return tf.tidy(() => {
    const x = uploadPixels(bytes, positions.length, pixels.sizePx);
    const input = noise ? addNoise(x, noise, [seed, state.step]) : x;
    let remember = (): void => undefined;
    const { value, grads } = tf.variableGrads(() => {
      const pass = state.network.train(input, [seed, state.step]);
      remember = pass.remember;
      return loss.value(x, pass.y);
    }, [state.network.weights]);
    remember();
    state.optimizer.apply(state.network.weights, grads[state.network.weights.name], learningRate, weightDecay);
    return (value as Scalar).dataSync()[0];
  });
}

/** As the network is when it scores. */
async function meanLoss(network: Network<Autoencoder>, { pixels, loss }: Training, held: Int32Array, breathe: () => Promise<void>): Promise<number> {
  let sum = 0;
  const block = blockOf(pixels.sizePx);
  for (let at = 0; at < held.length; at += block) {
    const positions = held.subarray(at, at + block);
    sum += tf.tidy(() => {
      const x = uploadPixels(pixels.read(positions), positions.length, pixels.sizePx);
      return loss.value(x, network.infer(x)).dataSync()[0] * positions.length;
    });
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

