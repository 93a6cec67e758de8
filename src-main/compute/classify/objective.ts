/** The training objective of a classifier, and the training dynamics of each image. */
import { tf } from '../backend.ts';
import type { Classifier } from '../models/index.ts';
import { crossEntropies, focalLosses } from '../ops/loss.ts';
import type { Batch } from '../train/feed.ts';
import type { Objective } from '../train/loop.ts';
import type { CheckpointPart } from '../train/state.ts';
import { largestAt, lossAt } from './evaluate.ts';
import { normalised, type Transform } from './transform.ts';

export interface LossParameters {
  loss: 'cross-entropy' | 'focal';
  focus: number;
  /** Class weights in the mean over a batch, [classes]; null for equal weights. */
  weights: Float32Array | null;
}

/** The mean loss of a batch, weighted by class if `weights` are given. `dynamics` records every batch that was seen. */
export function classify(
  transform: Transform,
  { loss, focus, weights }: LossParameters,
  classes: number,
  dynamics?: Dynamics,
): Objective<Classifier> {
  return {
    loss(x, run, { targets }, _key) {
      const logits = run(normalised(x, transform));
      const wanted = tf.tensor2d(targets!, [x.shape[0], classes]);
      const losses = loss === 'focal' ? focalLosses(logits, wanted, focus) : crossEntropies(logits, wanted);
      if (!weights) return tf.mean(losses);
      const own = tf.reshape(tf.matMul(wanted, tf.tensor2d(weights, [classes, 1])), [-1]);
      return tf.div(tf.sum(tf.mul(losses, own)), tf.sum(own));
    },
    seen: dynamics && ((batch, logits) => dynamics.take(batch, logits)),
  };
}

/** Class weights as scikit-learn's `balanced`: images / (classes · images of the class), over the training images. */
export function balancedWeights(labels: Int32Array, train: Int32Array, classes: number): Float32Array {
  const counts = new Float32Array(classes);
  for (const p of train) counts[labels[p]]++;
  return counts.map((count) => (count ? train.length / (classes * count) : 0));
}

/**
 * Training dynamics of each image: its mean loss over the epochs (Swayamdipta et al. 2020), and how often it was predicted correctly and then wrongly (Toneva
 * et al. 2019).
 */
export class Dynamics implements CheckpointPart {
  readonly #labels: Int32Array;
  readonly #classes: number;
  readonly #sum: Float32Array;
  readonly #times: Float32Array;
  readonly #forgotten: Float32Array;
  readonly #known: Float32Array;
  #right = 0;
  #of = 0;

  constructor(labels: Int32Array, classes: number) {
    this.#labels = labels;
    this.#classes = classes;
    [this.#sum, this.#times, this.#forgotten, this.#known] = Array.from(
      { length: 4 },
      () => new Float32Array(labels.length),
    );
  }

  /** Records the logits of a batch. With mixup or CutMix, an image with less than half of its own label is skipped. */
  take({ positions, targets }: Pick<Batch, 'positions' | 'targets'>, logits: Float32Array): void {
    const k = this.#classes;
    positions.forEach((p, i) => {
      const label = this.#labels[p];
      if (targets && targets[i * k + label] < 0.5) return;
      const right = Number(largestAt(logits, i, k) === label);
      this.#sum[p] += lossAt(logits, i, k, label);
      this.#times[p]++;
      if (this.#known[p] && !right) this.#forgotten[p]++;
      this.#known[p] = right;
      if (targets) {
        this.#right += right;
        this.#of++;
      }
    });
  }

  /** The training accuracy since the last call; undefined if there were no batches. */
  accuracy(): number | undefined {
    const accuracy = this.#of ? this.#right / this.#of : undefined;
    [this.#right, this.#of] = [0, 0];
    return accuracy;
  }

  /** One value per position; NaN for images that were never recorded. */
  result(): { meanLoss: Float32Array; forgotten: Float32Array } {
    return {
      meanLoss: this.#sum.map((sum, p) => sum / this.#times[p]),
      forgotten: this.#forgotten.map((n, p) => (this.#times[p] ? n : NaN)),
    };
  }

  read = (): Record<string, Float32Array> => ({
    sum: this.#sum,
    times: this.#times,
    forgotten: this.#forgotten,
    known: this.#known,
  });

  write({ sum, times, forgotten, known }: Record<string, Float32Array>): void {
    this.#sum.set(sum);
    this.#times.set(times);
    this.#forgotten.set(forgotten);
    this.#known.set(known);
  }
}
