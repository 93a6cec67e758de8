/** Compares two pictures: by their fingerprints, by the pixels of their thumbnails, and by all samples of their files. Results are cached. */
import { WinnowError } from '../contract/errors.ts';
import type { Difference } from '../contract/types.ts';
import { inPlace } from './align.ts';
import type { Pair } from './candidates.ts';
import { comparePictures, comparePixels, excess, type Difference as Measured } from './compare.ts';
import { readFingerprint, type Picture, type Pixels } from './fingerprint.ts';
import { turnPicture, turns, type Turn, type TurnKind } from './turn.ts';

export interface Candidate {
  id: number;
  sha256: string;
  width: number;
  height: number;
  /** Frames or pages of the file. */
  frames: number;
  /** The picture is not all of the file: it is a preview, or some bands of several. */
  isPartial?: boolean;
  fingerprint: Uint8Array;
}

/** What makes images equal: all samples of all frames. `hasAlpha`: null if unknown. `bits`: per sample, 0 if unknown. `isReduced`: the file has finer or further values than the picture shows. */
export interface Identity {
  hash: string;
  hasAlpha: boolean | null;
  bits: number;
  isReduced?: boolean;
}

export interface Verdict {
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

/** If the fingerprints differ by less than this, the pixels are not compared. */
const coarseMatch = 0.12;

const similarityOf = (difference: Measured | null): number => 1 / (1 + excess(difference));

/** Compares pairs: first by their fingerprints, then by the pixels of their thumbnails. */
export class Comparer {
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
    if (one.isPartial || two.isPartial) found.push('hidden');
    if (kind !== 'near') return found;
    if (this.#looksSame(a, b, similarity)) {
      const answer = (await this.#identical(a, b)) ?? 0;
      if (answer & 1) found.push('transparency');
      if (answer & 2) found.push('depth');
      if (answer & 8 && !found.includes('hidden')) found.push('hidden');
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
   * Compares the identities: 0 if they are equal; otherwise bits: 1 transparency, 2 depth, 4 samples, 8 values that are not shown. Null if a file cannot be read now: not cached, so that the
   * next scan tries again.
   */
  async #identical(a: number, b: number): Promise<number | null> {
    const key = `${this.#heads[a].sha256} ${this.#heads[b].sha256} =`;
    const known = this.#options.verdicts?.get(key);
    if (known !== undefined) return known;
    const [p, q] = [await this.#identity(a), await this.#identity(b)];
    if (p === null || q === null) return null;
    const answer =
      p.hash === q.hash
        ? 0
        : 4 |
          Number(p.hasAlpha !== null && q.hasAlpha !== null && p.hasAlpha !== q.hasAlpha) |
          (p.bits && q.bits && p.bits !== q.bits ? 2 : 0) |
          (p.isReduced || q.isReduced ? 8 : 0);
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
