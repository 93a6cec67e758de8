/**
 * Finds duplicate images. Files with the same bytes or the same pixels are one *picture*. Similar pictures are found by their spectrum (`candidates.ts`), compared
 * by their fingerprints and then by their thumbnails (`compare.ts`), and put into groups (`gather.ts`) whose members match each other.
 *
 * An `exact` group holds the files of one picture. A `near` group holds the files of pictures that are copies of each other. A `rotated` or `mirrored` group holds
 * copies of which some are rotated or mirrored. Each kind includes the kinds before it. A file is in at most one group of each kind. Flat images (of a
 * single colour) cannot be recognised: they are only found as exact duplicates.
 */
import { setImmediate } from 'node:timers/promises';
import { inPlace } from './align.ts';
import { Points, type Pair } from './candidates.ts';
import type { Difference } from '../contract/types.ts';
import { Comparer, type Candidate, type DuplicateOptions, type Verdict } from './comparer.ts';
import { isCurrent } from './fingerprint.ts';
import { gather, type Link } from './gather.ts';
import { kindOf, type TurnKind } from './turn.ts';
import { smallestOf } from '../contract/numbers.ts';

export type DuplicateKind = 'exact' | TurnKind;

export interface Group {
  kind: DuplicateKind;
  /** The first is the leader: all others were compared with it. */
  ids: number[];
  /** Similarity of each image to the first: 1 is identical, 0.5 the default limit. */
  similarities: number[];
  /** The lowest similarity. */
  score: number;
  /** In what the images of a group of copies differ, though they look alike. */
  differences: Difference[];
}

/** The default limit; see `leastSimilarity`. */
export const defaultLeastSimilarity = 0.5;

const yieldEveryMs = 15;
/** Neighbours are compared from the nearest on, until this many in a row do not match: pictures of a fixed camera have very many neighbours. */
const maxMisses = 8;
/** Throws the signal's reason after a cancel. */
export async function findDuplicates(list: readonly Candidate[], options: DuplicateOptions): Promise<Group[]> {
  const { signal, isNotDuplicate } = options;
  const least = options.leastSimilarity ?? defaultLeastSimilarity;
  let last = performance.now();
  const yieldNow = async (): Promise<void> => {
    signal.throwIfAborted();
    await setImmediate();
    last = performance.now();
  };

  // Sorted by content, so that the result does not depend on the order in which files were read.
  const sorted = list.toSorted((p, q) => (p.sha256 < q.sha256 ? -1 : p.sha256 > q.sha256 ? 1 : p.id - q.id));
  await yieldNow();
  const files = [...Map.groupBy(sorted, (c) => c.sha256).values()];
  await yieldNow();
  /** One candidate of each content; `files` has all of them. */
  const heads = files.map((own) => own[0]);
  const steps = heads.length * 2; // each is indexed, then looked up
  const yieldToEventLoop = (done: number): Promise<void> | undefined => {
    if (performance.now() - last < yieldEveryMs) return undefined;
    options.onProgress(Math.floor((Math.min(done, steps) / steps) * list.length), list.length);
    return yieldNow();
  };

  // Fingerprints of another version cannot be compared: until the next scan, such an image is only found by its bytes.
  const comparable = heads.flatMap((head, i) => (isCurrent(head.fingerprint) ? [i] : []));
  const points = await Points.of(
    comparable.map((i) => heads[i].fingerprint),
    yieldToEventLoop,
  );
  const comparer = new Comparer(heads, options, least);
  const same = new UnionFind(heads, isNotDuplicate);
  const similar: { a: number; b: number; verdict: Verdict }[] = [];
  /** Results per pair, upright (even key) and rotated (odd key): the distance at which the comparison failed, or −1 if the pair matched. */
  const tried = new Map<number, number>();
  let looked = 0;
  for (const row of points.rows) {
    let misses = 0;
    for (const near of points.pairsOf(row)) {
      const pair = { ...near, a: comparable[near.a], b: comparable[near.b] };
      const uprightKey = 2 * (Math.min(pair.a, pair.b) * heads.length + Math.max(pair.a, pair.b));
      const key = uprightKey + Math.sign(pair.turn);
      if (tried.get(uprightKey) === -1 || isNotDuplicate(heads[pair.a].sha256, heads[pair.b].sha256)) continue;
      // The reverse look-up of a pair may be closer, and give the comparison a better start.
      if ((tried.get(key) ?? Infinity) <= pair.squared) continue;
      const verdict = await comparer.compare(pair);
      const isFound = verdict !== null && verdict.similarity >= least;
      tried.set(key, isFound ? -1 : pair.squared);
      if (isFound && (await comparer.isSame(pair, verdict))) same.join(pair.a, pair.b);
      else if (isFound) similar.push({ a: pair.a, b: pair.b, verdict });
      const pause = yieldToEventLoop(heads.length + looked);
      if (pause) await pause;
      misses = isFound ? 0 : misses + 1;
      if (misses >= maxMisses) break;
    }
    const pause = yieldToEventLoop(heads.length + ++looked);
    if (pause) await pause;
  }
  for (const pair of candidatePairs(heads, comparable, options.likely ?? [])) {
    if (tried.has(2 * (pair.a * heads.length + pair.b)) || isNotDuplicate(heads[pair.a].sha256, heads[pair.b].sha256))
      continue;
    const verdict = await comparer.compare(pair);
    if (verdict === null || verdict.similarity < least) continue;
    if (await comparer.isSame(pair, verdict)) same.join(pair.a, pair.b);
    else similar.push({ a: pair.a, b: pair.b, verdict });
    const pause = yieldToEventLoop(steps);
    if (pause) await pause;
  }
  for (const [a, b] of await comparer.flatPairs(points.flat.map((row) => comparable[row]))) same.join(a, b);
  await yieldNow();

  const filesOf = (picture: number): Candidate[] =>
    same
      .of(picture)
      .flatMap((head) => files[head])
      .sort((p, q) => p.id - q.id);
  const groups: Group[] = same.heads().flatMap((head) => {
    const ids = filesOf(head).map((file) => file.id);
    return ids.length > 1
      ? [{ kind: 'exact' as const, ids, similarities: ids.map(() => 1), score: 1, differences: [] }]
      : [];
  });
  await yieldNow();
  const mustNotMerge = (a: number, b: number): boolean =>
    same.of(a).some((p) => same.of(b).some((q) => isNotDuplicate(heads[p].sha256, heads[q].sha256)));
  const links = similar
    .map(({ a, b, verdict }): Link => ({
      a: same.head(a),
      b: same.head(b),
      kind: kindOf(verdict.turn),
      similarity: verdict.similarity,
    }))
    .filter(({ a, b }) => a !== b && !mustNotMerge(a, b));
  const compare = async (a: number, b: number): Promise<Link | null> => {
    const verdict = await comparer.compareAllTurns(a, b);
    const pause = yieldToEventLoop(steps);
    if (pause) await pause;
    return verdict && verdict.similarity >= least
      ? { a, b, kind: kindOf(verdict.turn), similarity: verdict.similarity }
      : null;
  };
  for (const { kind, members } of await gather(links, {
    size: (p) => heads[p].width * heads[p].height,
    isNotDuplicate: mustNotMerge,
    compare,
  })) {
    const all = members.flatMap(({ picture, similarity }) => filesOf(picture).map(({ id }) => ({ id, similarity })));
    const similarities = all.map((m) => m.similarity);
    const differences = new Set<Difference>();
    for (const { picture, similarity } of members.slice(1))
      for (const difference of await comparer.differences(members[0].picture, picture, similarity, kind))
        differences.add(difference);
    groups.push({
      kind,
      ids: all.map((m) => m.id),
      similarities,
      score: smallestOf(similarities),
      differences: [...differences].sort(),
    });
  }
  options.onProgress(list.length, list.length);
  return groups;
}

/** The `likely` pairs that can be compared, as indices of `heads`, the smaller one first. */
function candidatePairs(
  heads: readonly Candidate[],
  comparable: readonly number[],
  likely: readonly (readonly [number, number])[],
): Pair[] {
  const places = new Map(comparable.map((i) => [heads[i].id, i]));
  return likely.flatMap(([one, other]) => {
    const [a, b] = [places.get(one), places.get(other)];
    return a === undefined || b === undefined || a === b
      ? []
      : [{ a: Math.min(a, b), b: Math.max(a, b), turn: 0 as const, start: inPlace, squared: 0 }];
  });
}

/** Sets of contents with equal pixels. The first of a set represents it. A pair that the user marked as not duplicates is never in one set. */
class UnionFind {
  readonly #heads: readonly Candidate[];
  readonly #isNotDuplicate: DuplicateOptions['isNotDuplicate'];
  readonly #head: Int32Array;
  readonly #of = new Map<number, number[]>();

  constructor(heads: readonly Candidate[], isNotDuplicate: DuplicateOptions['isNotDuplicate']) {
    this.#heads = heads;
    this.#isNotDuplicate = isNotDuplicate;
    this.#head = Int32Array.from(heads.keys());
  }

  head = (i: number): number => this.#head[i];
  of = (head: number): readonly number[] => this.#of.get(head) ?? [head];
  heads = (): number[] => [...this.#heads.keys()].filter((i) => this.#head[i] === i);

  join(a: number, b: number): void {
    const [p, q] = [Math.min(this.head(a), this.head(b)), Math.max(this.head(a), this.head(b))];
    if (
      p === q ||
      this.of(p).some((i) => this.of(q).some((j) => this.#isNotDuplicate(this.#heads[i].sha256, this.#heads[j].sha256)))
    )
      return;
    const all = [...this.of(p), ...this.of(q)].sort((i, j) => i - j);
    for (const i of all) this.#head[i] = p;
    this.#of.delete(q);
    this.#of.set(p, all);
  }
}
