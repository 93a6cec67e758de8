/**
 * Reconstruction error of an autoencoder of pretrained features, patch by patch (DFR; Yang, Shi & Qi 2020): patches of normal images pass through a small code, and
 * others are reconstructed less accurately. The features are averaged over 3 × 3 patches and whitened by their covariance in the normal images. Without that the error
 * follows the directions in which normal patches vary most, and smooth defects are reconstructed better than a normal texture.
 */
import type { Scalar, Tensor1D, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import { z } from 'zod';
import { tf } from '../backend.ts';
import { cholesky, inverseOfLower } from '../linear-algebra.ts';
import { featureAutoencoder, type PatchArchitecture } from '../models/feature-autoencoder.ts';
import { Network } from '../models/network.ts';
import { range } from '../pixels.ts';
import { readBack, valuesOf } from '../read-back.ts';
import { batchesOf, hashOf, holdOut, stepsOf } from '../train/batches.ts';
import { checkpoint, earlyStop, progress, type Callback } from '../train/callbacks.ts';
import { rateOf } from '../train/schedules.ts';
import { TrainState } from '../train/state.ts';
import { samplePatches } from './patch-bank.ts';
import { joined, pooled, pooledScores } from './patch-features.ts';
import {
  defineScorer,
  patchSizeParameter,
  topShareParameter,
  type FitContext,
  type Model,
  type PortableBlock,
} from './scorer.ts';
import { shrink } from './shrinkage.ts';

const schema = z.object({
  ...patchSizeParameter,
  bottleneck: z
    .int()
    .min(1)
    .max(152)
    .default(16)
    .describe('Size of the code of a patch. A smaller code reconstructs less of what is unusual.')
    .meta({ title: 'Bottleneck' }),
  width: z
    .int()
    .min(1)
    .max(1024)
    .default(256)
    .describe('Units of the hidden layer of the encoder, and of the decoder.')
    .meta({ title: 'Width', advanced: true }),
  patches: z
    .int()
    .min(1000)
    .max(200_000)
    .default(30_000)
    .describe('Number of normal patches that the autoencoder is trained on.')
    .meta({ title: 'Patches', advanced: true }),
  epochs: z
    .int()
    .min(1)
    .max(1000)
    .default(8)
    .describe('Passes over the patches. The weights of the best epoch are kept.')
    .meta({ title: 'Epochs' }),
  batch: z.int().min(1).max(8192).default(512).describe('Patches per step.').meta({ title: 'Batch', advanced: true }),
  learningRate: z
    .number()
    .positive()
    .max(1)
    .default(0.002)
    .describe('Initial learning rate; it decays along a cosine.')
    .meta({ title: 'Learning rate', advanced: true, step: 0.0005 }),
  shrinkage: z
    .number()
    .min(0)
    .max(1)
    .default(0.1)
    .describe(
      'Shrinkage of the covariance of the features towards equal variances in all directions, before whitening.',
    )
    .meta({ title: 'Shrinkage', advanced: true, step: 0.05 }),
  ...topShareParameter,
});
type Parameters = z.infer<typeof schema>;

/** The side of the window over which features are averaged. */
const window = 3;
/** The fraction of the training images that is held out, to choose the epoch. */
const validation = 0.2;
/** Few patches are passed several times per epoch. */
const minSteps = 20;
const warmUp = 20;

export const featureAe = defineScorer({
  id: 'feature-ae',
  title: 'Autoencoder of patches',
  short: 'Feature AE',
  summary:
    'Learns to reconstruct the EfficientNet-Lite0 features of each patch through a small code (DFR). Trains in seconds; needs no alignment; finds small defects.',
  inputs: 'patches',
  gives: { score: { title: 'reconstruction error' }, map: { title: 'Error' } },
  schema,
  async fit(params, context) {
    const { images, seed, yieldToEventLoop } = context;
    const { train, held } = holdOut(context.train, validation, seed);
    const sample = await sampleOf(train, params.patches, context);
    const whitening = await fitWhitening(sample, params.shrinkage, yieldToEventLoop);
    const network = new Network(featureAutoencoder(params), [1, 1, images.channels], seed);
    const state = new TrainState(network);
    const known = whitened(whitening, sample);
    let unseen: Tensor4D | undefined;
    try {
      if (held.length) {
        const sample = await sampleOf(held, Math.ceil(params.patches * validation), context);
        unseen = whitened(whitening, sample);
        sample.dispose();
      }
      await trainOn(state, { known, unseen }, params, context);
      return {
        model: featureModel(whitening, network, params),
        heldOut: held,
        history: state.history,
        bestEpoch: state.best?.epoch ?? state.epoch,
        stopped: 'all',
        resumedFrom: state.resumedFrom,
        imagesPerSecond: state.clock().images / Math.max(1e-9, state.clock().seconds),
        batch: params.batch,
      };
    } catch (error) {
      disposeOf(whitening);
      network.dispose();
      throw error;
    } finally {
      state.dispose();
      tf.dispose([sample, known, ...(unseen ? [unseen] : [])]);
    }
  },
  restore(params, { mean, factor, ...arrays }) {
    const network = new Network(featureAutoencoder(params), [1, 1, mean.length], null);
    network.load(arrays);
    const whitening = { mean: tf.tensor1d(mean), factor: tf.tensor2d(factor, [mean.length, mean.length]) };
    return featureModel(whitening, network, params);
  },
});

/** Patches of these images, [patches, 1, 1, C]. */
async function sampleOf(
  positions: Int32Array,
  most: number,
  { images, seed, yieldToEventLoop, onEvent }: FitContext<'patches'>,
): Promise<Tensor4D> {
  const { values } = await samplePatches(images, positions, window, most, seed, yieldToEventLoop, (done) =>
    onEvent({ stage: 'read', done, total: positions.length }),
  );
  return tf.tensor4d(values, [values.length / images.channels, 1, 1, images.channels]);
}

/** `factor`: the inverse of the Cholesky factor of the covariance. */
interface Whitening {
  mean: Tensor1D; // [C]
  factor: Tensor2D; // [C, C]
}

const disposeOf = ({ mean, factor }: Whitening): void => tf.dispose([mean, factor]);

async function fitWhitening(
  sample: Tensor4D,
  shrinkage: number,
  yieldToEventLoop: () => Promise<void>,
): Promise<Whitening> {
  const [count, , , channels] = sample.shape;
  const [mean, moments] = tf.tidy(() => {
    const rows = tf.reshape(sample, [count, channels]);
    const mean = tf.mean(rows, 0) as Tensor1D;
    const centred = tf.sub(rows, mean);
    return [mean, tf.div(tf.matMul(centred, centred, true), count)];
  });
  try {
    const covariance = Float64Array.from(await readBack(moments));
    shrink(covariance, channels, channels, shrinkage);
    const lower = await cholesky(covariance, channels, yieldToEventLoop);
    const factor = Float32Array.from(await inverseOfLower(lower, channels, yieldToEventLoop));
    return { mean, factor: tf.tensor2d(factor, [channels, channels]) };
  } catch (error) {
    mean.dispose();
    throw error;
  }
}

/** Features [B, rows, columns, C] without correlations, each with a variance of about 1 in the normal images. */
const whitened = ({ mean, factor }: Whitening, x: Tensor4D): Tensor4D =>
  tf.tidy(() => {
    const rows = tf.reshape(tf.sub(x, mean), [-1, mean.size]);
    return tf.reshape(tf.matMul(rows, factor, false, true), x.shape);
  });

/** The mean squared error of each patch over its features, [B, rows, columns]. About 1 if nothing of a normal patch is reconstructed. */
const squaredErrors = (x: Tensor4D, y: Tensor4D): Tensor3D => tf.mean(tf.squaredDifference(x, y), 3);

/** Trains on whitened patches, and keeps the weights of the epoch that reconstructs the unseen ones best. */
async function trainOn(
  state: TrainState<PatchArchitecture>,
  { known, unseen }: { known: Tensor4D; unseen?: Tensor4D },
  { epochs, batch, learningRate, ...params }: Parameters,
  { train, seed, checkpointFile, resume, onEvent, yieldToEventLoop }: FitContext<'patches'>,
): Promise<void> {
  const { network } = state;
  const fingerprint = JSON.stringify({ epochs, batch, learningRate, params, seed, images: hashOf(train) });
  if (resume && !state.load(checkpointFile, fingerprint))
    onEvent({ stage: 'note', message: 'No checkpoint of this run: training starts from the beginning.' });
  const callbacks: Callback[] = [earlyStop(0), checkpoint(checkpointFile, fingerprint), progress(epochs, onEvent)];
  const [patches] = known.shape;
  const steps = stepsOf(patches, batch, minSteps);
  const rate = rateOf('cosine', learningRate, Math.min(warmUp, (steps * epochs) / 10 + 1), { every: 1, fall: 1 });
  while (state.epoch < epochs) {
    const startedAt = performance.now();
    let [sum, step] = [0, 0];
    for (const rows of batchesOf(range(0, patches), batch, minSteps, seed, state.epoch)) {
      const at = rate({ step: state.step, steps, epochs, history: state.history });
      sum += await trainStep(state, known, rows, at);
      state.step++;
      state.count((rows.length / patches) * train.length);
      for (const c of callbacks) c.onBatchEnd?.(state, { step: ++step, steps, loss: sum / step, learningRate: at });
      await yieldToEventLoop();
    }
    state.epoch++;
    const valLoss = unseen && (await readBack(tf.tidy(() => tf.mean(squaredErrors(unseen, network.infer(unseen))))))[0];
    const seconds = (performance.now() - startedAt) / 1000;
    const done = { epoch: state.epoch, loss: sum / steps, valLoss: valLoss ?? null, seconds };
    state.history.push(done);
    for (const c of callbacks) await c.onEpochEnd?.(state, done);
  }
  for (const c of callbacks) c.onTrainEnd?.(state);
}

/** One step on the patches of these numbers. Returns the loss. */
async function trainStep(
  { network, optimizer, step }: TrainState<PatchArchitecture>,
  known: Tensor4D,
  rows: Int32Array,
  learningRate: number,
): Promise<number> {
  const { value, gradient } = tf.tidy(() => {
    const x = tf.gather(known, tf.tensor1d(rows, 'int32'));
    const { value, grads } = tf.variableGrads(
      () => tf.mean(squaredErrors(x, network.train(x, [step]).y)) as Scalar,
      [network.weights],
    );
    return { value, gradient: grads[network.weights.name] };
  });
  try {
    const [loss] = await readBack(value);
    if (!Number.isFinite(loss)) throw new Error('The loss is not a finite number. Try a lower learning rate.');
    optimizer.apply(network.weights, gradient, learningRate);
    return loss;
  } finally {
    gradient.dispose();
  }
}

function featureModel(
  whitening: Whitening,
  network: Network<PatchArchitecture>,
  { topShare }: Parameters,
): Model<'patches'> {
  const { mean, factor } = whitening;
  const errorsOf = (block: PortableBlock['patches']): Tensor3D => {
    const x = whitened(whitening, joined(block, { window }));
    return tf.sqrt(squaredErrors(x, network.infer(x)));
  };
  return {
    parameters: network.parameters + mean.size + factor.size,
    async score(block) {
      const { rows, columns } = block.grid;
      const values = await readBack(tf.tidy(() => errorsOf(block)));
      return { scores: pooled(values, block.positions.length, topShare), maps: { values, rows, columns } };
    },
    portable(block) {
      const map = errorsOf(block);
      return { score: pooledScores(map, topShare), map };
    },
    async tensors() {
      const { arrays, shapes } = await network.tensors();
      const own = { mean: await valuesOf(mean), factor: await valuesOf(factor) };
      return { arrays: { ...arrays, ...own }, shapes: { ...shapes, factor: factor.shape } };
    },
    dispose() {
      disposeOf(whitening);
      network.dispose();
    },
  };
}
