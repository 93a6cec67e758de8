/**
 * The values of trials as a Gaussian process expects them: larger is better, mean 0, deviation 1, and about symmetric. Objectives rarely are: losses have a long bad tail, accuracies crowd below
 * their best. So values are bent by the Yeo–Johnson transform (2000) of the largest likelihood, as HEBO does (Cowen-Rivers et al. 2022).
 */
import { meanOf } from '../../contract/numbers.ts';
import type { Objective } from '../../contract/search.ts';
import { quantileOf } from '../../contract/statistics.ts';

export interface Outcomes {
  standardised: number[];
  /** The objective of a standardised value. */
  objectiveOf(standardised: number): number;
  /** The change of the objective per standardised unit there, above 0. */
  slopeAt(standardised: number): number;
}

/** Exponents from a logarithm of the good tail (0) to one of the bad tail (2); 1 changes nothing. For these, every number has an inverse. */
const exponents = Array.from({ length: 41 }, (_, i) => i / 20);
/** Of a normal prior around 1. A wide one bends so much that the best values seem far apart, and the search too sure of the first good region. */
const exponentDeviation = 0.125;
/** Beyond this many distances from the median to the lower quartile, or to the best value, a training has diverged; how far does not matter. */
const fenceDistances = 5;

/** Null if all values are equal within rounding. `values`: of at least one trial, finite. */
export function outcomesOf(values: readonly number[], direction: Objective['direction']): Outcomes | null {
  const sign = direction === 'maximise' ? 1 : -1;
  const sorted = values.map((value) => sign * value).sort((a, b) => a - b);
  const [lowest, low, quarter, middle, high, highest] = [0, 0.2, 0.25, 0.5, 0.8, 1].map((q) => quantileOf(sorted, q));
  if (!(highest - lowest > 1e-12 * Math.max(1e-300, Math.abs(lowest), Math.abs(highest)))) return null;
  const fence = middle - fenceDistances * Math.max(middle - quarter, highest - middle);
  const limited = values.map((value) => Math.max(sign * value, fence));
  const spread = deviationOf(limited);
  // Of a normal distribution, the inner three fifths are 1.68 deviations wide.
  const unit = Math.max((high - low) / 1.68, 0.1 * spread);
  const centred = limited.map((value) => (value - middle) / unit);
  const exponent = likeliestExponent(centred);
  const bent = centred.map((value) => bend(value, exponent));
  const [mean, deviation] = [meanOf(bent), deviationOf(bent)];
  return {
    standardised: bent.map((value) => (value - mean) / deviation),
    objectiveOf: (z) => sign * (middle + unit * unbend(mean + deviation * z, exponent)),
    slopeAt: (z) => (unit * deviation) / bendSlope(unbend(mean + deviation * z, exponent), exponent),
  };
}

const deviationOf = (values: readonly number[]): number => {
  const mean = meanOf(values);
  return Math.sqrt(meanOf(values.map((value) => (value - mean) ** 2)));
};

/** Maximises the likelihood of a normal distribution of the bent values, times the prior. */
function likeliestExponent(values: readonly number[]): number {
  const logs = values.map((value) => Math.sign(value) * Math.log1p(Math.abs(value))).reduce((a, b) => a + b);
  const scores = exponents.map(
    (exponent) =>
      -values.length * Math.log(deviationOf(values.map((value) => bend(value, exponent)))) +
      (exponent - 1) * logs -
      0.5 * ((exponent - 1) / exponentDeviation) ** 2,
  );
  return exponents[scores.indexOf(scores.reduce((a, b) => Math.max(a, b)))];
}

/** The Yeo–Johnson transform: for values below 0, with 2 − exponent on their absolute value. */
function bend(value: number, exponent: number): number {
  const power = value < 0 ? 2 - exponent : exponent;
  const log = Math.log1p(Math.abs(value));
  return Math.sign(value) * (power ? Math.expm1(power * log) / power : log);
}

function unbend(bent: number, exponent: number): number {
  const power = bent < 0 ? 2 - exponent : exponent;
  return Math.sign(bent) * Math.expm1(power ? Math.log1p(power * Math.abs(bent)) / power : Math.abs(bent));
}

const bendSlope = (value: number, exponent: number): number =>
  (1 + Math.abs(value)) ** ((value < 0 ? 2 - exponent : exponent) - 1);
