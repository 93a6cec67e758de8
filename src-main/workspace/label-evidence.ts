/**
 * Which labels can be judged. The label of an image says something only about models that learned its class without it: from enough independent images of the class.
 * Duplicates and near copies are always in one fold, so all of them together are one independent image. The same holds for a suggested class.
 */
import { plural } from '../contract/words.ts';

/** A class is learned from at least this many independent images. */
export const leastLearned = 2;

/** Why a label cannot be judged; the categories of the column `<run>.unjudged`. */
export const unjudgedReasons = ['one image', 'near copies', 'too few others', 'class not trained'] as const;
export type UnjudgedReason = (typeof unjudgedReasons)[number];

/** The number of independent images of each class among these positions. `labels`: class index, −1 for none. */
export function countIndependent(
  positions: Iterable<number>,
  labels: Int32Array,
  units: Int32Array,
  classes: number,
): number[] {
  const seen = Array.from({ length: classes }, () => new Set<number>());
  for (const i of positions) if (labels[i] >= 0) seen[labels[i]].add(units[i]);
  return seen.map(({ size }) => size);
}

/** Which model predicted each image, and what the models had learned from. */
export interface Predictors {
  /** By position: the model; −1 for the mean of all models. */
  by: Int32Array;
  /** By model: the number of independent training images of each class. */
  learned: readonly (readonly number[])[];
}

/** `partition`: the fold of each position, −1 for none. Model f is trained on all positions in other folds. */
export function predictorsOf(
  partition: Int32Array,
  labels: Int32Array,
  units: Int32Array,
  classes: number,
  folds: number,
): Predictors {
  const trainedOn = (fold: number) => [...partition.keys()].filter((i) => partition[i] >= 0 && partition[i] !== fold);
  return {
    by: partition,
    learned: Array.from({ length: folds }, (_, fold) => countIndependent(trainedOn(fold), labels, units, classes)),
  };
}

/** For predictions whose folds are not known: the most that a model can have learned from without the image and its copies. */
export function bestPredictors(labels: Int32Array, units: Int32Array, classes: number): Predictors {
  const all = countIndependent(labels.keys(), labels, units, classes);
  return { by: labels, learned: all.map((_, own) => all.map((count, c) => (c === own ? count - 1 : count))) };
}

export interface LabelEvidence {
  /** [samples, classes]: 1 if all models that predicted the image had learned the class. */
  learned: Uint8Array;
  /** By position: index into `unjudgedReasons`; NaN if the label can be judged, or there is none. */
  unjudged: Float64Array;
}

export function labelEvidence(
  predictors: readonly Predictors[],
  labels: Int32Array,
  units: Int32Array,
  classes: number,
): LabelEvidence {
  const learned = new Uint8Array(labels.length * classes).fill(1);
  for (const { by, learned: counts } of predictors) {
    const most = Array.from({ length: classes }, (_, c) => counts.reduce((a, row) => Math.max(a, row[c]), 0));
    for (let i = 0; i < labels.length; i++) {
      const row = by[i] < 0 ? most : counts[by[i]];
      for (let c = 0; c < classes; c++) if (row[c] < leastLearned) learned[i * classes + c] = 0;
    }
  }
  const images = new Int32Array(classes);
  for (const label of labels) if (label >= 0) images[label]++;
  const independent = countIndependent(labels.keys(), labels, units, classes);
  const reasonOf = (label: number): UnjudgedReason =>
    images[label] === 1 ? 'one image' : independent[label] === 1 ? 'near copies' : 'too few others';
  const unjudged = Float64Array.from(labels, (label, i) =>
    label < 0 || learned[i * classes + label] ? NaN : unjudgedReasons.indexOf(reasonOf(label)),
  );
  return { learned, unjudged };
}

/** Why these images of a class cannot be judged, as a sentence. */
export function unjudgedSentence(name: string, images: number, reason: UnjudgedReason): string {
  switch (reason) {
    case 'one image':
      return `${name} has only 1 image, so no model could learn ${name} without it.`;
    case 'near copies':
      return `All ${images} images of ${name} are near copies, so no model could learn ${name} without them.`;
    case 'too few others':
      return `${plural(images, 'image')} of ${name}: the models could learn ${name} from fewer than ${leastLearned} other images; near copies count as one.`;
    case 'class not trained':
      return `${plural(images, 'image')} of ${name}: the classifier was not trained on this class.`;
  }
}
