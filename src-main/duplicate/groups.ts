/**
 * Finds duplicate images. Files with the same bytes or the same pixels are one *picture*. Similar pictures are found by their spectrum (`candidates.ts`), compared
 * by their fingerprints and then by their thumbnails (`compare.ts`), and put into groups (`gather.ts`) whose members match each other.
 *
 * An `exact` group holds the files of one picture. A `near` group holds the files of pictures that are copies of each other. A `rotated` or `mirrored` group holds
 * copies of which some are rotated or mirrored. Each kind includes the kinds before it. A file is in at most one group of each kind. Flat images (of a
 * single colour) cannot be recognised: they are only found as exact duplicates.
 */
import { setImmediate } from 'node:timers/promises';
import { WinnowError } from '../contract/errors.ts';
import { inPlace } from './align.ts';
import { Points, type Pair } from './candidates.ts';
import type { Difference } from '../contract/types.ts';
import { comparePictures, comparePixels, excess, type Difference as Measured } from './compare.ts';
import { isCurrent, readFingerprint, type Picture, type Pixels } from './fingerprint.ts';
import { gather, type Link } from './gather.ts';
import { kindOf, turnPicture, turns, type Turn, type TurnKind } from './turn.ts';
import { smallestOf } from '../contract/numbers.ts';

export interface Candidate {
  id: number;
  sha256: string;
  width: number;
  height: number;
  /** Frames or pages of the file. */
  frames: number;
  fingerprint: Uint8Array;
}

/** What makes images equal: all samples of all frames. `bits`: per sample, 0 if unknown. */
export interface Identity {
  hash: string;
  hasAlpha: boolean;
  bits: number;
}

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

interface Verdict {
  turn: Turn;
  similarity: number;
}

export interface DuplicateOptions {
  signal: AbortSignal;
  onProgress(done: number, total: number): void;
  /** Pairs that the user marked as not duplicates. */
  isNotDuplicate(a: string, b: string): boolean;
  /** The thumbnail's pixels, read only for pairs with similar fingerprints. Without it, the fingerprint decides. */
  pixels?(id: number): Promise<Pixels>;
  /** Decodes the whole file; used only for pairs of equal size that look identical. */
  identity(id: number): Promise<Identity>;
  /** Whether two upright copies of the same shape differ in a small area. Without it, copies are not examined. */
  differInDetail?(a: number, b: number): Promise<boolean>;
  /** Ids of further pairs to compare, such as images with similar embeddings. */
  likely?: readonly (readonly [a: number, b: number])[];
  /** From 0 to 1: pairs below this similarity are ignored. 0.5 covers re-encoding, resizing, a crop of 5 % and a change of exposure. */
  leastSimilarity?: number;
  /** A cache of results that this function reads and extends, so that the pixels of a pair are compared only once. */
  verdicts?: Map<string, number>;
}

/** The default limit; see `leastSimilarity`. */
export const defaultLeastSimilarity = 0.5;

const yieldEveryMs = 15;
/** Neighbours are compared from the nearest on, until this many in a row do not match: pictures of a fixed camera have very many neighbours. */
const maxMisses = 8;
/** If the fingerprints differ by less than this, the pixels are not compared. */
const coarseMatch = 0.12;

const similarityOf = (difference: Measured | null): number => 1 / (1 + excess(difference));

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
  const total = heads.length * 2;
  const yieldToEventLoop = (done: number): Promise<void> | undefined => {
    if (performance.now() - last < yieldEveryMs) return undefined;
    options.onProgress(Math.min(done, total), total);
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
    const pause = yieldToEventLoop(total);
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
    const pause = yieldToEventLoop(total);
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
  options.onProgress(total, total);
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

/** Compares pairs: first by their fingerprints, then by the pixels of their thumbnails. */
class Comparer {
  readonly #heads: readonly Candidate[];
  readonly #options: DuplicateOptions;
  readonly #least: number;
  readonly #identities = new Map<number, Promise<Identity | null>>();
  readonly #recent = new Map<number, Promise<Pixels | null>>();

  constructor(heads: readonly Candidate[], options: DuplicateOptions, least: number) {
    this.#heads = heads;
    this.#options = options;
    this.#least = least;
  }

  async compare({ a, b, turn, start }: Omit<Pair, 'squared'>): Promise<Verdict | null> {
    const [one, two] = [this.#heads[a], this.#heads[b]];
    const key = `${one.sha256} ${two.sha256} ${turn}`;
    const known = this.#options.verdicts?.get(key);
    if (known !== undefined) return { turn, similarity: known };
    const coarse = comparePictures(this.#picture(a), turnPicture(this.#picture(b), turn), start);
    const over = excess(coarse);
    if (!coarse || over > slack(coarse) * (1 / this.#least - 1)) return null;
    if (over < coarseMatch || !this.#options.pixels) return { turn, similarity: similarityOf(coarse) };
    const [p, q] = await Promise.all([this.#pixels(a), this.#pixels(b)]);
    if (!p || !q) return { turn, similarity: similarityOf(coarse) };
    const fine = comparePixels(p, q, turn, coarse.alignment, sideFor(one, two));
    const verdict = { turn, similarity: similarityOf(fine) };
    this.#options.verdicts?.set(key, verdict.similarity);
    return verdict;
  }

  /** Compares a pair without a known orientation, in all orientations. */
  async compareAllTurns(a: number, b: number): Promise<Verdict | null> {
    let best: Verdict | null = null;
    for (const turn of turns) {
      const verdict = await this.compare({ a, b, turn, start: inPlace });
      if (verdict && verdict.similarity > (best?.similarity ?? 0)) best = verdict;
      if (best && best.similarity >= this.#least) break;
    }
    return best;
  }

  /** True if all samples of all frames of both files are equal. */
  async isSame({ a, b }: Pair, { turn, similarity }: Verdict): Promise<boolean> {
    return turn === 0 && this.#looksSame(a, b, similarity) && (await this.#identical(a, b)) === 0;
  }

  /** In what two copies differ, though they look alike. */
  async differences(a: number, b: number, similarity: number, kind: TurnKind): Promise<Difference[]> {
    const [one, two] = [this.#heads[a], this.#heads[b]];
    const found: Difference[] = [];
    if (one.frames > 1 || two.frames > 1) found.push('frames'); // compared by the first frame, and not identical
    if (kind !== 'near') return found;
    if (this.#looksSame(a, b, similarity)) {
      const answer = (await this.#identical(a, b)) ?? 0;
      if (answer & 1) found.push('transparency');
      if (answer & 2) found.push('depth');
    }
    if (isSameShape(one, two) && this.#options.differInDetail) {
      const key = `${one.sha256} ${two.sha256} ~`;
      let isDifferent = this.#options.verdicts?.get(key);
      if (isDifferent === undefined) {
        const answer = await this.#orNull(this.#options.differInDetail(one.id, two.id));
        if (answer !== null) this.#options.verdicts?.set(key, (isDifferent = Number(answer)));
      }
      if (isDifferent) found.push('detail');
    }
    return found;
  }

  #looksSame(a: number, b: number, similarity: number): boolean {
    const [one, two] = [this.#heads[a], this.#heads[b]];
    return one.width === two.width && one.height === two.height && similarity >= 1 / (1 + coarseMatch);
  }

  /**
   * Compares the identities: 0 if they are equal; otherwise bits: 1 transparency, 2 depth, 4 samples. Null if a file cannot be read now: not cached, so that the
   * next scan tries again.
   */
  async #identical(a: number, b: number): Promise<number | null> {
    const key = `${this.#heads[a].sha256} ${this.#heads[b].sha256} =`;
    const known = this.#options.verdicts?.get(key);
    if (known !== undefined) return known;
    const [p, q] = [await this.#identity(a), await this.#identity(b)];
    if (p === null || q === null) return null;
    const answer =
      p.hash === q.hash ? 0 : 4 | Number(p.hasAlpha !== q.hasAlpha) | (p.bits && q.bits && p.bits !== q.bits ? 2 : 0);
    this.#options.verdicts?.set(key, answer);
    return answer;
  }

  /** Pairs of flat images with equal size and pixels. */
  async flatPairs(flat: readonly number[]): Promise<[number, number][]> {
    const pairs: [number, number][] = [];
    for (const ofSize of Map.groupBy(flat, (i) => `${this.#heads[i].width} ${this.#heads[i].height}`).values()) {
      if (ofSize.length < 2) continue;
      const first = new Map<string, number>();
      for (const i of ofSize) {
        this.#options.signal.throwIfAborted();
        const hash = (await this.#identity(i))?.hash;
        if (hash === undefined) continue;
        if (first.has(hash)) pairs.push([first.get(hash)!, i]);
        else first.set(hash, i);
      }
    }
    return pairs;
  }

  #picture(i: number): Picture {
    return readFingerprint(this.#heads[i].fingerprint);
  }

  /** Null if the file cannot be read now: then it matches no other. */
  #identity(i: number): Promise<Identity | null> {
    let identity = this.#identities.get(i);
    if (!identity) this.#identities.set(i, (identity = this.#orNull(this.#options.identity(this.#heads[i].id))));
    return identity;
  }

  /** Null without a thumbnail. Pairs are compared in the order of their second image, so a small cache is enough. */
  #pixels(i: number): Promise<Pixels | null> {
    let pixels = this.#recent.get(i);
    if (!pixels) this.#recent.set(i, (pixels = this.#orNull(this.#options.pixels!(this.#heads[i].id))));
    if (this.#recent.size > 64) this.#recent.delete(this.#recent.keys().next().value!);
    return pixels;
  }

  /** An unreadable file does not end the search. A cancel does, and so does an error that is not the file's. */
  #orNull<T>(promise: Promise<T>): Promise<T | null> {
    return promise.catch((error: unknown) => {
      this.#options.signal.throwIfAborted();
      if (error instanceof WinnowError) throw error;
      return null;
    });
  }
}

/** Equal proportions, up to the rounding of a resize. */
const isSameShape = (a: Candidate, b: Candidate): boolean =>
  Math.abs(a.width * b.height - b.width * a.height) <= Math.max(a.width, a.height, b.width, b.height);

/**
 * The factor by which a difference of fingerprints may exceed the limit before the pair is rejected without reading pixels: 32 cells cannot resolve a crop or
 * clipped highlights.
 */
function slack({ edge, exposure }: Measured): number {
  return 1.4 + 5 * Math.min(edge, 0.6) + (exposure > 0.05 ? 2.5 : 0);
}

/** Grid size of the comparison of pixels: no finer than the smaller image. */
function sideFor(a: Candidate, b: Candidate): number {
  const smallest = Math.min(a.width, a.height, b.width, b.height);
  return smallest >= 64 ? 64 : smallest >= 48 ? 48 : 32;
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
