/**
 * The memory that a training will take, known before it starts: a part per image of a batch, which grows linearly with the batch, and a fixed part (weights,
 * gradients, the optimizer's arrays). The part per image is found in two ways, which answer different questions. `measureMemory`: what does this training
 * take, with its own loss? It runs one pass with one image and one with two. The form of rankings uses it, and each training before it starts.
 * `predictMemory`: what would a network of these shapes take? It runs nothing, so the form of a classifier can use it at each change of a field, also for networks
 * that are too large to run. A test checks for each architecture that the prediction is within a quarter of the measurement.
 *
 * If a training needs more memory than is free, it starts with a warning. Batch size 0 finds the largest batch that is estimated to fit and has passed once.
 * If memory runs out during a training, the loop halves the batch (`loop.ts`).
 */
import type { Scalar, Tensor, Tensor4D } from '@tensorflow/tfjs';
import type { MemoryEstimate } from '../../contract/machine.ts';
import { tf } from '../backend.ts';
import type { Declaration } from '../models/declare.ts';
import type { Architecture, Network } from '../models/network.ts';
import { sizeOf, type LayerKind } from '../models/scope.ts';
import { isOutOfMemory } from '../out-of-memory.ts';
import { readBack } from '../read-back.ts';

/** `largestBatch` tries batches up to this size, and uses at most this fraction of the free memory. */
const maxBatch = 1024;
const freeFraction = 0.6;

/** A loss like that of the training. `x`: [n, S, S, 3]; `run`: runs the network. */
export type Trial<A extends Architecture> = (x: Tensor4D, run: (input: Tensor4D) => ReturnType<A['forward']>) => Scalar;

/** Measures with passes through the network. `slots`: number of arrays, as long as the weights, that the optimizer keeps. */
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
 * For each kind of layer, the number of tensors of the size of its output that training keeps: outputs, copies, gradients. Fitted to measurements of all
 * architectures on native TensorFlow with our own kernels; other backends need more. The number for a convolution includes the normalisation after it.
 */
const keptPerOutput: Record<LayerKind, number> = {
  convolution: 5,
  'depthwise convolution': 5,
  'transposed convolution': 5,
  'batch normalisation': 0,
  'max pooling': 0.5,
  'average pooling': 0.5,
  scaling: 7,
  addition: 2.5,
  dense: 12,
  'layer normalisation': 12,
  attention: 12,
  embedding: 12,
};
/** The same for the values that a network keeps in addition to the outputs of its layers. */
const keptExtra: Record<keyof Declaration['extra'], number> = {
  inner: 3,
  droppedBranches: 4,
  dropout: 1,
};

/** Predicts the result of `measureMemory` from the declared shapes alone, without a pass and for cross-entropy. */
export function predictMemory(
  { layers, extra, parameters }: Pick<Declaration, 'layers' | 'extra'> & { parameters: number },
  slots: number,
  batch: number,
): MemoryEstimate {
  let values = 0;
  for (const { kind, output } of layers) values += keptPerOutput[kind] * sizeOf(output);
  for (const [name, count] of Object.entries(extra)) values += keptExtra[name as keyof typeof extra] * count;
  return estimateOf(parameters, 4 * values, slots, batch);
}

function estimateOf(parameters: number, perImage: number, slots: number, batch: number): MemoryEstimate {
  // Measured: weights, their split parts, the gradients of both, best weights, copies for a checkpoint; and the optimizer's arrays before and after a step.
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

/** The largest power of two as a batch size that is estimated to fit and has passed once; at least 1. Weights and statistics do not change. */
export async function largestBatch<A extends Architecture>(
  network: Network<A>,
  sizePx: number,
  loss: Trial<A>,
  slots: number,
  images: number,
): Promise<number> {
  const { perImageMiB, fixedMiB, freeMiB } = await measureMemory(network, sizePx, loss, slots, 1);
  let batch = 1;
  while (batch * 2 <= Math.min(maxBatch, images) && fixedMiB + batch * 2 * perImageMiB <= freeMiB * freeFraction)
    batch *= 2;
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
export const memoryWarning = ({ totalMiB, freeMiB, batch }: MemoryEstimate): string =>
  `Training takes about ${Math.round(totalMiB)} MiB with batch size ${batch}, but ${Math.round(freeMiB)} MiB are free: it may be slow, or the system may end it. A smaller batch, size or width needs less.`;

/** The peak memory of computing one gradient. */
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
        let discardStatistics = (): void => undefined;
        const result = tf.variableGrads(() => {
          return loss(x, (input) => {
            const pass = network.train(input, [0]);
            discardStatistics = pass.discardStatistics;
            return pass.y;
          });
        }, [network.weights]);
        discardStatistics();
        return result;
      });
      const gradient = grads[network.weights.name];
      return readBack(gradient).then(() => value);
    })
    .then((profile) => (tf.dispose(profile.result as Tensor), profile));
  return peakBytes - before;
}

/** The memory that is available to the process; the system's caches count as free. */
const freeBytes = (): number => process.availableMemory();

/** Of this process so far. */
export const peakMemoryMiB = (): number => Math.round(process.resourceUsage().maxRSS / 1024);

const mebi = (bytes: number): number => Math.round((bytes / 2 ** 20) * 10) / 10;
