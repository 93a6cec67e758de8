/**
 * Second opinions: several finished rankings side by side. What all of them find anomalous, and where they disagree, are clauses of the filter, so that they can be
 * saved, combined, and used on the command line.
 */
import { callOf } from '../../src-main/contract/column-functions.ts';
import { readerOf } from '../../src-main/contract/read.ts';
import type { RunSummary } from '../../src-main/contract/types.ts';
import type { View } from './view.svelte.ts';

/** How many rankings are compared unless the person chooses. */
const usualRankings = 4;

/** A range of a function of columns, as a clause of the filter; `name` is null with fewer than two rankings. */
interface NamedRange {
  name: string | null;
  low: number;
  high: number;
}

const from = (value: number): number => Number(value.toFixed(4));

export class Opinions {
  #view: View;
  isOpen = $state(false);
  /** What counts as anomalous in each ranking: this share of the images; null: those at or above its threshold. */
  topShare = $state<number | null>(null);
  /** Rankings disagree from this difference of percentiles on; null: if some flag an image and others do not. */
  apart = $state<number | null>(null);
  #chosen = $state.raw<readonly string[] | null>(null);
  #pair = $state.raw<readonly [across: string, up: string] | null>(null);

  constructor(view: View) {
    this.#view = view;
  }

  /** Newest first. */
  readonly rankings: readonly RunSummary[] = $derived.by(() =>
    this.#view.session.listedRuns.filter(({ kind, state }) => kind === 'rank' && state === 'done'),
  );
  /** The compared rankings, oldest first; by default the newest of each method. */
  readonly chosen: readonly RunSummary[] = $derived.by(() => {
    const newest = new Map(this.rankings.toReversed().map((run) => [run.method, run.id]));
    const wanted = new Set(this.#chosen ?? [...newest.values()].slice(-usualRankings));
    const found = this.rankings.filter(({ id }) => wanted.has(id)).toReversed();
    return found.length > 1 || this.#chosen ? found : this.rankings.slice(0, 2).toReversed();
  });
  /** The two rankings of the scatter plot. */
  readonly pair: readonly [across: RunSummary, up: RunSummary] | null = $derived.by(() => {
    const [across, up] = (this.#pair ?? []).map((id) => this.rankings.find((run) => run.id === id));
    if (across && up) return [across, up];
    return this.chosen.length > 1 ? [this.chosen[0], this.chosen[1]] : null;
  });

  readonly #columns = $derived.by(() => this.chosen.map(({ column }) => column));
  /** Names of functions of columns, see `column-functions.ts`; null with fewer than two rankings. */
  readonly agreement: string | null = $derived.by(() =>
    this.#columns.length > 1 ? callOf('agreement', this.#columns) : null,
  );
  readonly disagreement: string | null = $derived.by(() =>
    this.#columns.length > 1 ? callOf('disagreement', this.#columns) : null,
  );
  /** How many of the rankings flag an image; null with fewer than two. */
  readonly flags: string | null = $derived.by(() =>
    this.#columns.length > 1 ? callOf('flagged', this.#columns) : null,
  );
  /** The rankings without a threshold: what they flag is unknown. */
  readonly unplaced: readonly string[] = $derived.by(() =>
    this.chosen.filter(({ column }) => this.#view.session.thresholds.of(column) === null).map(({ id }) => id),
  );
  readonly #agreeingRange: NamedRange = $derived.by(() =>
    this.topShare === null
      ? { name: this.flags, low: this.chosen.length, high: Infinity }
      : { name: this.agreement, low: from(1 - this.topShare), high: Infinity },
  );
  readonly #disagreeingRange: NamedRange = $derived.by(() =>
    this.apart === null
      ? { name: this.flags, low: 1, high: this.chosen.length - 1 }
      : { name: this.disagreement, low: from(this.apart), high: Infinity },
  );
  /** Captions of the tiles: the percentile of the image in each ranking. */
  readonly captions: readonly string[] = $derived.by(() =>
    this.isOpen && this.#columns.length > 1 ? this.#columns.map((column) => callOf('percentile', [column])) : [],
  );
  readonly showsAgreeing = $derived.by(() => this.#isShown(this.#agreeingRange));
  readonly showsDisagreeing = $derived.by(() => this.#isShown(this.#disagreeingRange));
  /** The order of the images in place of the score; null for the score. */
  readonly order = $derived.by(() => (this.showsDisagreeing ? this.disagreement : null));

  /** The number of images; null if a ranking lacks its threshold. */
  readonly agreeing: number | null = $derived.by(() => this.#countIn(this.#agreeingRange));
  readonly disagreeing: number | null = $derived.by(() => this.#countIn(this.#disagreeingRange));

  #isRange = (name: string | null) => name !== null && this.#view.filter.ranges.has(name);

  #isShown({ name, low, high }: NamedRange): boolean {
    const range = name === null ? undefined : this.#view.filter.ranges.get(name);
    return range !== undefined && range.low === low && range.high === high;
  }

  #countIn({ name, low, high }: NamedRange): number | null {
    const { ids, source } = this.#view.session;
    const read = name === null ? null : readerOf(name, source);
    if (!read) return null;
    let count = 0;
    for (const id of ids) {
      const value = Number(read({ id } as never) ?? NaN);
      if (value >= low && value <= high) count++;
    }
    return count;
  }

  toggle(id: string) {
    this.clear();
    const ids = this.chosen.map((run) => run.id);
    this.#chosen = ids.includes(id) ? ids.filter((other) => other !== id) : [...ids, id];
  }

  choosePair(across: string, up: string) {
    this.#pair = [across, up];
  }

  toggleAgreeing() {
    this.#show(this.showsAgreeing ? null : this.#agreeingRange);
  }

  toggleDisagreeing() {
    this.#show(this.showsDisagreeing ? null : this.#disagreeingRange);
  }

  setTopShare(share: number | null) {
    const isShown = this.showsAgreeing;
    this.topShare = share;
    if (isShown) this.#show(this.#agreeingRange);
  }

  setApart(apart: number | null) {
    const isShown = this.showsDisagreeing;
    this.apart = apart;
    if (isShown) this.#show(this.#disagreeingRange);
  }

  #show(range: NamedRange | null) {
    this.clear();
    if (!range?.name) return;
    this.#view.flaggedOnly = false; // the threshold is that of one ranking only
    this.#view.filter.setRange(range.name, { low: range.low, high: range.high });
  }

  /** Shows the images whose scores are in a box of the scatter plot. */
  showBox(box: readonly { column: string; low: number; high: number }[]) {
    this.clear();
    this.#view.flaggedOnly = false;
    for (const { column, low, high } of box)
      this.#view.filter.setRange(column, low === -Infinity && high === Infinity ? null : { low, high });
  }

  /** Removes the clauses that this panel has set. */
  clear() {
    const { filter } = this.#view;
    for (const name of [
      this.agreement,
      this.disagreement,
      this.flags,
      ...(this.pair ?? []).map(({ column }) => column),
    ])
      if (this.#isRange(name)) filter.setRange(name as string, null);
  }

  readonly isFiltering = $derived.by(
    () => this.showsAgreeing || this.showsDisagreeing || (this.pair ?? []).some(({ column }) => this.#isRange(column)),
  );
}
