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

export class Opinions {
  #view: View;
  isOpen = $state(false);
  /** The share of the images that counts as anomalous in each ranking. */
  topShare = $state(0.05);
  /** From which difference of percentiles on rankings disagree. */
  apart = $state(0.5);
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
  /** Captions of the tiles: the percentile of the image in each ranking. */
  readonly captions: readonly string[] = $derived.by(() =>
    this.isOpen && this.#columns.length > 1 ? this.#columns.map((column) => callOf('percentile', [column])) : [],
  );
  readonly showsAgreeing = $derived.by(() => this.#isRange(this.agreement));
  readonly showsDisagreeing = $derived.by(() => this.#isRange(this.disagreement));
  /** The order of the images in place of the score; null for the score. */
  readonly order = $derived.by(() => (this.showsDisagreeing ? this.disagreement : null));

  readonly agreeing: number = $derived.by(() => this.#countFrom(this.agreement, 1 - this.topShare));
  readonly disagreeing: number = $derived.by(() => this.#countFrom(this.disagreement, this.apart));

  #isRange = (name: string | null) => name !== null && this.#view.filter.ranges.has(name);

  #countFrom(name: string | null, low: number): number {
    const { ids, source } = this.#view.session;
    const read = name === null ? null : readerOf(name, source);
    let count = 0;
    if (read) for (const id of ids) if (Number(read({ id } as never) ?? -1) >= low) count++;
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
    this.#show(this.showsAgreeing ? null : this.agreement, 1 - this.topShare);
  }

  toggleDisagreeing() {
    this.#show(this.showsDisagreeing ? null : this.disagreement, this.apart);
  }

  setTopShare(share: number) {
    this.topShare = share;
    if (this.showsAgreeing) this.#show(this.agreement, 1 - share);
  }

  setApart(apart: number) {
    this.apart = apart;
    if (this.showsDisagreeing) this.#show(this.disagreement, apart);
  }

  #show(name: string | null, low: number) {
    this.clear();
    if (name === null) return;
    this.#view.flaggedOnly = false; // the threshold is that of one ranking only
    this.#view.filter.setRange(name, { low: Number(low.toFixed(4)), high: Infinity });
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
    for (const name of [this.agreement, this.disagreement, ...(this.pair ?? []).map(({ column }) => column)])
      if (this.#isRange(name)) filter.setRange(name as string, null);
  }

  readonly isFiltering = $derived.by(
    () => this.showsAgreeing || this.showsDisagreeing || (this.pair ?? []).some(({ column }) => this.#isRange(column)),
  );
}
