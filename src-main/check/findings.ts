/**
 * Findings about the whole dataset: classes with nearly the same name, class imbalance, and classes that a single number (brightness, size) predicts, by cross-validated balanced accuracy. A network
 * trained on such data can learn the number instead of the subject (shortcut learning; Geirhos et al. 2020).
 */
import { clamp, sumOf } from '../contract/numbers.ts';
import { binOf } from '../contract/statistics.ts';
import type { Finding } from '../contract/types.ts';
import { type CheckInput } from './check.ts';

/** Classes are imbalanced if the largest has at least this many times the images of the smallest. */
const imbalanceFrom = 4;
/** In smaller classes, a correlation is too often chance. */
const leastMembers = 20;
/** On a scale from 0 (chance) to 1 (always right): a balanced accuracy of 75 %. */
const correlationFrom = 0.5;
const folds = 5;

interface Trait {
  column: string;
  words: string;
  values(input: CheckInput): Float64Array;
}

const traits: readonly Trait[] = [
  { column: 'brightness', words: 'brightness', values: (input) => input.values('brightness') },
  { column: 'width', words: 'size in pixels', values: areas },
  { column: 'bytes', words: 'size of the file', values: (input) => input.values('bytes') },
  { column: 'sharpness', words: 'sharpness', values: (input) => input.values('sharpness') },
];

function areas(input: CheckInput): Float64Array {
  const height = input.values('height');
  return input.values('width').map((width, i) => width * height[i]);
}

/** Empty if the images have fewer than two classes. */
export function findings(input: CheckInput): Finding[] {
  const members = new Map<string, number[]>();
  input.classes.forEach((name, i) => {
    if (name === null) return;
    const list = members.get(name);
    if (list) list.push(i);
    else members.set(name, [i]);
  });
  return members.size < 2
    ? []
    : [
        ...alike([...members.keys()]),
        imbalance(members),
        ...traits.flatMap((trait) => correlation(trait, trait.values(input), input.units, members)),
      ];
}

/** Classes whose names differ only in upper and lower case or in signs between words: often one class that was written in two ways. They are not merged. */
function alike(names: readonly string[]): Finding[] {
  const written = Map.groupBy(names, (name) =>
    name
      .normalize('NFKC')
      .toLowerCase()
      .replace(/[\s_-]+/g, ' ')
      .trim(),
  );
  return [...written.values()]
    .filter(({ length }) => length > 1)
    .map((same) => ({
      id: 'alike-classes',
      title: 'Classes with nearly the same name',
      message: `${same.map((name) => `‘${name}’`).join(' and ')} differ only in how they are written. If they are one class, give their images one label.`,
      score: 1,
      flagged: true,
      class: same[0],
      column: null,
    }));
}

function imbalance(members: Map<string, number[]>): Finding {
  const sizes = [...members].map(([name, { length }]) => ({ name, size: length })).sort((a, b) => a.size - b.size);
  const [least, most] = [sizes[0], sizes.at(-1)!];
  const ratio = most.size / least.size;
  // Two counts with the same expectation rarely differ by more than this (three standard deviations of Poisson counts).
  const byChance = 3 * Math.sqrt(most.size + least.size);
  return {
    id: 'class-imbalance',
    title: 'Class imbalance',
    message: `‘${most.name}’ has ${most.size} images and ‘${least.name}’ ${least.size}: ${ratio.toFixed(ratio < 10 ? 1 : 0)} times as many.`,
    score: 1 - 1 / ratio,
    flagged: ratio >= imbalanceFrom && most.size - least.size > byChance,
    class: least.name,
    column: null,
  };
}

/** The finding for the class that the number predicts best, of the classes with enough members. */
function correlation(trait: Trait, values: Float64Array, units: Int32Array, members: Map<string, number[]>): Finding[] {
  const labels = new Int32Array(values.length).fill(-1);
  const names = [...members.keys()];
  names.forEach((name, label) => {
    const counted = new Set<number>(); // near copies in a class count as one image
    for (const i of members.get(name)!) {
      if (!Number.isFinite(values[i]) || counted.has(units[i])) continue;
      counted.add(units[i]);
      labels[i] = label;
    }
  });
  const separable = Array.from(classSeparability(values, labels, units, names.length), (score, label) => ({
    name: names[label],
    score,
  }))
    .filter(({ score }) => !Number.isNaN(score))
    .sort((a, b) => b.score - a.score);
  if (!separable.length) return [];
  const [{ name, score }] = separable;
  const others = separable.filter((other) => other.score >= correlationFrom).length - 1;
  const also = others > 0 ? ` The same holds for ${others} more ${others === 1 ? 'class' : 'classes'}.` : '';
  return [
    {
      id: 'spurious-correlation',
      title: `Class depends on ${trait.words}`,
      message: `The ${trait.words} alone separates ‘${name}’ from the other classes in ${Math.round(50 + 50 * score)} of 100 cases (chance: 50).${also}`,
      score,
      flagged: score >= correlationFrom,
      class: name,
      column: trait.column,
    },
  ];
}

/**
 * How well a histogram of one number separates each class from the others: the balanced accuracy of five-fold cross-validation, scaled to 0 for chance and 1 for
 * always right. NaN if the class or the rest has too few members. `labels`: class index per value, −1 for none. Values of one unit are in one fold. Returns one number
 * per class. Bins have about equal counts; equal values share a bin.
 */
function classSeparability(values: Float64Array, labels: Int32Array, units: Int32Array, classes: number): Float64Array {
  const order = Int32Array.from(values.keys())
    .filter((i) => labels[i] >= 0)
    .sort((a, b) => values[a] - values[b] || a - b);
  const n = order.length;
  const sizes = new Int32Array(classes);
  for (const i of order) sizes[labels[i]]++;
  const bins = clamp(Math.floor(Math.sqrt(n) / 2), 2, 16);
  const binAt = new Int32Array(values.length);
  for (let at = 0; at < n;) {
    let end = at;
    while (end < n && values[order[end]] === values[order[at]]) end++;
    const bin = binOf((at + end) / 2 / n, bins);
    while (at < end) binAt[order[at++]] = bin;
  }
  // The members of a class go to the folds in turn, near copies with the first of them, in the order of the dataset, which does not depend on the number.
  const own = new Float64Array(classes * bins * folds); // [class, bin, fold]
  const all = new Float64Array(bins * folds);
  const seen = new Int32Array(classes);
  const foldOf = new Map<number, number>();
  for (let i = 0; i < values.length; i++) {
    if (labels[i] < 0) continue;
    let fold = foldOf.get(units[i]);
    if (fold === undefined) foldOf.set(units[i], (fold = seen[labels[i]]++ % folds));
    const cell = binAt[i] * folds + fold;
    own[labels[i] * bins * folds + cell]++;
    all[cell]++;
  }
  return Float64Array.from(sizes, (size, label) => {
    if (size < leastMembers || n - size < leastMembers) return NaN;
    let right = -1;
    for (let bin = 0; bin < bins; bin++) {
      const from = bin * folds;
      const ownHere = own.subarray(label * bins * folds + from, label * bins * folds + from + folds);
      const allHere = all.subarray(from, from + folds);
      const [ownInBin, allInBin] = [sumOf(ownHere), sumOf(allHere)];
      for (let fold = 0; fold < folds; fold++) {
        const [held, rest] = [ownHere[fold], allHere[fold] - ownHere[fold]];
        // The other folds decide whether this bin predicts the class; both sides are weighted by their sizes.
        const isOwn = (ownInBin - held) * (n - size) > (allInBin - ownInBin - rest) * size;
        right += isOwn ? held / size : rest / (n - size);
      }
    }
    return Math.max(0, right);
  });
}
