/**
 * Splits: each class is shared out in the asked proportions (largest remainders, carried from class to class so that the whole set has them too), and images that are
 * one image stay in one split. Nothing depends on the order of samples or on their ids: a seeded hash of the path shuffles.
 */
import { hash } from 'node:crypto';
import { WinnowError } from '../contract/errors.ts';
import type { ExportRequest } from '../contract/schemas.ts';
import type { Group, Sample } from '../contract/types.ts';
import { largestOf, sumOf } from '../contract/numbers.ts';

type Shares = NonNullable<ExportRequest['splits']>;
/** Images that stay together. */
interface Unit {
  samples: Sample[];
  key: string;
}

/** Split by sample id. Groups chain over members that they share, also over such as are not exported. */
export function assignSplits(
  samples: readonly Sample[],
  groups: readonly Pick<Group, 'ids'>[],
  shares: Shares,
  seed: number,
): Map<number, string> {
  const splits = (['train', 'val', 'test'] as const).filter((split) => shares[split] > 0);
  if (!splits.length)
    throw new WinnowError('bad-request', 'All split fractions are zero. Set at least one, for example 80, 10, 10.');
  const parts = assignParts(
    samples,
    groups,
    splits.map((split) => shares[split]),
    seed,
    true,
  );
  return new Map([...parts].map(([id, part]) => [id, splits[part]]));
}

/** Part by sample id, from 0. `firstHasAll`: each class has an image in the first part at least. */
export function assignParts(
  samples: readonly Sample[],
  groups: readonly Pick<Group, 'ids'>[],
  shares: readonly number[],
  seed: number,
  firstHasAll = false,
): Map<number, number> {
  const sum = sumOf(shares);
  const open = seats(
    samples,
    shares.map((share) => share / sum),
    firstHasAll,
  );
  const assigned = new Map<number, number>();
  const total = shares.map((_, s) => [...open.values()].reduce((all, seat) => all + seat[s], 0));
  for (const { samples: together } of unitsOf(samples, groups, seed)) {
    // Where this unit's classes have most room; then where the whole set has.
    const room = shares.map(
      (_, s) => together.reduce((all, sample) => all + (open.get(sample.class) as number[])[s], 0) / together.length,
    );
    const best = shares
      .map((_, s) => s)
      .reduce((a, b) => (room[b] > room[a] || (room[b] === room[a] && total[b] > total[a]) ? b : a));
    for (const sample of together) {
      (open.get(sample.class) as number[])[best]--;
      total[best]--;
      assigned.set(sample.id, best);
    }
  }
  return assigned;
}

/** How many images of each class belong into each part. */
function seats(
  samples: readonly Sample[],
  shares: readonly number[],
  firstHasAll: boolean,
): Map<string | null, number[]> {
  const sizes = new Map<string | null, number>();
  for (const { class: name } of samples) sizes.set(name, (sizes.get(name) ?? 0) + 1);
  const carried = shares.map(() => 0);
  const seats = new Map<string | null, number[]>();
  for (const [name, size] of [...sizes].sort(([a], [b]) => ((a ?? '') < (b ?? '') ? -1 : 1))) {
    const wanted = shares.map((share) => share * size);
    const given = wanted.map((quota) => Math.floor(quota + 1e-9));
    // A class that is only in `test` cannot be learned: its first image goes to the first split.
    if (firstHasAll && given[0] === 0) given[0] = 1;
    for (let left = size - sumOf(given); left > 0; left--) {
      const missing = wanted.map((quota, s) => (given[s] > quota ? -Infinity : quota - given[s] + carried[s]));
      given[missing.indexOf(largestOf(missing))]++;
    }
    for (const s of shares.keys()) carried[s] += wanted[s] - given[s];
    seats.set(name, given);
  }
  return seats;
}

/** Greatest first, since they are hardest to fit; else shuffled. */
function unitsOf(samples: readonly Sample[], groups: readonly Pick<Group, 'ids'>[], seed: number): Unit[] {
  const parent = new Map<number, number>(); // only of what is joined
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
