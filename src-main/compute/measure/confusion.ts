/** Decisions at a threshold against the truth. Anomalous is the positive class; an image is flagged if its score is at or above the threshold. */
import type { Confusion } from '../../contract/evaluation.ts';
import { stepsOf } from './ordered.ts';

export function confusionAt(threshold: number, scores: ArrayLike<number>, isAnomalous: ArrayLike<boolean>): Confusion {
  const counts = { truePositive: 0, falsePositive: 0, falseNegative: 0, trueNegative: 0 };
  for (let i = 0; i < scores.length; i++) {
    if (scores[i] >= threshold) counts[isAnomalous[i] ? 'truePositive' : 'falsePositive']++;
    else counts[isAnomalous[i] ? 'falseNegative' : 'trueNegative']++;
  }
  return counts;
}

/** The harmonic mean of precision and recall; 0 if nothing is found. */
export const f1Of = ({ truePositive, falsePositive, falseNegative }: Omit<Confusion, 'trueNegative'>): number =>
  truePositive && (2 * truePositive) / (2 * truePositive + falsePositive + falseNegative);

/** The score with the best F1 as a threshold; the highest of several. Null without anomalous images. */
export function bestF1(
  scores: ArrayLike<number>,
  isAnomalous: ArrayLike<boolean>,
): { threshold: number; f1: number } | null {
  const steps = stepsOf(scores, isAnomalous);
  const anomalous = steps.at(-1)?.hits ?? 0;
  let best: { threshold: number; f1: number } | null = null;
  for (const { threshold, hits, falseAlarms } of steps) {
    const f1 = f1Of({ truePositive: hits, falsePositive: falseAlarms, falseNegative: anomalous - hits });
    if (anomalous && f1 > (best?.f1 ?? -1)) best = { threshold, f1 };
  }
  return best;
}
