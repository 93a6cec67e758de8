/**
 * The importance of parameters: functional ANOVA (Hutter et al. 2014) on the surrogate. A parameter's share is the variance of its main effect, the mean over all others, as a fraction of the
 * variance over the whole space. It is computed for functions drawn from the posterior: their spread says how much the trials leave open, given the length scales.
 */
import { meanOf } from '../../contract/numbers.ts';
import { countOf, drawAt, placeOf } from '../../contract/space.ts';
import type { Importance } from '../../contract/search.ts';
import { quantileOf } from '../../contract/statistics.ts';
import { random } from '../random.ts';
import { drawAtPoints } from './posterior-draws.ts';
import { digitalShift, sobolPoint } from './sobol.ts';
import type { SurrogateModel } from './surrogate-model.ts';

const points = 2048;
const draws = 60;
/** A number is cut into as many parts, in each of which its effect counts as constant. */
const parts = 16;

/** The most important first. */
export function importanceOf({ embedding, process, objectiveOf }: SurrogateModel, seed: number): Importance[] {
  const { axes } = embedding;
  const shift = digitalShift(axes.length, 'importance', seed);
  const shares = Array.from({ length: points }, (_, i) => sobolPoint(i, axes.length, shift));
  const coordinates = shares.map((share) =>
    embedding.coordinates(Float64Array.from(axes, ({ domain }, axis) => placeOf(domain, drawAt(domain, share[axis])))),
  );
  const drawn = drawAtPoints(process, coordinates, draws, random('importance', seed)).map((values) =>
    values.map(objectiveOf),
  );
  return axes
    .map(({ name, domain }, axis) => {
      const count = Math.min(parts, countOf(domain));
      const partOf = Uint8Array.from(shares, (share) => Math.min(count - 1, Math.floor(share[axis] * count)));
      const effects = drawn.map((values) => mainEffect(values, partOf, count)).sort((a, b) => a - b);
      const [low, share, high] = [0.025, 0.5, 0.975].map((q) => quantileOf(effects, q));
      return { parameter: name, share, low, high };
    })
    .sort((a, b) => b.share - a.share);
}

/** The variance of the means of the parts over the variance of all values, less what chance adds to it; 0..1. */
function mainEffect(values: Float64Array, partOf: Uint8Array, count: number): number {
  const sums = new Float64Array(count);
  const sizes = new Float64Array(count);
  for (let i = 0; i < values.length; i++) {
    sums[partOf[i]] += values[i];
    sizes[partOf[i]]++;
  }
  const mean = meanOf(values);
  let total = 0;
  for (let i = 0; i < values.length; i++) total += (values[i] - mean) ** 2;
  let between = 0;
  for (let part = 0; part < count; part++)
    if (sizes[part]) between += sizes[part] * (sums[part] / sizes[part] - mean) ** 2;
  if (!(total > 0)) return 0;
  const chance = ((total - between) * (count - 1)) / (values.length - count);
  return Math.max(0, (between - chance) / total);
}
