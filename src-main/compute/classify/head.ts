/**
 * Trains a classification head alone: multinomial logistic regression on stored embeddings, with an L2 penalty, by L-BFGS. Each dimension of the embeddings is
 * standardised. The penalty with the least validation loss is chosen; then the head is fitted again to training and validation images together.
 */
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import { meanOf, sumOf } from '../../contract/numbers.ts';
import { tf } from '../backend.ts';
import { concatenate } from '../pixels.ts';
import { readBack } from '../read-back.ts';
import { minimise } from '../train/lbfgs.ts';
import { accuracyOf, lossAt, meanLoss, type Predictions } from './evaluate.ts';

/** The weights of the classification layer, for embeddings that are not standardised. */
export interface Head {
  kernel: Float32Array; // [size, classes]
  bias: Float32Array; // [classes]
}

export interface HeadExamples {
  codes: Float32Array; // [n, size]
  size: number;
  labels: Int32Array;
  classes: number;
  /** Weights of the classes in the mean loss, [classes]; null for equal weights. */
  weights: Float32Array | null;
}

export interface HeadFit {
  head: Head;
  /** Logits of the validation images by a head that was not fitted to them: [val, classes]. */
  valLogits: Float32Array;
  /** The penalty λ that was chosen or given: λ / 2 times the sum of the squared weights is added to the mean loss. */
  penalty: number;
  /** One entry for each penalty that was tried, the strongest first. */
  tried: { penalty: number; loss: number; accuracy: number; valLoss: number | null; valAccuracy: number | null }[];
}

export interface HeadOptions {
  /** 0 to choose it. */
  penalty?: number;
  /** Fit to the validation images too, after they have chosen the penalty. */
  refit?: boolean;
  /** Choose the strongest penalty whose validation loss is within one standard error of the least (Breiman et al. 1984), so that wrong labels are not memorised. */
  oneStandardError?: boolean;
}

/** From strong to weak, in steps of half a decade. */
const penalties = Array.from({ length: 9 }, (_, i) => 10 ** (0.5 - i / 2));
/** The penalty if there are no validation images. */
export const defaultPenalty = 0.1;
/** The search stops after this many penalties in a row that are worse than the best. */
const maxWorse = 2;

/** Fits a head. `train` and `val`: rows of `examples`. */
export async function fitHead(
  examples: HeadExamples,
  train: Int32Array,
  val: Int32Array,
  { penalty: given = 0, refit = true, oneStandardError = false }: HeadOptions,
  yieldToEventLoop: () => Promise<void>,
  onTried: (tried: HeadFit['tried']) => void = () => undefined,
): Promise<HeadFit> {
  const { size, classes, labels } = examples;
  const scale = scaleDroppingConstants(examples, train);
  const learned = prepared(examples, train, scale);
  const held = val.length ? prepared(examples, val, scale) : null;
  const predictionsOf = async ({ x }: Prepared, w: Float64Array, rows: Int32Array): Promise<Predictions> => ({
    logits: await logitsOf(x, w, size, classes),
    labels: rows.map((p) => labels[p]),
    classes,
  });
  try {
    const tried: HeadFit['tried'] = [];
    const fits: { penalty: number; w: Float64Array; heldLoss: number; error: number; logits: Float32Array }[] = [];
    let least = Infinity;
    let w = new Float64Array((size + 1) * classes);
    let worse = 0;
    for (const penalty of given ? [given] : held ? penalties : [defaultPenalty]) {
      w = (await solve(learned, w, { size, classes, penalty }, yieldToEventLoop)) as Float64Array<ArrayBuffer>;
      const own = await predictionsOf(learned, w, train);
      const predictions = held && (await predictionsOf(held, w, val));
      const valLoss = predictions && meanLoss(predictions);
      tried.push({
        penalty,
        loss: meanLoss(own),
        accuracy: accuracyOf(own),
        valLoss,
        valAccuracy: predictions && accuracyOf(predictions),
      });
      onTried(tried);
      const heldLoss = valLoss ?? 0;
      fits.push({
        penalty,
        w,
        heldLoss,
        error: predictions ? standardError(predictions) : 0,
        logits: predictions?.logits ?? new Float32Array(0),
      });
      worse = heldLoss < least ? 0 : worse + 1;
      least = Math.min(least, heldLoss);
      if (worse >= maxWorse) break;
    }
    const best = fits.find(({ heldLoss }) => heldLoss === least)!;
    const {
      penalty,
      logits,
      w: chosen,
    } = oneStandardError ? fits.find(({ heldLoss }) => heldLoss <= least + best.error)! : best;
    let last = chosen;
    if (held && refit) {
      const all = prepared(examples, concatenate(train, val), scale);
      try {
        last = await solve(all, last, { size, classes, penalty }, yieldToEventLoop);
      } finally {
        dispose(all);
      }
    }
    return { head: unscaled(last, scale, size, classes), valLogits: logits, penalty, tried };
  } finally {
    dispose(learned);
    if (held) dispose(held);
  }
}

/** The standard error of the mean loss. */
function standardError({ logits, labels, classes }: Predictions): number {
  const losses = Array.from(labels, (label, i) => lossAt(logits, i, classes, label));
  const mean = meanOf(losses);
  return Math.sqrt(losses.reduce((sum, loss) => sum + (loss - mean) ** 2, 0)) / losses.length;
}

/** The logits of a head: [rows, classes]. */
export async function headLogits({ kernel, bias }: Head, codes: Float32Array, size: number): Promise<Float32Array> {
  const classes = bias.length;
  return readBack(
    tf.tidy(() =>
      tf.add(
        tf.matMul(tf.tensor2d(codes, [codes.length / size, size]), tf.tensor2d(kernel, [size, classes])),
        tf.tensor1d(bias),
      ),
    ),
  );
}

interface Prepared {
  x: Tensor2D; // [n, size], scaled
  targets: Tensor2D; // [n, classes]
  weights: Tensor2D | null; // [n, 1], their sum is n
}

const dispose = ({ x, targets, weights }: Prepared): void => tf.dispose([x, targets, ...(weights ? [weights] : [])]);

interface Scale {
  mean: Float32Array;
  factor: Float32Array;
}

/**
 * Mean and 1 / standard deviation of each dimension (population variance) over the training rows. The factor is 0 for a constant dimension (variance up to
 * 1e-12). `embed/standardise.ts` says why distances use another scale.
 */
function scaleDroppingConstants({ codes, size }: HeadExamples, rows: Int32Array): Scale {
  const [sums, squares] = [new Float64Array(size), new Float64Array(size)];
  for (const row of rows) for (let d = 0; d < size; d++) sums[d] += codes[row * size + d];
  for (const row of rows)
    for (let d = 0; d < size; d++) squares[d] += (codes[row * size + d] - sums[d] / rows.length) ** 2;
  return {
    mean: Float32Array.from(sums, (sum) => sum / rows.length),
    factor: Float32Array.from(squares, (sum) => (sum > 1e-12 * rows.length ? 1 / Math.sqrt(sum / rows.length) : 0)),
  };
}

function prepared(
  { codes, size, labels, classes, weights }: HeadExamples,
  rows: Int32Array,
  { mean, factor }: Scale,
): Prepared {
  const x = new Float32Array(rows.length * size);
  const targets = new Float32Array(rows.length * classes);
  rows.forEach((row, i) => {
    for (let d = 0; d < size; d++) x[i * size + d] = (codes[row * size + d] - mean[d]) * factor[d];
    targets[i * classes + labels[row]] = 1;
  });
  const own = weights && Float32Array.from(rows, (row) => weights[labels[row]]);
  const sum = own ? sumOf(own) : 1;
  return {
    x: tf.tensor2d(x, [rows.length, size]),
    targets: tf.tensor2d(targets, [rows.length, classes]),
    weights:
      own &&
      tf.tensor2d(
        own.map((v) => (v * rows.length) / sum),
        [rows.length, 1],
      ),
  };
}

/** Minimises the loss. Returns the weights [size + 1, classes], with the bias in the last row, which is not penalised. */
async function solve(
  { x, targets, weights }: Prepared,
  start: Float64Array,
  { size, classes, penalty }: { size: number; classes: number; penalty: number },
  yieldToEventLoop: () => Promise<void>,
): Promise<Float64Array> {
  const count = x.shape[0];
  const kernelSize = size * classes;
  const { x: found } = await minimise(async (w) => {
    await yieldToEventLoop();
    const packed = tf.tidy(() => {
      const logits = tf.add(tf.matMul(x, kernelOf(w, size, classes)), biasOf(w, size));
      const logs = tf.logSoftmax(logits);
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
    const gradient = Float64Array.from(
      values.subarray(0, -1),
      (v, i) => v / count + (i < kernelSize ? penalty * w[i] : 0),
    );
    let squares = 0;
    for (let i = 0; i < kernelSize; i++) squares += w[i] ** 2;
    return { value: values.at(-1)! / count + (penalty / 2) * squares, gradient };
  }, start);
  return found;
}

const kernelOf = (w: Float64Array, size: number, classes: number): Tensor2D =>
  tf.tensor2d(Float32Array.from(w.subarray(0, size * classes)), [size, classes]);
const biasOf = (w: Float64Array, size: number): Tensor1D =>
  tf.tensor1d(Float32Array.from(w.subarray((w.length / (size + 1)) * size)));

const logitsOf = async (x: Tensor2D, w: Float64Array, size: number, classes: number): Promise<Float32Array> =>
  readBack(tf.tidy(() => tf.add(tf.matMul(x, kernelOf(w, size, classes)), biasOf(w, size))));

/** Converts weights for standardised embeddings to weights for the embeddings themselves. */
function unscaled(w: Float64Array, { mean, factor }: Scale, size: number, classes: number): Head {
  const kernel = new Float32Array(size * classes);
  const bias = Float64Array.from(w.subarray(size * classes));
  for (let d = 0; d < size; d++) {
    for (let c = 0; c < classes; c++) {
      kernel[d * classes + c] = w[d * classes + c] * factor[d];
      bias[c] -= w[d * classes + c] * factor[d] * mean[d];
    }
  }
  return { kernel, bias: Float32Array.from(bias) };
}
