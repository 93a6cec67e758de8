/** The surrogate along one parameter, or over two, through the best trial: what a chart shows. */
import { BadParameters } from '../bad-parameters.ts';
import { clamp } from '../../contract/numbers.ts';
import { countOf, placeOf, valueAt } from '../../contract/space.ts';
import type { Assignment, Choice, Domain, Space, Surrogate, SurrogateAxis } from '../../contract/search.ts';
import type { Embedding } from './embedding.ts';
import type { Prediction } from './gaussian-process.ts';
import type { Suggestion } from './strategy.ts';
import { expectedAt, type SurrogateModel } from './surrogate-model.ts';

const alongOne = 100;
const alongTwo = 32;

/** The values of an axis: numbers, or indices of choices. */
function axisOf(parameter: string, domain: Domain, most: number): SurrogateAxis {
  const count = Math.min(countOf(domain), domain.type === 'categorical' ? Infinity : most);
  const values = Array.from({ length: count }, (_, i) => numberOf(domain, valueAt(domain, placeAt(domain, i, count))));
  return { parameter, domain, values: [...new Set(values)] };
}

const placeAt = (domain: Domain, i: number, count: number): number =>
  domain.type === 'categorical' ? i : count === 1 ? 0 : i / (count - 1);

/** A value on an axis: itself, or the index of a choice. */
const numberOf = (domain: Domain, value: Choice): number =>
  domain.type === 'categorical' ? domain.choices.indexOf(value) : (value as number);

/** Throws `BadParameters` if the space does not have the parameters. */
export function axesOf(space: Space, parameter: string, second: string | null): SurrogateAxis[] {
  const names = second === null ? [parameter] : [parameter, second];
  for (const name of names) if (!space[name]) throw new BadParameters(`The search has no parameter ‘${name}’.`);
  if (second === parameter) throw new BadParameters('The two parameters must differ.');
  return names.map((name) => axisOf(name, space[name], second === null ? alongOne : alongTwo));
}

/** Where a point is on the axes; null where it does not have the parameter. */
const placesOf = (axes: readonly SurrogateAxis[], point: Assignment): (number | null)[] =>
  axes.map(({ parameter, domain }) => (parameter in point ? numberOf(domain, point[parameter]) : null));

/** `next`: what the strategy suggests now. */
export function sliceOf(
  model: SurrogateModel,
  space: Space,
  axes: readonly SurrogateAxis[],
  upTo: number,
  next: Suggestion,
): Surrogate {
  const { embedding, process, trials, objectiveOf, slopeAt, best } = model;
  const indices = axes.map(({ parameter }) => embedding.axes.findIndex(({ name }) => name === parameter));
  const { latent: base, at } = pointThrough(model, space, axes);
  const grid = axes.reduce<number[][]>(
    (cells, { domain, values }) =>
      cells.flatMap((cell) =>
        values.map((value) => [...cell, domain.type === 'categorical' ? value : placeOf(domain, value)]),
      ),
    [[]],
  );
  const [mean, deviation, acquisition]: (number | null)[][] = [[], [], []];
  for (const cell of grid) {
    const latent = base.slice();
    cell.forEach((place, i) => (latent[indices[i]] = place));
    const active = embedding.activeAxes(latent);
    const isMissing = indices.some((axis) => !active[axis]);
    const found = process.predict(embedding.coordinates(latent, active));
    mean.push(isMissing ? null : objectiveOf(found.mean));
    deviation.push(isMissing ? null : deviationIn(model, found));
    acquisition.push(isMissing ? null : expectedAt(model, latent));
  }
  return {
    upTo,
    at,
    axes: [...axes],
    mean,
    deviation,
    acquisition,
    noise: slopeAt(best) * Math.sqrt(process.noise),
    trials: trials.map(({ number, parameters, value }) => ({ number, place: placesOf(axes, parameters), value })),
    next: next.parameters && {
      parameters: next.parameters,
      place: placesOf(axes, next.parameters),
      expected: next.expected,
    },
    problem: null,
  };
}

/** Half the distance between one deviation above and below the mean, in units of the objective. */
const deviationIn = ({ objectiveOf }: SurrogateModel, { mean, deviation }: Prediction): number =>
  Math.abs(objectiveOf(mean + deviation) - objectiveOf(mean - deviation)) / 2;

/**
 * The latent point of the best trial that has the parameters of the axes; of the best one at all if none has, with parents changed so that it has them. Parameters of other branches are those
 * of the best trial with them.
 */
function pointThrough(
  { embedding, trials, bestTrial, sign }: SurrogateModel,
  space: Space,
  axes: readonly SurrogateAxis[],
): { latent: Float64Array; at: Assignment } {
  const bestFirst = trials.toSorted((a, b) => sign * (b.value - a.value)).map(({ parameters }) => parameters);
  const names = axes.map(({ parameter }) => parameter);
  const base = bestFirst.find((point) => names.every((name) => name in point)) ?? bestTrial.parameters;
  const full: Assignment = {};
  for (const point of [base, ...bestFirst])
    for (const [name, value] of Object.entries(point)) if (!(name in full)) full[name] = value;
  const latent = inRange(embedding, embedding.latentOf(full));
  for (const name of names) activate(embedding, space, latent, name);
  // Values of the trial itself, without the rounding of its places.
  const kept = Object.entries(embedding.assignmentOf(latent)).map(([name, value]) => {
    const axis = embedding.axes.findIndex((one) => one.name === name);
    return [name, placeOf(space[name], full[name] ?? value) === latent[axis] ? (full[name] ?? value) : value] as const;
  });
  return { latent, at: Object.fromEntries(kept) };
}

/** Trials from before a change of the bounds may lie outside. */
const inRange = ({ axes }: Embedding, latent: Float64Array): Float64Array =>
  latent.map((place, axis) => (axes[axis].isCategory ? place : clamp(place, 0, 1)));

/** Gives each parent of the parameter that does not allow it the first value that does. */
function activate(embedding: Embedding, space: Space, latent: Float64Array, name: string): void {
  for (const [parent, choices] of Object.entries(space[name].when ?? {})) {
    const axis = embedding.axes.findIndex((one) => one.name === parent);
    const { domain } = embedding.axes[axis];
    activate(embedding, space, latent, parent);
    if (!choices.includes(valueAt(domain, latent[axis]))) latent[axis] = placeOf(domain, choices[0]);
  }
}
