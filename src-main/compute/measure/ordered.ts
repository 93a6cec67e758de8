/** Images ordered by their score, for measures that move a threshold from the highest score down. Images with the same score cross it together. */

/** One of the distinct scores, the highest first, and the images that a threshold at this score flags (`score >= threshold`). */
export interface Step {
  threshold: number;
  /** Flagged anomalous images: true positives. */
  hits: number;
  /** Flagged normal images: false positives. */
  falseAlarms: number;
}

/** `isAnomalous[i]` is the truth of `scores[i]`. Scores are finite. */
export function stepsOf(scores: ArrayLike<number>, isAnomalous: ArrayLike<boolean>): Step[] {
  const order = Uint32Array.from(scores, (_, i) => i).sort((a, b) => scores[b] - scores[a]);
  const steps: Step[] = [];
  let [hits, falseAlarms] = [0, 0];
  for (let i = 0; i < order.length; i++) {
    if (isAnomalous[order[i]]) hits++;
    else falseAlarms++;
    const threshold = scores[order[i]];
    if (i + 1 === order.length || scores[order[i + 1]] !== threshold) steps.push({ threshold, hits, falseAlarms });
  }
  return steps;
}
