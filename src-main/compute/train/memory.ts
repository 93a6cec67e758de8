/**
 * What a training takes of memory, before it begins: one pass on one image and one on two tell how much each further image adds (it grows in a
 * straight line, since activations do), and what is there whatever the batch: weights, gradient, the optimizer's vectors, the best weights so far.
 */
import type { Scalar, Tensor, Tensor4D } from '@tensorflow/tfjs';
import type { MemoryEstimate } from '../../contract/machine.ts';
import { tf } from '../backend.ts';
import type { Architecture, Network } from '../models/network.ts';
import { isOutOfMemory } from '../out-of-memory.ts';
import { readBack } from '../read-back.ts';

/** The largest batch that is looked for, and the share of what is free that it may take. */
const mostImages = 1024;
const share = 0.6;

/** A loss of the kind that will be trained by: `x` [n, S, S, 3], `run` as in an objective. */
export type Trial<A extends Architecture> = (x: Tensor4D, run: (input: Tensor4D) => ReturnType<A['forward']>) => Scalar;

/** `slots`: vectors as long as the weights that the optimizer keeps. */
export async function estimateMemory<A extends Architecture>(
  network: Network<A>,
  sizePx: number,
  loss: Trial<A>,
  slots: number,
  batch: number,
): Promise<MemoryEstimate> {
  const one = await bytesOfPass(network, sizePx, loss, 1);
  const two = await bytesOfPass(network, sizePx, loss, 2);
  const perImage = Math.max(0, two - one);
  const vector = network.parameters * 4;
  // Weights, best weights, what a checkpoint reads back, the optimizer's, and its results beside what they replace.
  const fixed = vector * (3 + 2 * slots) + Math.max(0, one - perImage);
  return {
    parameters: network.parameters,
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
  const { perImageMiB, fixedMiB, freeMiB } = await estimateMemory(network, sizePx, loss, slots, 1);
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

const mebi = (bytes: number): number => Math.round((bytes / 2 ** 20) * 10) / 10;
