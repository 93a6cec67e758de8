/**
 * Adam (Kingma & Ba 2015) on the network's one flat vector: a dozen operations a step, whatever the number of layers.
 * `decay` is decoupled weight decay (Loshchilov & Hutter 2019).
 */
import type { Tensor, Variable } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { adamStep } from '../ops/update.ts';

const beta1 = 0.9;
const beta2 = 0.999;
const epsilon = 1e-7;

export class Adam {
  readonly #mean: Variable;
  readonly #square: Variable;
  #steps = 0;

  constructor(size: number) {
    [this.#mean, this.#square] = [0, 0].map((start) => tf.tidy(() => tf.variable(tf.fill([size], start))));
  }

  apply(weights: Variable, gradient: Tensor, learningRate: number, decay = 0): void {
    this.#steps++;
    const rate = (learningRate * Math.sqrt(1 - beta2 ** this.#steps)) / (1 - beta1 ** this.#steps);
    tf.tidy(() => {
      const fused = adamStep(weights, this.#mean, this.#square, gradient, { beta1, beta2, rate: learningRate / (1 - beta1 ** this.#steps), correction: Math.sqrt(1 - beta2 ** this.#steps), epsilon, l2: 0, decay: learningRate * decay }, [[0, weights.size]]);
      if (fused) return [weights, this.#mean, this.#square].forEach((v, i) => v.assign(fused[i]));
      this.#mean.assign(tf.add(tf.mul(this.#mean, beta1), tf.mul(gradient, 1 - beta1)));
      this.#square.assign(tf.add(tf.mul(this.#square, beta2), tf.mul(tf.square(gradient), 1 - beta2)));
      const change = tf.div(tf.mul(this.#mean, rate), tf.add(tf.sqrt(this.#square), epsilon));
      const kept = decay ? tf.mul(weights, 1 - learningRate * decay) : weights;
      weights.assign(tf.sub(kept, change));
    });
  }

  read(): { steps: number; mean: Float32Array; square: Float32Array } {
    return { steps: this.#steps, mean: this.#mean.dataSync<'float32'>(), square: this.#square.dataSync<'float32'>() };
  }

  write({ steps, mean, square }: { steps: number; mean: Float32Array; square: Float32Array }): void {
    this.#steps = steps;
    tf.tidy(() => {
      this.#mean.assign(tf.tensor1d(mean));
      this.#square.assign(tf.tensor1d(square));
    });
  }

  dispose(): void {
    tf.dispose([this.#mean, this.#square]);
  }
}
