/**
 * How much memory a training takes, before it begins: a part for each image of a batch, which grows linearly with the batch as activations do, and a fixed
 * part (weights, gradients, the optimizer's vectors), by one formula. The part of an image is found in two ways, since they answer different questions.
 * `measureMemory`: what does this training take, with its own loss? It runs a pass on one image and one on two. Rankings ask this for their form, since
 * their loss (SSIM) holds images of its own, which no shape of a layer tells; so does each training before it begins. `predictMemory`: what would a
 * network of these shapes take? It runs nothing, so the form of a classifier can ask it at each change of a field, also for networks that are too large to run.
 * A test holds the prediction within a quarter of the measurement for each architecture.
 */
import type { Scalar, Tensor, Tensor4D } from '@tensorflow/tfjs';
import type { MemoryEstimate } from '../../contract/machine.ts';
import { tf } from '../backend.ts';
import type { Declaration } from '../models/declare.ts';
import type { Architecture, Network } from '../models/network.ts';
import { sizeOf, type LayerKind } from '../models/scope.ts';
import { isOutOfMemory } from '../out-of-memory.ts';
import { readBack } from '../read-back.ts';

/** The largest batch that is looked for, and the share of what is free that it may take. */
const mostImages = 1024;
const share = 0.6;

/** A loss of the kind that will be trained by: `x` [n, S, S, 3], `run` as in an objective. */
export type Trial<A extends Architecture> = (x: Tensor4D, run: (input: Tensor4D) => ReturnType<A['forward']>) => Scalar;

/** Measures with passes. `slots`: vectors as long as the weights that the optimizer keeps. */
export async function measureMemory<A extends Architecture>(
  network: Network<A>,
  sizePx: number,
  loss: Trial<A>,
  slots: number,
  batch: number,
): Promise<MemoryEstimate> {
  const one = await bytesOfPass(network, sizePx, loss, 1);
  const two = await bytesOfPass(network, sizePx, loss, 2);
  return estimateOf(network.parameters, Math.max(0, two - one), slots, batch);
}

/**
 * How many tensors of the size of a layer's output training holds for it, by kind: outputs, copies, gradients. Fitted to measurements of all architectures
 * on native TensorFlow with our own kernels; other backends hold more. A convolution's count includes the normalisation after it.
 */
const heldPerOutput: Record<LayerKind, number> = {
  convolution: 5,
  'depthwise convolution': 5,
  'transposed convolution': 5,
  'batch normalisation': 0,
  'max pooling': 0.5,
  'average pooling': 0.5,
  scaling: 7,
  dense: 12,
  'layer normalisation': 12,
  attention: 12,
  embedding: 12,
};
/** The same for what a network holds beside the outputs of its layers. */
const heldBeside: Record<keyof Declaration['beside'], number> = {
  inner: 3,
  branches: 2.5,
  droppedBranches: 4,
  dropout: 1,
};

/** Predicts from declared shapes alone, without a pass and for cross-entropy, what `measureMemory` measures. */
export function predictMemory(
  { layers, beside, parameters }: Pick<Declaration, 'layers' | 'beside'> & { parameters: number },
  slots: number,
  batch: number,
): MemoryEstimate {
  let values = 0;
  for (const { kind, output } of layers) values += heldPerOutput[kind] * sizeOf(output);
  for (const [name, count] of Object.entries(beside)) values += heldBeside[name as keyof typeof beside] * count;
  return estimateOf(parameters, 4 * values, slots, batch);
}

function estimateOf(parameters: number, perImage: number, slots: number, batch: number): MemoryEstimate {
  // As measured: weights, their parts, gradients of both, best weights, what a checkpoint reads back; the optimizer's vectors before and after a step.
  const fixed = 4 * parameters * (8 + 2 * slots);
  return {
    parameters,
    perImageMiB: mebi(perImage),
    fixedMiB: mebi(fixed),
    batch,
    totalMiB: mebi(fixed + batch * perImage),
    freeMiB: mebi(freeBytes()),
  };
}

/** The largest batch, by doubling, that is estimated to fit and then has passed once; at least 1. Weights and statistics stay as they are. */
export async function largestBatch<A extends Architecture>(
  network: Network<A>,
  sizePx: number,
  loss: Trial<A>,
  slots: number,
  images: number,
): Promise<number> {
  const { perImageMiB, fixedMiB, freeMiB } = await measureMemory(network, sizePx, loss, slots, 1);
  let batch = 1;
  while (batch * 2 <= Math.min(mostImages, images) && fixedMiB + batch * 2 * perImageMiB <= freeMiB * share) batch *= 2;
  for (; batch > 1; batch = Math.floor(batch / 2)) {
    try {
      await bytesOfPass(network, sizePx, loss, batch);
      return batch;
    } catch (error) {
      if (!isOutOfMemory(error)) throw error;
    }
  }
  return 1;
}

/** The warning before a training that may not fit into memory. */
export const tooMuch = ({ totalMiB, freeMiB, batch }: MemoryEstimate): string =>
  `Training takes some ${Math.round(totalMiB)} MiB with ${batch} images a step, and ${Math.round(freeMiB)} MiB are free: it may be slow, or the system may end it. A smaller batch, size or width takes less.`;

/** The most that a gradient holds at any time. */
async function bytesOfPass<A extends Architecture>(
  network: Network<A>,
  sizePx: number,
  loss: Trial<A>,
  count: number,
): Promise<number> {
  const before = tf.memory().numBytes;
  const { peakBytes } = await tf
    .profile(() => {
      const { value, grads } = tf.tidy(() => {
        const x = tf.fill([count, sizePx, sizePx, 3], 0.5) as Tensor4D;
        let forget = (): void => undefined;
        const result = tf.variableGrads(() => {
          return loss(x, (input) => {
            const pass = network.train(input, [0]);
            forget = pass.forget;
            return pass.y;
          });
        }, [network.weights]);
        forget();
        return result;
      });
      const gradient = grads[network.weights.name];
      return readBack(gradient).then(() => value);
    })
    .then((profile) => (tf.dispose(profile.result as Tensor), profile));
  return peakBytes - before;
}

/** As the system would give it, its caches counted as free. */
const freeBytes = (): number => process.availableMemory();

/** Of this process so far. */
export const peakMemoryMiB = (): number => Math.round(process.resourceUsage().maxRSS / 1024);

const mebi = (bytes: number): number => Math.round((bytes / 2 ** 20) * 10) / 10;
