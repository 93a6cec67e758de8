/** What a point promises: the expected improvement, as a logarithm, or the upper confidence bound. Values are standardised; larger is better. */
import type { Prediction } from './gaussian-process.ts';
import { density, logDensity, millsRatio, probability } from './normal.ts';

/** With its derivatives. */
export interface Acquisition {
  value: number;
  byMean: number;
  byDeviation: number;
}

/** Beyond this, 1 − z·m(z) of Mills' ratio m is taken from its series. */
const seriesFrom = 50;

/**
 * The logarithm of the expected improvement over `best` (Ament et al. 2023, LogEI). The improvement itself is 0 within rounding at most points of a space; its logarithm still says where to
 * climb.
 */
export function logExpectedImprovement({ mean, deviation }: Prediction, best: number): Acquisition {
  const z = (mean - best) / deviation;
  const scale = Math.log(deviation);
  if (z > -1) {
    const improvement = density(z) + z * probability(z);
    return {
      value: scale + Math.log(improvement),
      byMean: probability(z) / improvement / deviation,
      byDeviation: density(z) / improvement / deviation,
    };
  }
  const ratio = millsRatio(-z);
  const rest = z > -seriesFrom ? 1 + z * ratio : (1 - 3 / z ** 2 + 15 / z ** 4 - 105 / z ** 6) / z ** 2;
  return {
    value: scale + logDensity(z) + Math.log(rest),
    byMean: ratio / rest / deviation,
    byDeviation: 1 / rest / deviation,
  };
}

/** Mean + √β deviations (Srinivas et al. 2010). */
export const upperConfidenceBound = ({ mean, deviation }: Prediction, beta: number): Acquisition => ({
  value: mean + Math.sqrt(beta) * deviation,
  byMean: 1,
  byDeviation: Math.sqrt(beta),
});
