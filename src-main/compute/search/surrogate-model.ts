/** The surrogate of a search: a Gaussian process over the points of its space, fitted to the trials so far. */
import { largestOf, meanOf, smallestOf } from '../../contract/numbers.ts';
import type { Objective, Space } from '../../contract/search.ts';
import { quantileOf } from '../../contract/statistics.ts';
import { logExpectedImprovement } from './acquisition.ts';
import { Embedding } from './embedding.ts';
import { GaussianProcess } from './gaussian-process.ts';
import { fitHyperparameters, type Observations } from './marginal-likelihood.ts';
import type { Observed } from './strategy.ts';

/** Fewer trials with a value say nothing about a function. */
export const fewestValues = 3;
/** More make a fit slow: the best half of them is kept, and the newest of the rest. */
const mostTrials = 400;

export interface SurrogateModel {
  embedding: Embedding;
  /** Of standardised values: larger is better. */
  process: GaussianProcess;
  /** The same with the pending trials at the mean of all values (constant liar, Ginsbourger et al. 2010): it keeps away from where trials run already. */
  expecting: GaussianProcess;
  /** The largest posterior mean at a trial with a value; without noise that is the best value. */
  best: number;
  /** The trials with a value, and their coordinates; the best one. */
  trials: readonly (Observed & { value: number })[];
  coordinates: readonly Float64Array[];
  bestTrial: Observed & { value: number };
  /** The objective of a standardised value, and the objective per standard deviation. */
  objectiveOf(standardised: number): number;
  scale: number;
}

/** Null with fewer than three values, or if all are equal. A failed trial counts like the worst value: its parameters are avoided, but do not bend the rest of the surface. */
export function fitSurrogate(
  space: Space,
  direction: Objective['direction'],
  observed: readonly Observed[],
): SurrogateModel | null {
  const embedding = new Embedding(space);
  const sign = direction === 'maximise' ? 1 : -1;
  const all = observed.filter(({ state }) => state !== 'pending');
  const withValue = all.filter((trial): trial is Observed & { value: number } => hasValue(trial));
  if (withValue.length < fewestValues) return null;
  const trials = mostUseful(withValue, sign);
  const failed = all.filter((trial) => !hasValue(trial)).slice(-mostTrials / 4);
  const limited = withoutOutliers(trials.map(({ value }) => sign * value));
  const worst = smallestOf(limited);
  const values = [...limited, ...failed.map(() => worst)];
  const mean = meanOf(values);
  const deviation = Math.sqrt(meanOf(values.map((value) => (value - mean) ** 2)));
  if (!(deviation > 1e-12 * Math.max(1e-300, Math.abs(mean)))) return null;

  const coordinates = trials.map(({ parameters }) => embedding.coordinatesOf(parameters));
  const observations = observationsOf(
    embedding,
    [...coordinates, ...failed.map(({ parameters }) => embedding.coordinatesOf(parameters))],
    values.map((value) => (value - mean) / deviation),
  );
  const process = new GaussianProcess(observations, fitHyperparameters(observations));
  const pending = observed.filter(({ state }) => state === 'pending');
  const liars = pending.map(({ parameters }) => embedding.coordinatesOf(parameters));
  return {
    embedding,
    process,
    expecting: pending.length
      ? process.with(
          observationsOf(
            embedding,
            liars,
            liars.map(() => 0),
          ),
        )
      : process,
    best: largestOf(coordinates.map((x) => process.predict(x).mean)),
    trials,
    coordinates,
    bestTrial: trials.reduce((a, b) => (sign * b.value > sign * a.value ? b : a)),
    objectiveOf: (standardised) => sign * (mean + deviation * standardised),
    scale: deviation,
  };
}

/** Why `fitSurrogate` returns null, in words. */
export function whyNoSurrogate(observed: readonly Observed[]): string {
  const count = observed.filter(hasValue).length;
  return count < fewestValues
    ? `The surrogate needs at least ${fewestValues} trials with a value. There ${count === 1 ? 'is 1' : `are ${count || 'none'}`} so far.`
    : `All ${count} trials have the same value, so there is nothing to learn from them yet.`;
}

/** The expected improvement at a latent point, in units of the objective. */
export function expectedAt({ embedding, expecting, best, scale }: SurrogateModel, latent: Float64Array): number {
  return scale * Math.exp(logExpectedImprovement(expecting.predict(embedding.coordinates(latent)), best).value);
}

const hasValue = ({ state, value }: Observed): boolean =>
  state !== 'failed' && state !== 'pending' && value !== null && Number.isFinite(value);

function observationsOf(embedding: Embedding, rows: readonly Float64Array[], y: readonly number[]): Observations {
  const d = embedding.axes.length;
  const x = new Float64Array(rows.length * d);
  rows.forEach((row, i) => x.set(row, i * d));
  return { x, y: Float64Array.from(y), isCategory: embedding.isCategory };
}

/** A diverged training must not flatten the differences between all others: what is far below the lower quartile is raised (Tukey's fences, wide). */
function withoutOutliers(values: readonly number[]): number[] {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, middle, high] = [0.25, 0.5, 1].map((q) => quantileOf(sorted, q));
  const fence = low - 3 * Math.max(middle - low, (high - middle) / 2);
  return values.map((value) => Math.max(value, fence));
}

function mostUseful<T extends { value: number; number: number }>(trials: readonly T[], sign: number): T[] {
  if (trials.length <= mostTrials) return [...trials];
  const best = trials.toSorted((a, b) => sign * (b.value - a.value) || a.number - b.number).slice(0, mostTrials / 2);
  const kept = new Set(best);
  for (let i = trials.length - 1; kept.size < mostTrials; i--) kept.add(trials[i]);
  return trials.filter((trial) => kept.has(trial));
}
