/** Finds the point of a space that promises most: many quasi-random starts, then local searches that climb along the smooth axes and try the neighbours on all others. */
import { clamp } from '../../contract/numbers.ts';
import { countOf, drawAt, placeOf, valueAt } from '../../contract/space.ts';
import type { Assignment, Choice } from '../../contract/search.ts';
import { fillNormal, random, type Random } from '../random.ts';
import { minimiseNow } from '../train/lbfgs.ts';
import type { Acquisition } from './acquisition.ts';
import type { Embedding } from './embedding.ts';
import type { GaussianProcess, Prediction } from './gaussian-process.ts';
import { digitalShift, sobolPoint } from './sobol.ts';

const startPoints = 1024;
/** Points around each of the best trials, at these distances. */
const around = { trials: 4, points: 24, distances: [0.15, 0.03, 0.005] };
const localSearches = 8;
const rounds = 4;

export interface Candidate {
  latent: Float64Array;
  value: number;
}

export interface Search {
  embedding: Embedding;
  process: GaussianProcess;
  acquisition(prediction: Prediction): Acquisition;
  /** The best trials so far, best first. */
  incumbents: readonly Assignment[];
  /** Names its random numbers. */
  stream: string;
}

/** Candidates by falling promise: the ends of the local searches, then their starts. */
export function candidates(search: Search): Candidate[] {
  const starts = startsOf(search)
    .map((latent) => ({ latent, value: valueAtPoint(search, latent) }))
    .sort((a, b) => b.value - a.value);
  const climbed = chosenStarts(search.embedding, starts).map((start) => climb(search, start));
  return [...climbed.sort((a, b) => b.value - a.value), ...starts];
}

function valueAtPoint({ embedding, process, acquisition }: Search, latent: Float64Array): number {
  return acquisition(process.predict(embedding.coordinates(latent))).value;
}

function startsOf({ embedding, incumbents, stream }: Search): Float64Array[] {
  const { axes } = embedding;
  const shift = digitalShift(axes.length, 'proposal', stream);
  const out: Float64Array[] = Array.from({ length: startPoints }, (_, i) => {
    const shares = sobolPoint(i, axes.length, shift);
    return Float64Array.from(axes, ({ domain }, axis) => placeOf(domain, drawAt(domain, shares[axis])));
  });
  const next = random('proposal', stream);
  for (const incumbent of incumbents.slice(0, around.trials)) {
    // Parameters that the incumbent does not have are anywhere.
    for (let i = 0; i < around.points; i++) {
      const from = embedding.latentOf(incumbent, out[Math.floor(next() * startPoints)]);
      out.push(moved(embedding, from, around.distances[i % around.distances.length], next));
    }
  }
  return out;
}

/** A point nearby. A category changes with a probability of one in twice the number of axes. */
function moved({ axes }: Embedding, from: Float64Array, distance: number, next: Random): Float64Array {
  const noise = fillNormal(new Float64Array(axes.length), next, distance);
  return from.map((place, axis) => {
    const { domain, isCategory } = axes[axis];
    if (!isCategory) return clamp(place + noise[axis], 0, 1);
    const [isChanged, share] = [next() < 0.5 / axes.length, next()];
    return isChanged ? Math.floor(share * countOf(domain)) : place;
  });
}

/** The best starts, and the best one with each choice of each category that decides about other parameters. */
function chosenStarts(embedding: Embedding, sorted: readonly Candidate[]): Candidate[] {
  const chosen = new Set(sorted.slice(0, localSearches));
  for (const axis of embedding.parents)
    for (let choice = 0; choice < countOf(embedding.axes[axis].domain) && chosen.size < 2 * localSearches; choice++) {
      const best = sorted.find(({ latent }) => latent[axis] === choice);
      if (best) chosen.add(best);
    }
  return [...chosen];
}

/** Climbs along smooth axes and over neighbours in turn, until neither gains. */
function climb(search: Search, start: Candidate): Candidate {
  let best = start;
  for (let round = 0; round < rounds; round++) {
    const smooth = climbSmooth(search, best);
    const stepped = stepAside(search, smooth);
    const gain = stepped.value - best.value;
    const isStepped = stepped !== smooth;
    best = stepped;
    if (!isStepped || !(gain > 1e-6)) break;
  }
  return best;
}

/** By L-BFGS over the angle u with place = (1 − cos u) / 2, so that no bound is crossed. */
function climbSmooth({ embedding, process, acquisition }: Search, start: Candidate): Candidate {
  const active = embedding.activeAxes(start.latent);
  const free = embedding.axes.flatMap(({ isSmooth }, axis) => (isSmooth && active[axis] ? [axis] : []));
  if (!free.length) return start;
  const latentAt = (u: Float64Array): Float64Array => {
    const latent = start.latent.slice();
    free.forEach((axis, i) => (latent[axis] = (1 - Math.cos(u[i])) / 2));
    return latent;
  };
  // At the bounds themselves, the gradient by the angle is 0.
  const from = Float64Array.from(free, (axis) => Math.acos(1 - 2 * clamp(start.latent[axis], 1e-4, 1 - 1e-4)));
  const { x } = minimiseNow(
    (u) => {
      const prediction = process.predictWithGradient(embedding.coordinates(latentAt(u), active, false));
      const { value, byMean, byDeviation } = acquisition(prediction);
      const gradient = Float64Array.from(
        free,
        (axis, i) =>
          -(byMean * prediction.ofMean[axis] + byDeviation * prediction.ofDeviation[axis]) * 0.5 * Math.sin(u[i]),
      );
      return { value: -value, gradient };
    },
    from,
    { iterations: 60, tolerance: 1e-6 },
  );
  const latent = latentAt(x);
  for (const axis of free) {
    const { domain } = embedding.axes[axis];
    if (domain.type === 'int') latent[axis] = placeOf(domain, valueAt(domain, latent[axis]));
  }
  const value = acquisition(process.predict(embedding.coordinates(latent))).value;
  return value > start.value ? { latent, value } : start;
}

/** The best point with another value on one axis that has no gradient; the start itself if none is better. */
function stepAside(search: Search, start: Candidate): Candidate {
  let best = start;
  const active = search.embedding.activeAxes(start.latent);
  search.embedding.axes.forEach((_, axis) => {
    if (!active[axis]) return;
    for (const place of neighbours(search.embedding, start.latent, axis)) {
      const latent = start.latent.with(axis, place);
      const value = valueAtPoint(search, latent);
      if (value > best.value) best = { latent, value };
    }
  });
  return best;
}

/** All other categories; all other whole numbers, or with many the next ones. */
export function neighbours({ axes }: Embedding, latent: Float64Array, axis: number): number[] {
  const { domain, isCategory, isSmooth } = axes[axis];
  const count = countOf(domain);
  if (domain.type === 'float') return [];
  if (isCategory) return Array.from({ length: count }, (_, i) => i).filter((i) => i !== latent[axis]);
  const { low, step = 1 } = domain as { low: number; step?: number };
  const index = ((valueAt(domain, latent[axis]) as number) - low) / step;
  const others = isSmooth ? [index - 1, index + 1] : Array.from({ length: count }, (_, i) => i);
  return others
    .filter((i) => i >= 0 && i < count && i !== index)
    .map((i) => placeOf(domain, (low + i * step) as Choice));
}
