/**
 * The rules that place a threshold on anomaly scores. Each is a record: it places the threshold from the evidence, or says what it lacks. Scores at or
 * above the threshold are flagged.
 */
import { lowerBound, upperBound } from './numbers.ts';
import { excessAt, fitPareto } from './pareto.ts';
import { medianAbsoluteDeviation, medianOf, quantileOf } from './statistics.ts';
import { plural, whole } from './words.ts';

/** Lists are ascending and finite. */
export interface Evidence {
  /** Of all images. */
  scores: Float64Array;
  /** Of normal images that the scorer has not seen. */
  normals: Float64Array;
  /** Of images declared normal that the scorer was trained on: lower than those of unseen images. */
  trained: Float64Array;
  /** Of images with a label, by a tag or by the name of their folder; normal ones only if the scorer has not seen them. */
  labelled: { normal: Float64Array; anomalous: Float64Array };
}

/** The parameter of a rule. */
interface RuleValue {
  title: string;
  unit: string;
  default: number;
  min: number;
  max: number;
}

/** Where a rule places the threshold and why; or, in a sentence, what it lacks. */
export type Placed = { score: number; reason: string } | { lacks: string };

export interface ThresholdRule {
  id: string;
  title: string;
  summary: string;
  /** Null if the rule has no parameter. */
  value: RuleValue | null;
  /** `value` is within the bounds of the rule's parameter. */
  place(evidence: Evidence, value: number): Placed;
}

/** Below this number of normal images nothing is fitted to them and nothing is promised. */
export const fewestNormals = 5;
const fewestLabelled = 3;
/** For the tail: at least so many normal images, and so many of them in the tail. */
const fewestForTail = 100;
const fewestExcesses = 20;
const tailShare = 0.1;

/** The smallest number above `value`. */
function justAbove(value: number): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value === 0 ? 0 : value); // turns -0 into 0
  view.setBigInt64(0, view.getBigInt64(0) + (value < 0 ? -1n : 1n));
  return view.getFloat64(0);
}

/** How many of the values, ascending, are at or above `score`. */
export const countFrom = (sorted: Float64Array, score: number): number => sorted.length - lowerBound(sorted, score);

/**
 * `score`, if at most `most` of the values are flagged at it; else the lowest threshold at which they are: above the value that must not be flagged, halfway to the next
 * one of `others`. So one very high value among few does not carry the threshold away.
 */
function atMost(sorted: Float64Array, score: number, most: number, others = sorted): number {
  if (countFrom(sorted, score) <= most) return score;
  const last = sorted[sorted.length - 1 - most];
  const next = others[upperBound(others, last)];
  const between = last + (next - last) / 2;
  return between > last ? between : justAbove(last);
}

const normalsOf = (n: number): string => plural(n, 'normal image');
const tooFew = (needed: number, { normals }: Evidence, permits = ''): Placed => ({
  lacks: `This needs ${needed} normal images that the method has not seen; there ${normals.length === 1 ? 'is' : 'are'} ${whole(normals.length)}.${permits}`,
});

/** Of unseen normal images, if there are enough; else of those trained on; else of all images. */
function bulkOf({ normals, trained, scores }: Evidence): { sorted: Float64Array; images: string } {
  if (normals.length >= fewestNormals) return { sorted: normals, images: normalsOf(normals.length) };
  return trained.length >= fewestNormals
    ? { sorted: trained, images: `${plural(trained.length, 'training image')}, which score lower than unseen ones` }
    : { sorted: scores, images: `all ${whole(scores.length)} images, assuming that most are normal` };
}

export const thresholdRules: readonly ThresholdRule[] = [
  {
    id: 'percentile',
    title: 'Percentile',
    summary: 'This percentage of normal images scores below the threshold.',
    value: { title: 'Percentile', unit: '%', default: 95, min: 50, max: 99.99 },
    place(evidence, value) {
      const { normals } = evidence;
      const needed = Math.ceil(100 / (100 - value) - 1e-9);
      const permitted = Math.floor(100 - 100 / normals.length);
      if (normals.length < Math.max(needed, fewestNormals))
        return tooFew(
          Math.max(needed, fewestNormals),
          evidence,
          normals.length >= fewestNormals ? ` They permit up to ${permitted} %.` : '',
        );
      const most = Math.floor(normals.length * (1 - value / 100) + 1e-9);
      return {
        score: atMost(normals, quantileOf(normals, value / 100), most, evidence.scores),
        reason: `The ${value} % percentile of ${normalsOf(normals.length)}.`,
      };
    },
  },
  {
    id: 'scaled',
    title: 'P95 × factor',
    summary: 'The 95 % percentile of the normal images times a factor, for few normal images. Only for scores above 0.',
    value: { title: 'Factor', unit: '×', default: 1.4, min: 1, max: 10 },
    place(evidence, value) {
      const { normals } = evidence;
      if (normals.length < fewestNormals) return tooFew(fewestNormals, evidence);
      if (!(normals[0] >= 0 && normals[normals.length - 1] > 0))
        return { lacks: 'The scores are not above 0, so a factor has no meaning.' };
      return {
        score: quantileOf(normals, 0.95) * value,
        reason: `${value} times the 95 % percentile of ${normalsOf(normals.length)}.`,
      };
    },
  },
  {
    id: 'tail',
    title: 'Tail of normals',
    summary:
      'The tail of the normal scores, continued by a generalised Pareto distribution: for fewer false alarms than a percentile can judge.',
    value: { title: 'False alarms in 1,000', unit: '‰', default: 1, min: 0.01, max: 50 },
    place(evidence, value) {
      const { normals } = evidence;
      // A tenth of one image is as far as the tail is continued.
      const needed = Math.max(fewestForTail, Math.ceil(100 / value - 1e-9));
      if (normals.length < needed) return tooFew(needed, evidence);
      const count = Math.max(fewestExcesses, Math.ceil(normals.length * tailShare));
      const from = normals[normals.length - count - 1];
      const tail = fitPareto(normals.subarray(normals.length - count).map((score) => score - from));
      if (!tail) return { lacks: 'The highest normal scores do not vary, so they have no tail.' };
      return {
        score: from + excessAt(tail, (value / 1000 / count) * normals.length),
        reason: `Where the tail of ${normalsOf(normals.length)} leaves ${value} in 1,000.`,
      };
    },
  },
  {
    id: 'robust',
    title: 'Median + k × MAD',
    summary:
      'So many robust standard deviations above the median (Iglewicz & Hoaglin 1993), of the normal images or else of all.',
    value: { title: 'k', unit: '×', default: 3.5, min: 0, max: 100 },
    place(evidence, value) {
      const { sorted, images } = bulkOf(evidence);
      if (sorted.length < fewestNormals)
        return { lacks: `This needs ${fewestNormals} images with a score; there are ${sorted.length}.` };
      const spread = medianAbsoluteDeviation(sorted);
      if (!(spread > 0)) return { lacks: 'Most scores are equal, so they have no spread.' };
      return {
        score: medianOf(sorted) + value * spread,
        reason: `Median plus ${value} times the median deviation of ${images}.`,
      };
    },
  },
  {
    id: 'share',
    title: 'Expected share',
    summary: 'Flags this percentage of all images, whether they are anomalous or not.',
    value: { title: 'Anomalies', unit: '%', default: 5, min: 0, max: 100 },
    place({ scores }, value) {
      if (!scores.length) return { lacks: 'No image has a score.' };
      const most = Math.round((scores.length * value) / 100);
      const score = most ? scores[scores.length - most] : justAbove(scores[scores.length - 1]);
      return {
        score: atMost(scores, score, most),
        reason: `The ${value} % of the images with the highest scores.`,
      };
    },
  },
  {
    id: 'f1',
    title: 'Best F1',
    summary: 'Separates the images known to be normal from those known to be anomalous with the highest F1.',
    value: null,
    place({ labelled: { normal: normals, anomalous } }) {
      if (normals.length < fewestLabelled || anomalous.length < fewestLabelled)
        return {
          lacks: `This needs ${fewestLabelled} images known to be normal and ${fewestLabelled} known to be anomalous; there are ${whole(normals.length)} and ${whole(anomalous.length)}.`,
        };
      return {
        score: bestF1(normals, anomalous),
        reason: `Separates ${normalsOf(normals.length)} from ${plural(anomalous.length, 'anomaly', 'anomalies')} best (highest F1).`,
      };
    },
  },
];

/** Halfway between the lowest flagged score and the next one below; of equally good ones, the highest. */
function bestF1(normals: Float64Array, anomalous: Float64Array): number {
  let best = { f1: -1, score: NaN };
  for (const score of anomalous) {
    const hits = countFrom(anomalous, score);
    const f1 = (2 * hits) / (anomalous.length + hits + countFrom(normals, score));
    if (f1 >= best.f1) best = { f1, score };
  }
  const below = [normals, anomalous].map((sorted) => sorted[lowerBound(sorted, best.score) - 1] ?? -Infinity);
  const next = Math.max(...below);
  const between = best.score - (best.score - next) / 2;
  return Number.isFinite(between) && between > next ? between : best.score;
}
