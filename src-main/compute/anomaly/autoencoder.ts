/** The common part of all autoencoders: training parameters, the training of a network of any architecture to repair images, and its linear path. */
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { z } from 'zod';
import type { MemoryEstimate } from '../../contract/machine.ts';
import { tf } from '../backend.ts';
import { snapshots } from '../inside/snapshots.ts';
import { meanSquaredError } from '../ops/loss.ts';
import { Network, type Autoencoder } from '../models/network.ts';
import { checkpoint, earlyStop, progress } from '../train/callbacks.ts';
import { hashOf, holdOut, stepsOf } from '../train/batches.ts';
import { runTraining, type Training } from '../train/loop.ts';
import { measureMemory, largestBatch, memoryWarning, type Trial } from '../train/memory.ts';
import { minStepsParameter } from '../train/parameters.ts';
import { meanRepairLoss, repair } from '../train/reconstruction.ts';
import { rateOf } from '../train/schedules.ts';
import { TrainState } from '../train/state.ts';
import { componentsParameter, fitComponents, linearModel, type Components, type LinearModel } from './components.ts';
import { squaredErrors, type Errors } from './error-map.ts';
import { fitNormalErrors, normalErrorsFrom, tensorsOf, type ErrorPath, type NormalErrors } from './normal-errors.ts';
import { scoredByErrors, scoreParameters } from './reconstruction.ts';
import type { FitContext, Fitted, Model } from './scorer.ts';

export const autoencoderParameters = {
  ...scoreParameters,
  components: componentsParameter,
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
  noise: z
    .number()
    .min(0)
    .max(1)
    .default(0.05)
    .describe('Standard deviation of the noise that is added to the input in training.')
    .meta({ title: 'Noise', advanced: true, step: 0.01 }),
  shift: z
    .number()
    .min(0)
    .max(0.5)
    .default(0)
    .describe('Maximum random shift in training, as a fraction of the side.')
    .meta({ title: 'Shift', advanced: true, step: 0.01 }),
  flip: z
    .boolean()
    .default(false)
    .describe('Random horizontal flip in training.')
    .meta({ title: 'Mirror', advanced: true }),
  epochs: z.int().min(1).max(10000).default(25).describe('Passes over the training images.').meta({ title: 'Epochs' }),
  minSteps: minStepsParameter(16),
  learningRate: z
    .number()
    .positive()
    .max(1)
    .default(0.003)
    .describe('Initial learning rate; it decays along a cosine.')
    .meta({ title: 'Learning rate', advanced: true, step: 0.0005 }),
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
};

/** The optimizer state of AdamW, in vectors as long as the weights. */
const slots = 2;

export type AutoencoderParameters = z.infer<z.ZodObject<typeof autoencoderParameters>>;

/** What differs between the autoencoders. */
export interface Trainable {
  network: Autoencoder;
  /** Side of the parts of images that a step trains on; less than the image only for networks that take images of any size. */
  cropPx: number;
  errors: Errors;
}

const trial: Trial<Autoencoder> = (x, run) => meanSquaredError(x, run(x));

/** The memory that a training takes, measured with a temporary network. */
export async function autoencoderMemory(
  { network: architecture, cropPx }: Trainable,
  { batch }: AutoencoderParameters,
): Promise<MemoryEstimate> {
  const network = new Network(architecture, [cropPx, cropPx, 3], 0);
  try {
    return await measureMemory(network, cropPx, trial, slots, batch || 1);
  } finally {
    network.dispose();
  }
}

/**
 * Trains the autoencoder to repair corrupted versions of the training images, without those held out for validation. Throws Cancelled after a cancel, and an Error if the
 * loss is not finite.
 */
export async function fitAutoencoder(
  { network: architecture, cropPx, errors }: Trainable,
  params: AutoencoderParameters,
  context: FitContext<'pixels'>,
): Promise<Fitted<'pixels'>> {
  const { images: pixels, seed, checkpointFile, onEvent, yieldToEventLoop } = context;
  const { train, held } = holdOut(context.train, params.validation, seed);
  const network = new Network(architecture, [cropPx, cropPx, 3], seed);
  const state = new TrainState(network, { optimizer: { id: 'adamw', params: { weightDecay: 0 } } });
  try {
    const fingerprint = JSON.stringify({ params, seed, images: hashOf(context.train), parameters: network.parameters });
    if (context.resume && !state.load(checkpointFile, fingerprint))
      onEvent({ stage: 'note', message: 'No checkpoint of this run: training starts from the beginning.' });
    const { epochs, minSteps, noise } = params;
    // The batch size is chosen once: a resumed run keeps it.
    state.batch ||= params.batch || (await largestBatch(network, cropPx, trial, slots, train.length));
    const memory = await measureMemory(network, cropPx, trial, slots, state.batch);
    if (memory.totalMiB > memory.freeMiB) onEvent({ stage: 'note', message: memoryWarning(memory) });
    const training: Training<Autoencoder> = {
      pixels,
      train,
      epochs,
      batch: state.batch,
      minSteps,
      seed,
      make: { shiftPx: Math.round(params.shift * pixels.sizePx), flip: params.flip },
      objective: repair(pixels.sizePx, cropPx, noise),
      rate: rateOf(
        'cosine',
        params.learningRate,
        Math.min(20, (stepsOf(train.length, state.batch, minSteps) * epochs) / 10 + 1),
        { every: 1, fall: 1 },
      ),
      evaluate: async () =>
        held.length ? { valLoss: await meanRepairLoss(network, pixels, noise, held, yieldToEventLoop) } : {},
    };
    const callbacks = [
      earlyStop(params.patience),
      ...(context.snapshotFolder === undefined ? [] : [snapshots(context.snapshotFolder, epochs)]),
      checkpoint(checkpointFile, fingerprint),
      progress(epochs, onEvent),
    ];
    await runTraining(state, training, callbacks, yieldToEventLoop);
    const { seconds, images, waiting } = state.clock();
    const components = await fitComponents(params.components, pixels, train, seed, yieldToEventLoop, (done, total) =>
      onEvent({ stage: 'components', done, total }),
    );
    return {
      model: await combine(network, errors, components, { ...context, train }),
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

/** Measures the normal errors of both paths. */
async function combine(
  network: Network<Autoencoder>,
  errors: Errors,
  components: Components,
  { images, train, onEvent, yieldToEventLoop }: FitContext<'pixels'>,
): Promise<Model<'pixels'>> {
  const linear = linearModel(components);
  try {
    const [ofLinear, ofNetwork] = pathsOf(linear, network, errors);
    const normalOf = (path: ErrorPath, before: number): Promise<NormalErrors> =>
      fitNormalErrors(path, images, train, yieldToEventLoop, (done, total) =>
        onEvent({ stage: 'errors', done: before * total + done, total: 2 * total }),
      );
    return networkModel(network, errors, components, {
      linear: await normalOf(ofLinear, 0),
      network: await normalOf(ofNetwork, 1),
    });
  } finally {
    linear.dispose();
  }
}

/** Makes the model from its saved arrays. Throws if they do not fit the architecture, and BadParameters if they are of an earlier version. */
export function restoreAutoencoder(
  { network: architecture, cropPx, errors }: Trainable,
  arrays: Record<string, Float32Array>,
): Model<'pixels'> {
  const normal = { linear: normalErrorsFrom('linear', arrays), network: normalErrorsFrom('network', arrays) };
  const network = new Network(architecture, [cropPx, cropPx, 3], null);
  network.load(arrays);
  return networkModel(
    network,
    errors,
    { mean: arrays['linear/mean'], components: arrays['linear/components'] },
    normal,
  );
}

/**
 * The two ways to reconstruct. Principal components see what is missing or of another colour, in images with the same framing; the convolutional network sees small
 * changes of structure anywhere. The higher of both normalised errors counts, so the score is not worse than PCA's where PCA is the right model.
 */
const pathsOf = (
  linear: LinearModel,
  network: Network<Autoencoder>,
  errors: Errors,
): [linear: ErrorPath, network: ErrorPath] => [
  { reconstruct: linear.reconstruct, errors: squaredErrors },
  { reconstruct: (x) => network.infer(x), errors },
];

function networkModel(
  network: Network<Autoencoder>,
  errors: Errors,
  components: Components,
  normal: Record<'linear' | 'network', NormalErrors>,
): Model<'pixels'> {
  const linear = linearModel(components);
  const [ofLinear, ofNetwork] = pathsOf(linear, network, errors);
  return scoredByErrors(
    {
      parameters: network.parameters + linear.parameters,
      network,
      reconstruct: ofNetwork.reconstruct,
      // If the code is a feature map, its mean over all positions describes the content and not its place.
      encode: (x) =>
        tf.tidy(() => {
          const code = network.infer(x, network.architecture.encode);
          return code.rank === 4 ? (tf.mean(code as Tensor4D, [1, 2]) as Tensor2D) : (code as Tensor2D);
        }),
      async tensors() {
        const { arrays, shapes } = await network.tensors();
        const size = components.mean.length;
        return {
          arrays: {
            ...arrays,
            'linear/mean': components.mean,
            'linear/components': components.components,
            ...tensorsOf('linear', normal.linear),
            ...tensorsOf('network', normal.network),
          },
          shapes: { ...shapes, 'linear/components': [components.components.length / size, size] },
        };
      },
      dispose() {
        network.dispose();
        linear.dispose();
      },
    },
    [
      { ...ofLinear, normal: normal.linear },
      { ...ofNetwork, normal: normal.network },
    ],
  );
}
