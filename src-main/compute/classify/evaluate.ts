/**
 * Evaluates a classifier. All metrics, their confidence intervals and the calibration are computed from the logits alone. Probabilities are softmax(logits /
 * temperature); the temperature is fitted to validation images (Guo et al. 2017). Importing this module loads no tensors.
 */
import type { Calibration, Evaluation, Measured } from '../../contract/classifier.ts';
import { wilsonInterval } from '../../contract/binomial.ts';
import { clamp, sumOf } from '../../contract/numbers.ts';
import { binOf } from '../../contract/statistics.ts';
import { random } from '../random.ts';
import {
  addImage,
  classCounts,
  countsOf,
  metricsOfClass,
  summaryMetrics,
  type SummaryMetrics,
} from './class-counts.ts';

/** Row i has the logits of image i; `labels[i]` is the index of its class. */
export interface Predictions {
  logits: Float32Array; // [n, K]
  labels: Int32Array;
  classes: number;
}

/** The predictions of the images at these positions. */
export function rowsAt({ logits, labels, classes }: Predictions, positions: Int32Array): Predictions {
  const out = new Float32Array(positions.length * classes);
  positions.forEach((p, i) => out.set(logits.subarray(p * classes, (p + 1) * classes), i * classes));
  return { logits: out, labels: positions.map((p) => labels[p]), classes };
}

/** softmax(logits / temperature) of each row, [n, classes]. */
export function probabilitiesOf(logits: Float32Array, classes: number, temperature = 1): Float32Array {
  const out = new Float32Array(logits.length);
  for (let at = 0; at < logits.length; at += classes) {
    let most = -Infinity;
    for (let k = 0; k < classes; k++) most = Math.max(most, logits[at + k]);
    let sum = 0;
    for (let k = 0; k < classes; k++) sum += out[at + k] = Math.exp((logits[at + k] - most) / temperature);
    for (let k = 0; k < classes; k++) out[at + k] /= sum;
  }
  return out;
}

/** Cross-entropy of one row: −log softmax(logits / temperature)[label], in nats. Computed from logits, so that small probabilities do not become 0. */
export function lossAt(logits: Float32Array, row: number, classes: number, label: number, temperature = 1): number {
  const at = row * classes;
  let most = -Infinity;
  for (let k = 0; k < classes; k++) most = Math.max(most, logits[at + k]);
  let sum = 0;
  for (let k = 0; k < classes; k++) sum += Math.exp((logits[at + k] - most) / temperature);
  return Math.log(sum) - (logits[at + label] - most) / temperature;
}

/** The index of the largest value of a row; the first of several. */
export function largestAt(values: Float32Array, row: number, classes: number): number {
  let best = 0;
  for (let k = 1; k < classes; k++) if (values[row * classes + k] > values[row * classes + best]) best = k;
  return best;
}

/** Mean cross-entropy, in nats. */
export function meanLoss({ logits, labels, classes }: Predictions, temperature = 1): number {
  let sum = 0;
  for (let i = 0; i < labels.length; i++) sum += lossAt(logits, i, classes, labels[i], temperature);
  return sum / labels.length;
}

/** Mean cross-entropy if each class were the label with equal probability. */
function meanLossOfAllLabels({ logits, labels, classes }: Predictions, temperature: number): number {
  let sum = 0;
  for (let i = 0; i < labels.length; i++) {
    let mean = 0;
    for (let k = 0; k < classes; k++) mean += logits[i * classes + k] / classes;
    // The losses of two labels differ only by the difference of their logits.
    sum += lossAt(logits, i, classes, 0, temperature) + (logits[i * classes] - mean) / temperature;
  }
  return sum / labels.length;
}

/** The fraction of correct predictions, 0..1. */
export const accuracyOf = ({ logits, labels, classes }: Predictions): number =>
  labels.reduce((right, label, i) => right + Number(largestAt(logits, i, classes) === label), 0) / labels.length;

/**
 * The temperature from 0.05 to 20 with the least loss, by golden-section search over its logarithm; 1 without images. If a few images are all predicted
 * correctly, the least loss is at an extreme confidence. So, as in Platt 1999, a fraction of 1 / (n + 2) of each label is spread over the other classes.
 */
export function temperatureOf(held: Predictions): number {
  const n = held.labels.length;
  if (!n) return 1;
  const doubt = held.classes / (held.classes - 1) / (n + 2);
  const golden = (Math.sqrt(5) - 1) / 2;
  const loss = (log: number): number =>
    (1 - doubt) * meanLoss(held, Math.exp(log)) + doubt * meanLossOfAllLabels(held, Math.exp(log));
  let [low, high] = [Math.log(0.05), Math.log(20)];
  while (high - low > 1e-4) {
    const [a, b] = [high - golden * (high - low), low + golden * (high - low)];
    if (loss(a) < loss(b)) high = b;
    else low = a;
  }
  return Math.exp((low + high) / 2);
}

const binCount = 15;

/** Expected calibration error over 15 bins of equal width (Guo et al. 2017), and the bins that contain images. */
export function calibrationBins(
  probabilities: Float32Array,
  labels: Int32Array,
  classes: number,
): { error: number; bins: Calibration['bins'] } {
  const bins = Array.from({ length: binCount }, () => ({ confidence: 0, accuracy: 0, images: 0 }));
  labels.forEach((label, i) => {
    const predicted = largestAt(probabilities, i, classes);
    const confidence = probabilities[i * classes + predicted];
    const bin = bins[binOf(confidence, binCount)];
    bin.confidence += confidence;
    bin.accuracy += Number(predicted === label);
    bin.images++;
  });
  const filled = bins.filter(({ images }) => images);
  const error =
    filled.reduce((sum, { confidence, accuracy }) => sum + Math.abs(confidence - accuracy), 0) /
    Math.max(1, labels.length);
  return {
    error,
    bins: filled.map(({ confidence, accuracy, images }) => ({
      confidence: confidence / images,
      accuracy: accuracy / images,
      images,
    })),
  };
}

/** All metrics on images that were not trained on. `temperatures`: the temperature of the model that predicted an image. Without images, all values are NaN. */
export function evaluate(
  predictions: Predictions,
  classNames: readonly string[],
  on: Evaluation['on'],
  temperatures: (image: number) => number,
  seed: number,
): Evaluation {
  const { logits, labels, classes } = predictions;
  const n = labels.length;
  const scaled = new Float32Array(logits.length);
  for (let i = 0; i < logits.length; i++) scaled[i] = logits[i] / temperatures(Math.floor(i / classes));
  const predicted = Int32Array.from(labels, (_, i) => largestAt(logits, i, classes));
  const losses = Float64Array.from(labels, (label, i) => lossAt(scaled, i, classes, label));
  const k = classes > 5 ? 5 : classes > 3 ? 3 : 0;
  const inTopK = Uint8Array.from(labels, (label, i) => Number(rankOf(logits, i, classes, label) < k));

  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  labels.forEach((label, i) => confusion[label][predicted[i]]++);
  const counts = countsOf(confusion);
  const whole = summaryMetrics(counts, sumOf(losses) / n);

  // 95 % intervals by the percentiles of a bootstrap over images (Efron 1979).
  const rounds = clamp(Math.floor(2e7 / (n + classes ** 2)), 100, 2000);
  const next = random('bootstrap', seed, n);
  const drawn = Array.from({ length: rounds }, () => {
    const drawnCounts = classCounts(classes);
    let loss = 0;
    for (let i = 0; i < n; i++) {
      const j = Math.floor(next() * n);
      addImage(drawnCounts, labels[j], predicted[j]);
      loss += losses[j];
    }
    return summaryMetrics(drawnCounts, loss / n);
  });
  const measured = (name: keyof SummaryMetrics): Measured => {
    const values = Float64Array.from(drawn, (round) => round[name]).sort();
    return {
      value: whole[name],
      low: values[Math.floor(0.025 * (rounds - 1))],
      high: values[Math.ceil(0.975 * (rounds - 1))],
    };
  };

  /** A fraction of images with its Wilson interval: if all images are correct, a bootstrap interval would have length 0. */
  const proportion = (value: number): Measured => ({ value, ...wilsonInterval(value, n) });

  const before = calibrationBins(probabilitiesOf(logits, classes), labels, classes);
  const after = calibrationBins(probabilitiesOf(scaled, classes), labels, classes);
  return {
    on,
    images: n,
    accuracy: proportion(whole.accuracy),
    balancedAccuracy: measured('balancedAccuracy'),
    macroF1: measured('macroF1'),
    loss: measured('loss'),
    topK: k ? { k, ...proportion(sumOf(inTopK) / n) } : null,
    classes: classNames.map((name, c) => ({ name, images: counts.given[c], ...metricsOfClass(counts, c) })),
    confusion,
    calibration: {
      error: before.error,
      temperature: n ? sumOf(Float64Array.from(labels, (_, i) => temperatures(i))) / n : 1,
      scaledError: after.error,
      bins: before.bins,
      scaledBins: after.bins,
    },
  };
}

/** The number of classes that are more probable than the label. */
function rankOf(logits: Float32Array, row: number, classes: number, label: number): number {
  let above = 0;
  for (let k = 0; k < classes; k++) if (logits[row * classes + k] > logits[row * classes + label]) above++;
  return above;
}
