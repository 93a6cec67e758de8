/**
 * The loss of a head on some rows, with its gradient: cross-entropy plus an L2 penalty. Computed in tensors; in JavaScript if there are so few numbers that starting
 * tensor operations would take longer than computing them.
 */
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import { sumOf } from '../../contract/numbers.ts';
import { tf } from '../backend.ts';
import { readBack } from '../read-back.ts';
import type { Evaluated } from '../train/lbfgs.ts';

export interface HeadRows {
  x: Float32Array; // [n, size]
  size: number;
  labels: Int32Array;
  classes: number;
  /** Weights of the rows in the mean loss; null for equal weights. */
  weights: Float32Array | null;
}

/** `w`: the weights [size + 1, classes], with the bias in the last row, which is not penalised. */
export interface HeadLoss {
  logits(w: Float64Array): Promise<Float32Array>; // [n, classes]
  at(w: Float64Array, penalty: number): Promise<Evaluated>;
  dispose(): void;
}

/** Up to this many products of a number of a row and a weight, JavaScript is faster. */
const fewProducts = 2 ** 17;

export const headLoss = (rows: HeadRows): HeadLoss =>
  rows.x.length * rows.classes <= fewProducts ? inJavaScript(rows) : inTensors(rows);

/** Weights of the rows whose sum is their number. */
function normalisedWeights({ labels, weights }: HeadRows): Float32Array | null {
  const sum = weights && sumOf(weights);
  return weights && weights.map((v) => (v * labels.length) / sum!);
}

export function inJavaScript(rows: HeadRows): HeadLoss {
  const { x, size, labels, classes } = rows;
  const weights = normalisedWeights(rows);
  const logitsAt = (w: Float64Array): Float64Array => {
    const logits = new Float64Array(labels.length * classes);
    for (let i = 0; i < labels.length; i++) {
      const row = i * classes;
      for (let c = 0; c < classes; c++) logits[row + c] = w[size * classes + c];
      for (let d = 0; d < size; d++) {
        const value = x[i * size + d];
        for (let c = 0; c < classes; c++) logits[row + c] += value * w[d * classes + c];
      }
    }
    return logits;
  };
  return {
    logits: async (w) => Float32Array.from(logitsAt(w)),
    async at(w, penalty) {
      const errors = logitsAt(w);
      const gradient = new Float64Array(w.length);
      let loss = 0;
      for (let i = 0; i < labels.length; i++) {
        const row = i * classes;
        let most = -Infinity;
        for (let c = 0; c < classes; c++) most = Math.max(most, errors[row + c]);
        let sum = 0;
        for (let c = 0; c < classes; c++) sum += Math.exp(errors[row + c] - most);
        const scale = (weights ? weights[i] : 1) / labels.length;
        loss += scale * (Math.log(sum) + most - errors[row + labels[i]]);
        for (let c = 0; c < classes; c++) {
          errors[row + c] = scale * (Math.exp(errors[row + c] - most) / sum - Number(c === labels[i]));
          gradient[size * classes + c] += errors[row + c];
        }
        for (let d = 0; d < size; d++) {
          const value = x[i * size + d];
          for (let c = 0; c < classes; c++) gradient[d * classes + c] += value * errors[row + c];
        }
      }
      return penalised(w, size * classes, penalty, loss, gradient);
    },
    dispose: () => undefined,
  };
}

export function inTensors(rows: HeadRows): HeadLoss {
  const { size, labels, classes } = rows;
  const count = labels.length;
  const own = normalisedWeights(rows);
  const hot = new Float32Array(count * classes);
  labels.forEach((label, i) => (hot[i * classes + label] = 1));
  const x = tf.tensor2d(rows.x, [count, size]);
  const targets = tf.tensor2d(hot, [count, classes]);
  const weights = own && tf.tensor2d(own, [count, 1]);
  const logitsAt = (w: Float64Array): Tensor2D =>
    tf.add(
      tf.matMul(x, tf.tensor2d(Float32Array.from(w.subarray(0, size * classes)), [size, classes])),
      tf.tensor1d(Float32Array.from(w.subarray(size * classes))),
    );
  return {
    logits: (w) => readBack(tf.tidy(() => logitsAt(w))),
    async at(w, penalty) {
      const packed = tf.tidy(() => {
        const logs = tf.logSoftmax(logitsAt(w));
        const losses = tf.mul(targets, logs);
        const loss = tf.neg(tf.sum(weights ? tf.mul(losses, weights) : losses));
        const errors = tf.sub(tf.exp(logs), targets);
        const weighed = (weights ? tf.mul(errors, weights) : errors) as Tensor2D;
        return tf.concat1d([
          tf.reshape(tf.matMul(x, weighed, true), [-1]),
          tf.sum(weighed, 0) as Tensor1D,
          tf.reshape(loss, [1]),
        ]);
      });
      const values = await readBack(packed);
      const gradient = Float64Array.from(values.subarray(0, -1), (v) => v / count);
      return penalised(w, size * classes, penalty, values.at(-1)! / count, gradient);
    },
    dispose: () => tf.dispose([x, targets, ...(weights ? [weights] : [])]),
  };
}

/** Adds the penalty to the loss, and its derivative to the gradient, in place. */
function penalised(
  w: Float64Array,
  kernelSize: number,
  penalty: number,
  loss: number,
  gradient: Float64Array,
): Evaluated {
  let squares = 0;
  for (let i = 0; i < kernelSize; i++) {
    squares += w[i] ** 2;
    gradient[i] += penalty * w[i];
  }
  return { value: loss + (penalty / 2) * squares, gradient };
}
