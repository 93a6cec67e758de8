/**
 * Bayesian optimisation with a Gaussian process (Snoek et al. 2012). The first points are quasi-random; then each trial is where the surrogate, fitted to all trials so far, promises most.
 */
import { z } from 'zod';
import { clamp } from '../../contract/numbers.ts';
import type { Assignment, Space } from '../../contract/search.ts';
import { logExpectedImprovement, upperConfidenceBound } from './acquisition.ts';
import { candidates, type Candidate } from './propose.ts';
import { quasiRandomPoint } from './quasi-random.ts';
import { defineStrategy, type Suggestion } from './strategy.ts';
import { expectedAt, fitSurrogate, type SurrogateModel } from './surrogate-model.ts';
import { gridPoints } from './grid-points.ts';
import { keyOf, triedKeys } from './tried.ts';

export const bayesianSearch = defineStrategy({
  id: 'bayesian',
  title: 'Bayesian (Gaussian process)',
  summary: 'Learns from all trials so far where the next one promises most. Needs the fewest trials.',
  schema: z.object({
    acquisition: z
      .enum(['ei', 'ucb'])
      .default('ei')
      .describe(
        'What a point promises: the expected improvement over the best trial, or the upper confidence bound, which explores more.',
      )
      .meta({ title: 'Acquisition', labels: { ei: 'Expected improvement', ucb: 'Upper confidence bound' } }),
    startTrials: z
      .int()
      .min(2)
      .max(1000)
      .nullable()
      .default(null)
      .describe('Quasi-random trials before the surrogate is used. Empty: by the number of parameters, 5 to 10.')
      .meta({ title: 'Start-up trials' }),
    beta: z
      .number()
      .min(0)
      .max(100)
      .default(4)
      .describe('Of the upper confidence bound: more explores more.')
      .meta({ title: 'Beta', advanced: true }),
  }),
  suggest({ space, direction, observed, number, seed, settings }) {
    const start = settings.startTrials ?? startTrialsOf(space);
    const tried = triedKeys(space, observed);
    const model = observed.length < start ? null : fitSurrogate(space, direction, observed);
    if (!model) return quasiRandom(space, tried, seed, number);
    const chosen = promising(model, settings, `${seed}/${number}`).find((candidate) =>
      isNew(candidate, model, space, tried),
    );
    if (!chosen) {
      const left = untried(space, tried);
      return { parameters: left, expected: left && 0, isExhausted: true };
    }
    const expected = expectedAt(model, chosen.latent);
    return {
      parameters: model.embedding.assignmentOf(chosen.latent),
      expected,
      isExhausted: isExhausted(model, expected),
    };
  },
});

/** Two per parameter, 5 to 10. */
const startTrialsOf = (space: Space): number => clamp(2 * Object.keys(space).length, 5, 10);

/** The candidates of a model, most promising first. */
function promising(
  { embedding, expecting, best, trials, bestTrial, sign }: SurrogateModel,
  { acquisition, beta }: { acquisition: 'ei' | 'ucb'; beta: number },
  stream: string,
): Candidate[] {
  const others = trials.filter((trial) => trial !== bestTrial).sort((a, b) => sign * (b.value - a.value));
  return candidates({
    embedding,
    process: expecting,
    acquisition: (prediction) =>
      acquisition === 'ei' ? logExpectedImprovement(prediction, best) : upperConfidenceBound(prediction, beta),
    incumbents: [bestTrial, ...others].map(({ parameters }) => parameters),
    stream,
  });
}

/** Less says nothing about the objective that rounding does not. */
const leastDistance = 1e-7;

/** Not tried before, and not within rounding of a trial. */
function isNew(
  { latent }: Candidate,
  { embedding, coordinates }: SurrogateModel,
  space: Space,
  tried: ReadonlySet<string>,
): boolean {
  if (tried.has(keyOf(space, embedding.assignmentOf(latent)))) return false;
  const x = embedding.coordinates(latent);
  return coordinates.every((row) => row.some((place, axis) => Math.abs(place - x[axis]) > leastDistance));
}

/** The expected improvement is below a tenth of the noise of a trial, or below a thousandth of the deviation of all values. */
function isExhausted({ process, best, slopeAt, trials }: SurrogateModel, expected: number): boolean {
  if (trials.length < 15) return false;
  return expected < slopeAt(best) * Math.max(0.1 * Math.sqrt(process.noise), 1e-3);
}

/** A quasi-random point that was not tried; the sequence repeats itself only in small spaces. */
function quasiRandom(space: Space, tried: ReadonlySet<string>, seed: number, number: number): Suggestion {
  for (let skip = 0; skip < 64; skip++) {
    const parameters = quasiRandomPoint(space, seed, number + skip * 4096);
    if (!tried.has(keyOf(space, parameters))) return { parameters, expected: null, isExhausted: false };
  }
  const left = untried(space, tried);
  return { parameters: left, expected: null, isExhausted: !left };
}

/** Any point that was not tried; null if there is none. Only reached if nearly all points of a space without floats were. */
function untried(space: Space, tried: ReadonlySet<string>): Assignment | null {
  return gridPoints(space, tried.size + 2).find((point) => !tried.has(keyOf(space, point))) ?? null;
}
