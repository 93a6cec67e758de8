/** Trials of searches: fetched when the page first reads a search, then kept up to date by events. Lists are replaced, never changed in place. */
import type { Trial } from '../../src-main/contract/search.ts';

/** Events of this time lead to one new list: short trials may end many times a second. */
const quietMs = 100;

interface Kept {
  /** By number; null until they are fetched. */
  trials: readonly Trial[] | null;
  /** Events that are not in `trials` yet: newer than what is being fetched. */
  waiting: Map<number, Trial>;
  isFetching: boolean;
  problem: string | null;
}

export class Trials {
  #fetch: (search: string) => Promise<readonly Trial[]>;
  #messageOf: (error: unknown) => string;
  #kept = new Map<string, Kept>();
  #timer: ReturnType<typeof setTimeout> | null = null;
  #arrived = $state(0);

  constructor(fetch: (search: string) => Promise<readonly Trial[]>, messageOf: (error: unknown) => string) {
    this.#fetch = fetch;
    this.#messageOf = messageOf;
  }

  /** In the order of their numbers; null until they arrive. Reading subscribes to changes. */
  of(search: string): readonly Trial[] | null {
    void this.#arrived;
    return this.#entry(search).trials;
  }

  /** Why they could not be fetched. */
  problemOf(search: string): string | null {
    void this.#arrived;
    return this.#entry(search).problem;
  }

  take(search: string, trial: Trial) {
    const kept = this.#kept.get(search);
    if (!kept) return; // fetched when it is read
    kept.waiting.set(trial.number, trial);
    if (this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      for (const one of this.#kept.values()) this.#merge(one);
      this.#arrived++;
    }, quietMs);
  }

  /** Fetches again what is kept: events may have been missed. */
  reload() {
    for (const [search, kept] of this.#kept) void this.#load(search, kept);
  }

  #entry(search: string): Kept {
    let kept = this.#kept.get(search);
    if (!kept) {
      kept = { trials: null, waiting: new Map(), isFetching: false, problem: null };
      this.#kept.set(search, kept);
      void this.#load(search, kept);
    }
    return kept;
  }

  async #load(search: string, kept: Kept) {
    if (kept.isFetching) return;
    kept.isFetching = true;
    try {
      const trials = await this.#fetch(search);
      [kept.trials, kept.problem] = [trials, null];
    } catch (error) {
      kept.problem = this.#messageOf(error);
    }
    kept.isFetching = false;
    this.#merge(kept);
    this.#arrived++;
  }

  #merge(kept: Kept) {
    if (!kept.trials || !kept.waiting.size || kept.isFetching) return;
    const byNumber = new Map(kept.trials.map((trial) => [trial.number, trial]));
    for (const [number, trial] of kept.waiting) byNumber.set(number, trial);
    kept.waiting.clear();
    kept.trials = [...byNumber.values()].sort((a, b) => a.number - b.number);
  }
}
