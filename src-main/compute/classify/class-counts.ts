/** Metrics of a classifier from three counts of each class, for any number of classes. */
import { sumOf } from '../../contract/numbers.ts';

/** By class: images that are of it, that are predicted as it, and that are both. */
export interface ClassCounts {
  given: Int32Array;
  predicted: Int32Array;
  right: Int32Array;
}

export const classCounts = (classes: number): ClassCounts => ({
  given: new Int32Array(classes),
  predicted: new Int32Array(classes),
  right: new Int32Array(classes),
});

export function addImage(counts: ClassCounts, given: number, predicted: number): void {
  counts.given[given]++;
  counts.predicted[predicted]++;
  if (given === predicted) counts.right[given]++;
}

/** From image counts [given][predicted]. */
export function countsOf(confusion: readonly number[][]): ClassCounts {
  const counts = classCounts(confusion.length);
  confusion.forEach((row, given) =>
    row.forEach((images, predicted) => {
      counts.given[given] += images;
      counts.predicted[predicted] += images;
      if (given === predicted) counts.right[given] += images;
    }),
  );
  return counts;
}

export interface SummaryMetrics {
  accuracy: number;
  balancedAccuracy: number;
  macroF1: number;
  loss: number;
}

/** Precision, recall and F1 of a class; 0 instead of 0 / 0. */
export function metricsOfClass(
  { given, predicted, right }: ClassCounts,
  c: number,
): { precision: number; recall: number; f1: number } {
  const [precision, recall] = [predicted[c] ? right[c] / predicted[c] : 0, given[c] ? right[c] / given[c] : 0];
  return { precision, recall, f1: precision + recall ? (2 * precision * recall) / (precision + recall) : 0 };
}

/** Metrics over all classes; only classes with images here count. */
export function summaryMetrics(counts: ClassCounts, loss: number): SummaryMetrics {
  let [present, recalls, f1s] = [0, 0, 0];
  for (let c = 0; c < counts.given.length; c++) {
    if (!counts.given[c]) continue;
    const { recall, f1 } = metricsOfClass(counts, c);
    present++;
    recalls += recall;
    f1s += f1;
  }
  return {
    accuracy: sumOf(counts.right) / sumOf(counts.given),
    balancedAccuracy: recalls / present,
    macroF1: f1s / present,
    loss,
  };
}
