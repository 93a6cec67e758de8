/** The objective of autoencoders: the loss between an image and its reconstruction, optionally from a noisy input. */
import type { Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import type { Autoencoder, Network } from '../models/network.ts';
import { uniform } from '../ops/dropout.ts';
import { uploadPixels } from '../ops/upload.ts';
import { blockOf, type Pixels } from '../pixels.ts';
import { readBack } from '../read-back.ts';
import type { Objective } from './loop.ts';
import type { Loss } from './losses.ts';

/** `noise`: standard deviation of the noise that is added to the input but not to the target (denoising autoencoder, Vincent et al. 2008). */
export const reconstruct = (loss: Loss, noise = 0): Objective<Autoencoder> => ({
  loss: (x, run, _batch, key) => loss.value(x, run(noise ? addNoise(x, noise, key) : x)),
});

/** The mean loss on validation images, in inference mode. */
export async function meanLoss(
  network: Network<Autoencoder>,
  pixels: Pixels,
  loss: Loss,
  held: Int32Array,
  yieldToEventLoop: () => Promise<void>,
): Promise<number> {
  let sum = 0;
  const block = blockOf(pixels.sizePx);
  for (let at = 0; at < held.length; at += block) {
    const positions = held.subarray(at, at + block);
    const value = tf.tidy(() => {
      const x = uploadPixels(pixels.read(positions), positions.length, pixels.sizePx);
      return loss.value(x, network.infer(x));
    });
    sum += (await readBack(value))[0] * positions.length;
    await yieldToEventLoop();
  }
  return sum / held.length;
}

function addNoise(x: Tensor4D, spread: number, seed: (number | string)[]): Tensor4D {
  // Uniform noise of the same standard deviation.
  return tf.add(x, tf.mul(tf.sub(uniform(x.shape, ['noise', ...seed]), 0.5), spread * Math.sqrt(12)));
}
