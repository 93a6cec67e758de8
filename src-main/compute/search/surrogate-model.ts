/** The surrogate of a search: a Gaussian process over the points of its space, fitted to the trials so far. */
import { largestOf, smallestOf } from '../../contract/numbers.ts';
import type { Objective, Space } from '../../contract/search.ts';
import { logExpectedImprovement } from './acquisition.ts';
import { Embedding } from './embedding.ts';
import { GaussianProcess } from './gaussian-process.ts';
import { fitHyperparameters, type Observations } from './marginal-likelihood.ts';
import { outcomesOf, type Outcomes } from './outcomes.ts';
import type { Observed } from './strategy.ts';

/** Fewer trials with a value say nothing about a function. */
export const fewestValues = 3;
/** More make a fit slow: the best half of them is kept, and the newest of the rest. */
const mostTrials = 256;

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
  /** 1 if the objective is maximised, else −1. */
  sign: 1 | -1;
  objectiveOf: Outcomes['objectiveOf'];
  slopeAt: Outcomes['slopeAt'];
}

/** The last few models: the charts of a search ask for the same one again and again. */
const recent = new Map<string, SurrogateModel | null>();
const mostRecent = 4;

/** Null with fewer than three values, or if all are equal. */
export function fitSurrogate(
  space: Space,
  direction: Objective['direction'],
  observed: readonly Observed[],
): SurrogateModel | null {
  const key = JSON.stringify([Object.entries(space), direction, observed]);
  const model = recent.has(key) ? recent.get(key)! : fit(space, direction, observed);
  recent.delete(key);
  recent.set(key, model);
  if (recent.size > mostRecent) recent.delete(recent.keys().next().value!);
  return model;
}

/** A failed trial counts like the worst value: its parameters are avoided, but do not bend the rest of the surface. */
function fit(space: Space, direction: Objective['direction'], observed: readonly Observed[]): SurrogateModel | null {
  const embedding = new Embedding(space);
  const sign = direction === 'maximise' ? 1 : -1;
  const all = observed.filter(({ state }) => state !== 'pending');
  const withValue = all.filter((trial): trial is Observed & { value: number } => hasValue(trial));
  if (withValue.length < fewestValues) return null;
  const trials = mostUseful(withValue, sign);
  const failed = all.filter((trial) => !hasValue(trial)).slice(-mostTrials / 4);
  const outcomes = outcomesOf(
    trials.map(({ value }) => value),
    direction,
  );
  if (!outcomes) return null;
  const { standardised, objectiveOf, slopeAt } = outcomes;
  const worst = smallestOf(standardised);

  const coordinates = trials.map(({ parameters }) => embedding.coordinatesOf(parameters));
  const observations = observationsOf(
    embedding,
    [...coordinates, ...failed.map(({ parameters }) => embedding.coordinatesOf(parameters))],
    [...standardised, ...failed.map(() => worst)],
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
    sign,
    objectiveOf,
    slopeAt,
  };
}

/** Why `fitSurrogate` returns null, in words. */
export function whyNoSurrogate(observed: readonly Observed[]): string {
  const count = observed.filter(hasValue).length;
  return count < fewestValues
    ? `The surrogate needs at least ${fewestValues} trials with a value. There ${count === 1 ? 'is 1' : `are ${count || 'none'}`} so far.`
    : `All ${count} trials have the same value, so there is nothing to learn from them yet.`;
}

/** The expected improvement at a latent point, in units of the objective near the best value. */
export function expectedAt({ embedding, expecting, best, slopeAt }: SurrogateModel, latent: Float64Array): number {
  return slopeAt(best) * Math.exp(logExpectedImprovement(expecting.predict(embedding.coordinates(latent)), best).value);
}

const hasValue = ({ state, value }: Observed): boolean =>
  state !== 'failed' && state !== 'pending' && value !== null && Number.isFinite(value);

function observationsOf(embedding: Embedding, rows: readonly Float64Array[], y: readonly number[]): Observations {
  const d = embedding.axes.length;
  const x = new Float64Array(rows.length * d);
  rows.forEach((row, i) => x.set(row, i * d));
  return { x, y: Float64Array.from(y), isCategory: embedding.isCategory };
}

function mostUseful<T extends { value: number; number: number }>(trials: readonly T[], sign: number): T[] {
  if (trials.length <= mostTrials) return [...trials];
  const best = trials.toSorted((a, b) => sign * (b.value - a.value) || a.number - b.number).slice(0, mostTrials / 2);
  const kept = new Set(best);
  for (let i = trials.length - 1; kept.size < mostTrials; i--) kept.add(trials[i]);
  return trials.filter((trial) => kept.has(trial));
}
