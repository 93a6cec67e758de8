/**
 * Finds labels that are probably wrong, by confident learning (Northcutt, Jiang & Chuang 2021): a confidence threshold for each class, and the probability of
 * the given label (self-confidence) as its quality. The input is out-of-fold probabilities (`out-of-fold.ts`). The tests compare the results with cleanlab.
 * Importing this module loads no tensors.
 */
import { sumOf } from '../../contract/numbers.ts';
export interface LabelErrors {
  /** Probability of the given label, 0..1: low is suspicious. NaN for images without a label, and if the label cannot be judged. */
  quality: Float64Array;
  /** The most probable class of those that were learned; −1 if the label cannot be judged. */
  suggested: Int32Array;
  flagged: Uint8Array;
  /** Estimated number of images for each [given label][true label]: each row adds up to the images with that given label. */
  joint: number[][];
}

/**
 * `probabilities`: [n, classes]; `labels`: class indices, −1 for none. A class is predicted confidently if its probability is at least its mean over the images
 * with that label. `learned`: [n, classes], 0 if the models that predicted the image had not learned the class: it is not suggested, and labels of it are not judged.
 */
export function findLabelErrors(
  probabilities: Float32Array,
  given: Int32Array,
  classes: number,
  learned: Uint8Array | null = null,
): LabelErrors {
  const n = given.length;
  const isLearned = (i: number, c: number): boolean => !learned || learned[i * classes + c] === 1;
  const labels = given.map((label, i) => (label >= 0 && isLearned(i, label) ? label : -1));
  const at = (i: number, c: number): number => probabilities[i * classes + c];
  const counts = new Float64Array(classes);
  const sums = new Float64Array(classes);
  labels.forEach((label, i) => {
    if (label < 0) return;
    counts[label]++;
    sums[label] += at(i, label);
  });
  const threshold = sums.map((sum, c) => (counts[c] ? sum / counts[c] : Infinity));

  const confident = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  const suggested = new Int32Array(n);
  const quality = new Float64Array(n).fill(NaN);
  for (let i = 0; i < n; i++) {
    let [predicted, best] = [-1, -1];
    for (let c = 0; c < classes; c++) {
      if (!isLearned(i, c)) continue;
      if (best < 0 || at(i, c) > at(i, best)) best = c;
      if (at(i, c) >= threshold[c] && (predicted < 0 || at(i, c) > at(i, predicted))) predicted = c;
    }
    suggested[i] = given[i] >= 0 && labels[i] < 0 ? -1 : best;
    if (labels[i] < 0) continue;
    quality[i] = at(i, labels[i]);
    if (predicted >= 0) confident[labels[i]][predicted]++;
  }
  // Each row is scaled to the number of images with that label: images without a confident prediction are assumed to be like the others.
  const joint = confident.map((row, label) => {
    const sum = sumOf(row);
    return row.map((count, c) => (sum ? (count / sum) * counts[label] : c === label ? counts[label] : 0));
  });

  // For each pair of classes, flag as many images as `joint` estimates, the most confident predictions first ("prune by noise rate").
  const flagged = new Uint8Array(n);
  for (let label = 0; label < classes; label++) {
    const own = [...labels.keys()].filter((i) => labels[i] === label && suggested[i] !== label);
    for (let other = 0; other < classes; other++) {
      if (other === label) continue;
      const wrong = Math.round(joint[label][other]);
      const surest = own
        .filter((i) => suggested[i] === other)
        .sort((a, b) => at(b, other) - at(b, label) - (at(a, other) - at(a, label)) || a - b);
      for (const i of surest.slice(0, wrong)) flagged[i] = 1;
    }
  }
  return { quality, suggested, flagged, joint };
}
