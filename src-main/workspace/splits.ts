/**
 * Assigns samples to splits. Each class is divided by the requested fractions with the largest remainder method; remainders are carried from class to class, so
 * that the whole set has these fractions too. Duplicates stay in one split. A seeded hash of the path shuffles the samples, so that
 * the result does not depend on their order or ids.
 */
import { hash } from 'node:crypto';
import { WinnowError } from '../contract/errors.ts';
import type { ExportRequest } from '../contract/schemas.ts';
import type { Group, Sample } from '../contract/types.ts';
import { largestOf, sumOf } from '../contract/numbers.ts';

type Fractions = NonNullable<ExportRequest['splits']>;
/** Images that must be in the same split. */
export interface Unit {
  samples: Sample[];
  key: string;
}

/** Returns the split by sample id. Groups with a common member stay together, even if that member is not among `samples`. */
export function assignSplits(
  samples: readonly Sample[],
  groups: readonly Pick<Group, 'ids'>[],
  fractions: Fractions,
  seed: number,
): Map<number, string> {
  const splits = (['train', 'val', 'test'] as const).filter((split) => fractions[split] > 0);
  if (!splits.length)
    throw new WinnowError('bad-request', 'All split fractions are zero. Set at least one, for example 80, 10, 10.');
  const parts = assignParts(
    samples,
    groups,
    splits.map((split) => fractions[split]),
    seed,
    true,
  );
  return new Map([...parts].map(([id, part]) => [id, splits[part]]));
}

/** Returns the part by sample id, from 0. `firstHasAll`: the first part gets at least one image of each class. */
export function assignParts(
  samples: readonly Sample[],
  groups: readonly Pick<Group, 'ids'>[],
  fractions: readonly number[],
  seed: number,
  firstHasAll = false,
): Map<number, number> {
  const sum = sumOf(fractions);
  /** By class: how many images each part still gets. */
  const open = quotasOf(
    samples,
    fractions.map((fraction) => fraction / sum),
    firstHasAll,
  );
  const assigned = new Map<number, number>();
  const total = fractions.map((_, s) => [...open.values()].reduce((all, quota) => all + quota[s], 0));
  for (const { samples: together } of unitsOf(samples, groups, seed)) {
    // The part with the most free places for this unit's classes; if equal, the part with the most free places overall.
    const free = fractions.map(
      (_, s) => together.reduce((all, sample) => all + (open.get(sample.class) as number[])[s], 0) / together.length,
    );
    const best = fractions
      .map((_, s) => s)
      .reduce((a, b) => (free[b] > free[a] || (free[b] === free[a] && total[b] > total[a]) ? b : a));
    for (const sample of together) {
      (open.get(sample.class) as number[])[best]--;
      total[best]--;
      assigned.set(sample.id, best);
    }
  }
  return assigned;
}

/** The number of images of each class for each part. */
function quotasOf(
  samples: readonly Sample[],
  fractions: readonly number[],
  firstHasAll: boolean,
): Map<string | null, number[]> {
  const sizes = new Map<string | null, number>();
  for (const { class: name } of samples) sizes.set(name, (sizes.get(name) ?? 0) + 1);
  const carried = fractions.map(() => 0);
  const quotas = new Map<string | null, number[]>();
  for (const [name, size] of [...sizes].sort(([a], [b]) => ((a ?? '') < (b ?? '') ? -1 : 1))) {
    const wanted = fractions.map((fraction) => fraction * size);
    const given = wanted.map((exact) => Math.floor(exact + 1e-9));
    // A class that is only in `test` cannot be learned, so its first image goes to the first split.
    if (firstHasAll && given[0] === 0) given[0] = 1;
    for (let left = size - sumOf(given); left > 0; left--) {
      const missing = wanted.map((exact, s) => (given[s] > exact ? -Infinity : exact - given[s] + carried[s]));
      given[missing.indexOf(largestOf(missing))]++;
    }
    for (const s of fractions.keys()) carried[s] += wanted[s] - given[s];
    quotas.set(name, given);
  }
  return quotas;
}

/** Units in the order of assignment: the largest first, since they are hardest to fit; equal sizes are shuffled. */
export function unitsOf(samples: readonly Sample[], groups: readonly Pick<Group, 'ids'>[], seed: number): Unit[] {
  const parent = new Map<number, number>(); // union-find; only joined ids have an entry
  const root = (of: number): number => {
    let at = of;
    for (let up = parent.get(at); up !== undefined; up = parent.get(at)) {
      const above = parent.get(up);
      if (above !== undefined) parent.set(at, above);
      at = up;
    }
    return at;
  };
  const join = (a: number, b: number) => {
    const [rootA, rootB] = [root(a), root(b)];
    if (rootA !== rootB) parent.set(rootA, rootB);
  };
  for (const { ids } of groups) for (const id of ids.slice(1)) join(ids[0], id);
  const firsts = new Map<string, number>();
  for (const { id, sha256 } of samples) {
    const first = firsts.get(sha256);
    if (first === undefined) firsts.set(sha256, id);
    else join(first, id);
  }
  const units = new Map<number, Unit>();
  for (const sample of samples) {
    const key = hash('sha256', `${seed}\n${sample.path}`, 'hex');
    const at = root(sample.id);
    const unit = units.get(at);
    if (!unit) units.set(at, { samples: [sample], key });
    else {
      unit.samples.push(sample);
      if (key < unit.key) unit.key = key;
    }
  }
  return [...units.values()].sort((a, b) => b.samples.length - a.samples.length || (a.key < b.key ? -1 : 1));
}

/** By position: the number of the independent image that a sample belongs to. Copies of one another have the same number. */
export function independentImages(samples: readonly Sample[], groups: readonly Pick<Group, 'ids'>[]): Int32Array {
  const place = new Map(samples.map(({ id }, i) => [id, i]));
  const units = new Int32Array(samples.length);
  unitsOf(samples, groups, 0).forEach((unit, u) => {
    for (const { id } of unit.samples) units[place.get(id) as number] = u;
  });
  return units;
}
