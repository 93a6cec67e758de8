/**
 * Trains a classification head alone: multinomial logistic regression on stored embeddings, with an L2 penalty, by L-BFGS. Each dimension of the embeddings is
 * standardised. The penalty with the least validation loss is chosen; then the head is fitted again to training and validation images together.
 */
import { meanOf } from '../../contract/numbers.ts';
import { tf } from '../backend.ts';
import { concatenate } from '../pixels.ts';
import { readBack } from '../read-back.ts';
import { minimise } from '../train/lbfgs.ts';
import { accuracyOf, lossAt, meanLoss, type Predictions } from './evaluate.ts';
import { headLoss, type HeadLoss, type HeadRows } from './head-loss.ts';
import { spanOf, type Span } from './span.ts';

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
  const { classes, labels } = examples;
  const scale = scaleDroppingConstants(examples, train);
  const rows = concatenate(train, val);
  const span = await spanOf(scaled(examples, rows, scale), examples.size, yieldToEventLoop);
  const lossOf = (from: number, to: number): HeadLoss => headLoss(partOf(examples, rows, span, from, to));
  const learned = lossOf(0, train.length);
  const held = val.length ? lossOf(train.length, rows.length) : null;
  const predictionsOf = async (of: HeadLoss, w: Float64Array, rows: Int32Array): Promise<Predictions> => ({
    logits: await of.logits(w),
    labels: rows.map((p) => labels[p]),
    classes,
  });
  try {
    const tried: HeadFit['tried'] = [];
    const fits: { penalty: number; w: Float64Array; heldLoss: number; error: number; logits: Float32Array }[] = [];
    let least = Infinity;
    let w = new Float64Array((span.width + 1) * classes);
    let worse = 0;
    for (const penalty of given ? [given] : held ? penalties : [defaultPenalty]) {
      w = (await solve(learned, w, penalty, yieldToEventLoop)) as Float64Array<ArrayBuffer>;
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
      const all = lossOf(0, rows.length);
      try {
        last = await solve(all, last, penalty, yieldToEventLoop);
      } finally {
        all.dispose();
      }
    }
    return {
      head: unscaled(span.original(last, classes), scale, examples.size, classes),
      valLogits: logits,
      penalty,
      tried,
    };
  } finally {
    learned.dispose();
    held?.dispose();
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

/** Standardised embeddings, [rows, size]. */
function scaled({ codes, size }: HeadExamples, rows: Int32Array, { mean, factor }: Scale): Float32Array {
  const x = new Float32Array(rows.length * size);
  rows.forEach((row, i) => {
    for (let d = 0; d < size; d++) x[i * size + d] = (codes[row * size + d] - mean[d]) * factor[d];
  });
  return x;
}

/** A part of the rows, in the coordinates of their span. */
function partOf(
  { labels, classes, weights }: HeadExamples,
  all: Int32Array,
  { values, width }: Span,
  from: number,
  to: number,
): HeadRows {
  const own = all.subarray(from, to).map((row) => labels[row]);
  return {
    x: values.subarray(from * width, to * width),
    size: width,
    labels: own,
    classes,
    weights: weights && Float32Array.from(own, (label) => weights[label]),
  };
}

/** The weights with the least loss, [size + 1, classes]. */
async function solve(
  loss: HeadLoss,
  start: Float64Array,
  penalty: number,
  yieldToEventLoop: () => Promise<void>,
): Promise<Float64Array> {
  const { x } = await minimise(async (w) => {
    await yieldToEventLoop();
    return loss.at(w, penalty);
  }, start);
  return x;
}

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
