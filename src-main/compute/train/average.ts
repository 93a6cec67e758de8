/**
 * An exponential moving average (EMA) of the weights (Polyak & Juditsky 1992), which often performs better than the last weights. At the start the decay is
 * limited to (1 + t) / (10 + t), as in TensorFlow, so that it follows the weights closely.
 */
import type { Variable } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { valuesOf } from '../read-back.ts';

export class Average {
  readonly #decay: number;
  readonly #warmUp: boolean;
  readonly #mean: Variable;
  #steps = 0;

  constructor(weights: Variable, decay: number, warmUp = true) {
    this.#decay = decay;
    this.#warmUp = warmUp;
    this.#mean = tf.tidy(() => tf.variable(tf.clone(weights)));
  }

  /** Updates the average. Call it after each step of the optimizer. */
  take(weights: Variable): void {
    this.#steps++;
    const decay = this.#warmUp ? Math.min(this.#decay, (1 + this.#steps) / (10 + this.#steps)) : this.#decay;
    tf.tidy(() => this.#mean.assign(tf.add(tf.mul(this.#mean, decay), tf.mul(weights, 1 - decay))));
  }

  /** Exchanges the average and the variable's values: once before an evaluation, and once after it to continue training. */
  swap(variable: Variable): void {
    tf.tidy(() => {
      const last = tf.clone(variable);
      variable.assign(tf.clone(this.#mean));
      this.#mean.assign(last);
    });
  }

  /** The state for a checkpoint. */
  async read(): Promise<{ steps: number; mean: Float32Array }> {
    return { steps: this.#steps, mean: await valuesOf(this.#mean) };
  }

  write({ steps, mean }: { steps: number; mean: Float32Array }): void {
    this.#steps = steps;
    tf.tidy(() => this.#mean.assign(tf.tensor1d(mean)));
  }

  dispose(): void {
    this.#mean.dispose();
  }
}
