/** How much a ranking depends on which images a scorer was fitted with: it is fitted again with other seeds to random halves of the training images. */
import { clamp, meanOf } from '../../contract/numbers.ts';
import { fewestForStability, type RankStability } from '../../contract/stability.ts';
import { random, sampleOf } from '../random.ts';
import { rankCorrelation } from '../rank-correlation.ts';
import type { Fitted, FitContext } from './scorer.ts';

/**
 * Compares the ranking of all images by `scores` with those of `fits` other fits. `fit` fits to these training images; `scoreWith` gives the scores of all images; `number`: of the fit. null
 * with fewer than `fewestForStability` training images. Throws Cancelled after a cancel.
 */
export async function measureStability(
  fits: number,
  scores: Float64Array,
  { train, seed }: Pick<FitContext, 'train' | 'seed'>,
  fit: (part: Pick<FitContext, 'train' | 'seed'>, number: number) => Promise<Fitted>,
  scoreWith: (fitted: Fitted, number: number) => Promise<Float64Array>,
): Promise<RankStability | null> {
  if (!fits || train.length < fewestForStability) return null;
  const count = clamp(Math.round(scores.length / 20), 1, 20);
  const first = topOf(scores, count);
  const correlations: number[] = [];
  const shared: number[] = [];
  for (let number = 0; number < fits; number++) {
    const half = sampleOf(train, Math.ceil(train.length / 2), random('half', seed, number));
    const fitted = await fit({ train: half, seed: seed + number + 1 }, number);
    try {
      const others = await scoreWith(fitted, number);
      correlations.push(rankCorrelation(scores, others));
      shared.push(Array.from(topOf(others, count)).filter((position) => first.has(position)).length);
    } finally {
      fitted.model.dispose();
    }
  }
  return { fits, correlation: meanOf(correlations), top: count, shared: meanOf(shared) };
}

/** The positions of the highest scores. */
function topOf(scores: Float64Array, count: number): Set<number> {
  const order = Array.from(scores.keys()).sort((a, b) => scores[b] - scores[a]);
  return new Set(order.slice(0, count));
}
