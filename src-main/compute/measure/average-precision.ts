/** Average precision: the mean of the precision at each score, weighted by the gain in recall, without interpolation (scikit-learn's `average_precision_score`). */
import { stepsOf } from './ordered.ts';

/** Null without anomalous images. */
export function averagePrecision(scores: ArrayLike<number>, isAnomalous: ArrayLike<boolean>): number | null {
  const steps = stepsOf(scores, isAnomalous);
  const anomalous = steps.at(-1)?.hits ?? 0;
  if (!anomalous) return null;
  let [sum, before] = [0, 0];
  for (const { hits, falseAlarms } of steps) {
    sum += ((hits - before) / anomalous) * (hits / (hits + falseAlarms));
    before = hits;
  }
  return sum;
}
