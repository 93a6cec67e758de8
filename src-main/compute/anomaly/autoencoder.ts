/** The common part of all autoencoders: training parameters, and the training of a network of any architecture to reconstruct its input. */
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { z } from 'zod';
import type { MemoryEstimate } from '../../contract/machine.ts';
import { tf } from '../backend.ts';
import { Network, type Autoencoder } from '../models/network.ts';
import { checkpoint, earlyStop, progress } from '../train/callbacks.ts';
import { hashOf, holdOut, stepsOf } from '../train/batches.ts';
import { runTraining, type Training } from '../train/loop.ts';
import { lossOf } from '../train/losses.ts';
import { measureMemory, largestBatch, memoryWarning, type Trial } from '../train/memory.ts';
import { minStepsParameter } from '../train/parameters.ts';
import { meanLoss, reconstruct } from '../train/reconstruction.ts';
import { rateOf } from '../train/schedules.ts';
import { TrainState } from '../train/state.ts';
import type { ErrorMeasure } from './error-map.ts';
import { scoredByError, scoreParameters } from './reconstruction.ts';
import type { FitContext, Fitted, Model } from './scorer.ts';

export const autoencoderParameters = {
  ...scoreParameters,
  bottleneck: z
    .int()
    .min(0)
    .max(4096)
    .default(16)
    .describe('Size of the code. A smaller code reconstructs less of what is unusual.')
    .meta({ title: 'Bottleneck' }),
  width: z
    .int()
    .min(1)
    .max(1024)
    .default(16)
    .describe('Channels or units of the first layer.')
    .meta({ title: 'Width', advanced: true }),
  depth: z
    .int()
    .min(1)
    .max(8)
    .default(4)
    .describe('Blocks of the encoder, and of the decoder.')
    .meta({ title: 'Depth', advanced: true }),
  loss: z
    .enum(['mse', 'ssim', 'mixed'])
    .default('mse')
    .describe('Squared error, structural dissimilarity (SSIM), or both. The error map uses the same loss.')
    .meta({ title: 'Loss' }),
  ssimWeight: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe('Weight of structural dissimilarity in the mixed loss.')
    .meta({ title: 'SSIM weight', advanced: true, step: 0.05 }),
  dropout: z
    .number()
    .min(0)
    .max(0.9)
    .default(0)
    .describe('Fraction of activations dropped in training.')
    .meta({ title: 'Dropout', advanced: true, step: 0.05 }),
  noise: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe('Standard deviation of the noise that is added to the input in training.')
    .meta({ title: 'Noise', advanced: true, step: 0.01 }),
  shift: z
    .number()
    .min(0)
    .max(0.5)
    .default(0.05)
    .describe('Maximum random shift in training, as a fraction of the side.')
    .meta({ title: 'Shift', advanced: true, step: 0.01 }),
  flip: z
    .boolean()
    .default(false)
    .describe('Random horizontal flip in training.')
    .meta({ title: 'Mirror', advanced: true }),
  epochs: z.int().min(1).max(10000).default(40).describe('Passes over the training images.').meta({ title: 'Epochs' }),
  minSteps: minStepsParameter(),
  learningRate: z
    .number()
    .positive()
    .max(1)
    .default(0.005)
    .describe('Initial learning rate; it decays along a cosine.')
    .meta({ title: 'Learning rate', advanced: true, step: 0.0005 }),
  weightDecay: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe('Decoupled weight decay.')
    .meta({ title: 'Weight decay', advanced: true }),
  batch: z
    .int()
    .min(0)
    .max(1024)
    .default(16)
    .describe('Images per step; 0 for as many as fit into memory.')
    .meta({ title: 'Batch', advanced: true }),
  patience: z
    .int()
    .min(0)
    .max(10000)
    .default(20)
    .describe('Epochs without improvement before training stops; 0 for never.')
    .meta({ title: 'Patience', advanced: true }),
  validation: z
    .number()
    .min(0)
    .max(0.5)
    .default(0.1)
    .describe('Fraction of the training images that is held out for validation.')
    .meta({ title: 'Validation fraction', advanced: true, step: 0.05 }),
};

/** The optimizer state of AdamW, in vectors as long as the weights. */
const slots = 2;

export type AutoencoderParameters = z.infer<z.ZodObject<typeof autoencoderParameters>>;

function measureOf({ loss, ssimWeight, pooling, quantile, smoothing }: AutoencoderParameters): ErrorMeasure {
  return { loss: lossOf(loss, ssimWeight), pooling, quantile, smoothing };
}

const trialOf =
  ({ loss, ssimWeight }: AutoencoderParameters): Trial<Autoencoder> =>
  (x, run) =>
    lossOf(loss, ssimWeight).value(x, run(x));

/** The memory that a training takes, measured with a temporary network. */
export async function autoencoderMemory(
  architecture: Autoencoder,
  params: AutoencoderParameters,
): Promise<MemoryEstimate> {
  const network = new Network(architecture, [params.sizePx, params.sizePx, 3], 0);
  try {
    return await measureMemory(network, params.sizePx, trialOf(params), slots, params.batch || 1);
  } finally {
    network.dispose();
  }
}

/** Trains the autoencoder on the training images, without those held out for validation. Throws Cancelled after a cancel, and an Error if the loss is not finite. */
export async function fitAutoencoder(
  architecture: Autoencoder,
  params: AutoencoderParameters,
  context: FitContext<'pixels'>,
): Promise<Fitted<'pixels'>> {
  const { images: pixels, seed, checkpointFile, onEvent, yieldToEventLoop } = context;
  const { train, held } = holdOut(context.train, params.validation, seed);
  const network = new Network(architecture, [pixels.sizePx, pixels.sizePx, 3], seed);
  const state = new TrainState(network, { optimizer: { id: 'adamw', params: { weightDecay: params.weightDecay } } });
  try {
    const fingerprint = JSON.stringify({ params, seed, images: hashOf(context.train), parameters: network.parameters });
    if (context.resume && !state.load(checkpointFile, fingerprint))
      onEvent({ stage: 'note', message: 'No checkpoint of this run: training starts from the beginning.' });
    const loss = lossOf(params.loss, params.ssimWeight);
    const { epochs, minSteps } = params;
    // The batch size is chosen once: a resumed run keeps it.
    state.batch ||= params.batch || (await largestBatch(network, pixels.sizePx, trialOf(params), slots, train.length));
    const memory = await measureMemory(network, pixels.sizePx, trialOf(params), slots, state.batch);
    if (memory.totalMiB > memory.freeMiB) onEvent({ stage: 'note', message: memoryWarning(memory) });
    const training: Training<Autoencoder> = {
      pixels,
      train,
      epochs,
      batch: state.batch,
      minSteps,
      seed,
      make: { shiftPx: Math.round(params.shift * pixels.sizePx), flip: params.flip },
      objective: reconstruct(loss, params.noise),
      rate: rateOf(
        'cosine',
        params.learningRate,
        Math.min(20, (stepsOf(train.length, state.batch, minSteps) * epochs) / 10 + 1),
        { every: 1, fall: 1 },
      ),
      evaluate: async () =>
        held.length ? { valLoss: await meanLoss(network, pixels, loss, held, yieldToEventLoop) } : {},
    };
    const callbacks = [earlyStop(params.patience), checkpoint(checkpointFile, fingerprint), progress(epochs, onEvent)];
    await runTraining(state, training, callbacks, yieldToEventLoop);
    const { seconds, images, waiting } = state.clock();
    return {
      model: networkModel(network, params),
      heldOut: held,
      history: state.history,
      bestEpoch: state.best?.epoch ?? state.epoch,
      stopped: state.stop ? 'early' : 'all',
      resumedFrom: state.resumedFrom,
      imagesPerSecond: images / Math.max(1e-9, seconds),
      waiting,
      batch: state.batch,
      memory,
    };
  } catch (error) {
    network.dispose();
    throw error;
  } finally {
    state.dispose();
  }
}

/** Makes the model from saved weights. Throws if they do not fit the architecture. */
export function restoreAutoencoder(
  architecture: Autoencoder,
  params: AutoencoderParameters,
  arrays: Record<string, Float32Array>,
): Model<'pixels'> {
  const network = new Network(architecture, [params.sizePx, params.sizePx, 3], 0);
  network.load(arrays);
  return networkModel(network, params);
}

function networkModel(network: Network<Autoencoder>, params: AutoencoderParameters): Model<'pixels'> {
  const autoencoder = {
    parameters: network.parameters,
    reconstruct: (x: Tensor4D) => network.infer(x),
    // Without a bottleneck the code is a feature map: its mean over all positions describes the content and not its place.
    encode: (x: Tensor4D): Tensor2D =>
      tf.tidy(() => {
        const code = network.infer(x, network.architecture.encode);
        return code.rank === 4 ? tf.mean(code as Tensor4D, [1, 2]) : (code as Tensor2D);
      }),
    tensors: () => network.tensors(),
    dispose: () => network.dispose(),
  };
  return scoredByError(autoencoder, measureOf(params));
}
