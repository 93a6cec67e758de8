/** Two classifiers on the same images: intervals of the differences of their metrics, by a bootstrap that draws images, each with both predictions (Efron 1979). */
import { clamp } from '../../contract/numbers.ts';
import { addImage, classCounts, summaryMetrics, type SummaryMetrics } from '../classify/class-counts.ts';
import { pace } from '../pace.ts';
import { random } from '../random.ts';

/** Classes are indices below `classes`. Image i is the same in all lists. */
export interface PairedPredictions {
  classes: number;
  labels: Int32Array;
  a: { predicted: Int32Array; losses: Float64Array };
  b: { predicted: Int32Array; losses: Float64Array };
}

export interface PairedMetrics {
  a: SummaryMetrics;
  b: SummaryMetrics;
  /** 95 % intervals of b − a, by percentiles. */
  intervals: Record<keyof SummaryMetrics, { low: number; high: number }>;
  /** Image counts [given][predicted]. */
  confusion: { a: number[][]; b: number[][] };
}

/** Draws of images that a person waits for. */
const budget = 4e6;
const fewestRounds = 200;
const mostRounds = 2000;
const names = ['accuracy', 'balancedAccuracy', 'macroF1', 'loss'] as const;

/** There is at least one image. The same images give the same intervals. Other work gets its turn meanwhile. */
export async function pairedMetrics({ classes, labels, a, b }: PairedPredictions): Promise<PairedMetrics> {
  const n = labels.length;
  const metrics = ({ predicted, losses }: PairedPredictions['a'], images: Int32Array): SummaryMetrics => {
    const counts = classCounts(classes);
    let loss = 0;
    for (const i of images) {
      addImage(counts, labels[i], predicted[i]);
      loss += losses[i];
    }
    return summaryMetrics(counts, loss / n);
  };
  const rounds = clamp(Math.floor(budget / (n + classes)), fewestRounds, mostRounds);
  const next = random('paired bootstrap', n);
  const drawn = names.map(() => new Float64Array(rounds));
  const images = new Int32Array(n);
  const yieldToEventLoop = pace(new AbortController().signal);
  for (let round = 0; round < rounds; round++) {
    await yieldToEventLoop();
    for (let i = 0; i < n; i++) images[i] = Math.floor(next() * n);
    const [ofA, ofB] = [metrics(a, images), metrics(b, images)];
    names.forEach((name, k) => (drawn[k][round] = ofB[name] - ofA[name]));
  }
  const interval = (values: Float64Array) => {
    values.sort();
    return { low: values[Math.floor(0.025 * (rounds - 1))], high: values[Math.ceil(0.975 * (rounds - 1))] };
  };
  const all = Int32Array.from({ length: n }, (_, i) => i);
  return {
    a: metrics(a, all),
    b: metrics(b, all),
    intervals: Object.fromEntries(names.map((name, k) => [name, interval(drawn[k])])) as PairedMetrics['intervals'],
    confusion: { a: confusionOf(classes, labels, a.predicted), b: confusionOf(classes, labels, b.predicted) },
  };
}

function confusionOf(classes: number, labels: Int32Array, predicted: Int32Array): number[][] {
  const counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  labels.forEach((label, i) => counts[label][predicted[i]]++);
  return counts;
}
