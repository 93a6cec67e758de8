/**
 * What the window shows of a folder: the open place, order and filter, the threshold on a run's score, selection and cursor. A place may have a
 * lens: a column that sorts its images, and a threshold on it. Everything shown is derived from these.
 */
import { quote } from '../../src-main/contract/expression.ts';
import { clamp, upperBound } from '../../src-main/contract/numbers.ts';
import { readerOf } from '../../src-main/contract/read.ts';
import type { Change } from '../../src-main/contract/schemas.ts';
import { anomalousTag, normalTag } from '../../src-main/contract/train-on.ts';
import type { CheckState, Decision, RunSummary, Sample, SavedView } from '../../src-main/contract/types.ts';
import {
  inOneSection,
  inSections,
  lengthOf,
  panesFrom,
  positionsOf,
  sortedByValue,
  type Arranged,
  type Grouping,
  type Order,
} from '../lib/arrange.ts';
import { hasFirstScores } from '../lib/resume.ts';
import { Filter } from './filter.svelte.ts';
import { LoupeState } from './loupe.svelte.ts';
import { notices } from './notices.svelte.ts';
import { Opinions } from './opinions.svelte.ts';
import type { Lens, Place } from './place.ts';
import type { Session } from './session.svelte.ts';
import { settings } from './settings.svelte.ts';
import { ScoreThreshold } from './threshold.svelte.ts';

export class View {
  readonly session: Session;
  readonly places: readonly Place[];
  readonly filter: Filter;
  readonly loupe = new LoupeState();
  #place: Place;
  galleryOrder = $state<Order>({ by: 'path', descending: false });
  grouping = $state<Grouping>('none');
  mostFirst = $state(true);
  flaggedOnly = $state(true);
  /** The check whose images are shown in Issues; null for the overview. */
  checkId = $state<string | null>(null);
  /** The images that the panel of a list shows; set by the panel. */
  listed = $state.raw<readonly number[]>([]);
  /** The threshold of a check while it is dragged; the engine gets it at the end. */
  draggedThreshold = $state<number | null>(null);
  /** The settings of the next ranking; kept while another place is open. */
  form = $state({
    methodId: 'auto',
    /** Null until it is typed: what was remembered or recognised for the folder applies. */
    trainOn: null as string | null,
    seed: 1,
    parameters: {} as Record<string, Record<string, unknown>>,
    isMore: false,
  });
  #runId = $state<string | null>(null);
  selection = $state.raw<ReadonlySet<number>>(new Set());
  cursor = $state<number | null>(null);
  #anchor: number | null = null;
  /** Set by the gallery. */
  tilesInRow = 1;

  /** The first place is open at the start. */
  constructor(session: Session, places: readonly Place[]) {
    this.session = session;
    this.places = places;
    this.#place = $state.raw(places[0]);
    this.filter = new Filter(session, () => this.clause);
    this.threshold = new ScoreThreshold(session, () => this.ranked);
  }

  get place(): Place {
    return this.#place;
  }

  /** Opens a place by its id. */
  go(id: string) {
    const place = this.places.find((known) => known.id === id);
    if (!place) throw new Error(`There is no place ‘${id}’.`);
    this.#place = place;
  }

  // --- the ranking, and the lens of the place ---

  readonly run: RunSummary | null = $derived.by(() => {
    const runs = this.session.listedRuns.filter(({ kind }) => kind === 'rank');
    const [chosen, newest] = [runs.find(({ id }) => id === this.#runId), runs.find(({ state }) => state === 'done')];
    return chosen ?? newest ?? runs.find(this.#hasFirst) ?? null;
  });
  #hasFirst = (run: RunSummary) => hasFirstScores(run, this.session.columns);
  readonly scored = $derived(this.run?.state === 'done' ? this.run : null);
  /** The ranking whose scores are shown: finished, or running with the scores of a faster method until then. */
  readonly ranked = $derived.by(() => this.scored ?? (this.run && this.#hasFirst(this.run) ? this.run : null));
  readonly threshold: ScoreThreshold;
  readonly scores = $derived.by(() => this.threshold.scores);
  /** Ascending. */
  readonly sortedScores = $derived.by(() => this.threshold.sorted);
  readonly opinions = new Opinions(this);
  readonly lens: Lens | null = $derived.by(() => this.place.lens?.(this) ?? null);
  readonly isRanked = $derived(this.lens?.run !== undefined);
  readonly filtersThreshold = $derived(this.isRanked && this.flaggedOnly);
  readonly check: CheckState | null = $derived(this.lens?.check ?? null);
  readonly checkThreshold = $derived(this.check && this.lens ? this.lens.threshold : 1);

  /** The clause that the lens adds to the filter. */
  readonly clause: string | null = $derived(
    this.lens?.isFiltering ? `${this.lens.column} >= ${this.lens.threshold}` : null,
  );
  readonly order: Order = $derived.by(() =>
    this.lens ? { by: this.lens.order ?? this.lens.column, descending: this.lens.descending } : this.galleryOrder,
  );

  // --- what is shown ---

  /** All ids in order. It does not depend on decisions and labels, so that a mark does not sort again. */
  readonly #ordered: Int32Array = $derived.by(() => {
    const { by, descending } = this.order;
    const { ids, columns } = this.session;
    if (by === 'path') return descending ? ids.toReversed() : ids;
    const values = new Float64Array(lengthOf(ids)).fill(NaN);
    if (columns.some(({ name }) => name === by)) values.set(this.session.values(by).subarray(0, values.length));
    else {
      const read = readerOf(by, this.session.source);
      for (const id of ids) values[id] = Number(read?.(this.session.sample(id) as Sample) ?? NaN);
    }
    return sortedByValue(ids, values, descending);
  });

  readonly #arranged: Arranged = $derived.by(() => {
    if (this.place.isList) {
      void this.session.samples; // decisions
      return inOneSection(this.listed.flatMap((id) => this.session.sample(id) ?? []));
    }
    const passes = this.filter.shown;
    const shown: Sample[] = [];
    for (const id of this.#ordered) if (passes[id]) shown.push(this.session.sample(id) as Sample);
    return this.grouping === 'none' || this.lens
      ? inOneSection(shown)
      : inSections(shown, this.#sectionOf(), `no ${this.grouping === 'duplicate' ? 'duplicates' : this.grouping}`);
  });
  readonly shown = $derived(this.#arranged.shown);
  readonly sections = $derived(this.#arranged.sections);

  #sectionOf(): (sample: Sample) => string {
    if (this.grouping === 'duplicate') {
      const titles = new Map(
        this.session.groups.flatMap((group, i) => group.ids.map((id) => [id, `${i + 1} · ${group.kind}`] as const)),
      );
      return ({ id }) => titles.get(id) ?? '';
    }
    const read = readerOf(this.grouping, this.session.source);
    return (sample) => {
      const value = read?.(sample) ?? '';
      return Array.isArray(value) ? ((value as readonly string[])[0] ?? '') : String(value);
    };
  }

  readonly #positions: Int32Array = $derived(positionsOf(this.shown));
  readonly currentIndex = $derived(this.cursor === null ? -1 : (this.#positions[this.cursor] ?? -1));
  /** The sample under the cursor, if it is shown. */
  readonly current: Sample | null = $derived(this.currentIndex < 0 ? null : this.shown[this.currentIndex]);
  /** Whether the user filters, in addition to the lens of the place. */
  readonly isNarrowed = $derived.by(() => this.filter.chips.length > 0);
  readonly isBrowsing = $derived(this.place.isBrowsing?.(this) ?? true);
  /** What the middle shows: the panel of the place, the loupe or a comparison. */
  readonly seen: 'panel' | 'loupe' | 'compare' = $derived.by(() => {
    const { loupe, current } = this;
    if (!this.isBrowsing || loupe.mode === 'grid' || (this.place.isList && !current)) return 'panel';
    if (loupe.isComparing && this.compared.length > 1) return 'compare';
    return current ? 'loupe' : 'panel';
  });

  chooseRun(id: string) {
    this.#runId = id;
  }

  /** The rank of an image; 1 is the most anomalous. */
  rankOf(sampleId: number): number | null {
    const value = this.scores[sampleId];
    return value === undefined || Number.isNaN(value)
      ? null
      : this.sortedScores.length - upperBound(this.sortedScores, value) + 1;
  }

  /** Orders the gallery by similarity to the chosen images. */
  async lookAlike() {
    const ids = this.chosen();
    if (!ids.length) return;
    try {
      await this.session.calls.samples.findSimilar.mutate({ ids });
      this.openView({ name: '', where: null, order: { by: 'alike', descending: true } });
      this.grouping = 'none';
      this.selection = new Set();
      this.cursor = ids[0];
      this.loupe.mode = 'grid';
    } catch (error) {
      notices.fail(error);
    }
  }

  clearFilters() {
    this.filter.clear();
    if (this.isRanked) this.flaggedOnly = false;
  }

  /** The filter and order as a view to save. */
  asView = (name: string): SavedView => ({ name, where: this.filter.expression, order: { ...this.order } });

  openView({ where, order }: SavedView) {
    this.go('gallery');
    this.filter.clear();
    this.filter.where = where ?? '';
    this.galleryOrder = { ...order };
  }

  /** Filters the gallery by one value of a property. */
  showOnly(name: 'class' | 'tag' | 'issue', value: string) {
    this.go('gallery');
    this.filter.clear();
    this.filter.where = `${name} = ${quote(value)}`;
  }

  // --- selection: the rules of file managers ---

  /** Ids that an action applies to: the selection, or the cursor's. In a comparison, the active image's. */
  chosen(): number[] {
    if (this.loupe.mode === 'compare2' || this.loupe.mode === 'compare4') return this.active ? [this.active.id] : [];
    if (this.selection.size) return this.shown.filter((sample) => this.selection.has(sample.id)).map(({ id }) => id);
    return this.current ? [this.current.id] : [];
  }

  /** The images of a comparison: the selection, or the image under the cursor and the next ones. */
  readonly compared: readonly Sample[] = $derived.by(() => {
    const panes = this.loupe.mode === 'compare4' ? 4 : 2;
    if (this.selection.size < 2) return panesFrom(this.shown, this.currentIndex, panes);
    const selected = this.shown.filter((sample) => this.selection.has(sample.id));
    const at = selected.findIndex(({ id }) => id === this.cursor);
    return panesFrom(selected, Math.floor(Math.max(0, at) / panes) * panes, panes);
  });
  readonly active: Sample | null = $derived(
    this.compared[Math.min(this.loupe.active, this.compared.length - 1)] ?? null,
  );

  pick(sample: Sample, how: { toggle: boolean; range: boolean }) {
    const at = (id: number) => this.#positions[id] ?? -1;
    if (how.range && this.#anchor !== null && at(this.#anchor) >= 0) {
      const [from, to] = [at(this.#anchor), at(sample.id)].sort((a, b) => a - b);
      this.selection = new Set(this.shown.slice(from, to + 1).map(({ id }) => id));
    } else if (how.toggle) {
      const next = new Set(this.selection.size ? this.selection : this.current ? [this.current.id] : []);
      if (!next.delete(sample.id)) next.add(sample.id);
      this.selection = next;
      this.#anchor = sample.id;
    } else {
      this.selection = new Set();
      this.#anchor = sample.id;
    }
    this.cursor = sample.id;
  }

  /** Selects these images, or adds them to the selection. */
  select(ids: Iterable<number>, isAdding: boolean) {
    this.selection = new Set(isAdding ? [...this.selection, ...ids] : ids);
    // Moves the cursor to the selection if there is no cursor.
    if (!this.current) this.cursor = this.shown.find(({ id }) => this.selection.has(id))?.id ?? this.cursor;
  }

  /** Moves a comparison by `by` sets of images. */
  moveComparison(by: number) {
    if (this.currentIndex >= 0)
      this.#moveTo(clamp(this.currentIndex + by * this.loupe.panes, 0, this.shown.length - 1), false);
  }

  toggleCurrent() {
    if (!this.current) return;
    const next = new Set(this.selection);
    if (!next.delete(this.current.id)) next.add(this.current.id);
    this.selection = next;
    this.#anchor = this.current.id;
  }

  selectAll() {
    this.select(
      this.shown.map(({ id }) => id),
      false,
    );
  }

  invertSelection() {
    this.select(
      this.shown.filter(({ id }) => !this.selection.has(id)).map(({ id }) => id),
      false,
    );
  }

  clearSelection() {
    this.selection = new Set();
  }

  /** Moves the cursor by tiles; without a cursor, to the first. */
  move(by: number, extend = false) {
    if (!this.shown.length) return;
    const to = this.currentIndex < 0 ? 0 : clamp(this.currentIndex + by, 0, this.shown.length - 1);
    this.#moveTo(to, extend);
  }

  /** Moves the cursor to the next undecided image; after the last one it starts again. */
  nextUndecided() {
    const n = this.shown.length;
    for (let step = 1; step <= n; step++) {
      const at = (this.currentIndex + step + n) % n;
      if (this.shown[at].decision === null) return this.#moveTo(at, false);
    }
  }

  /** The cursor's image is remembered for `resume`. */
  #moveTo(index: number, extend: boolean) {
    const sample = this.shown[index];
    // Stepping through a selection, for example in the loupe, keeps it.
    if (!extend && this.selection.size > 1 && this.loupe.mode !== 'grid') this.cursor = sample.id;
    else this.pick(sample, { toggle: false, range: extend });
    void settings.rememberPlace(this.session.id, sample.path);
  }

  /** Restores the last cursor of this folder; without one, moves it to the first undecided image if some are decided. */
  async resume() {
    const path = await settings.placeIn(this.session.id);
    const { samples, reviewed } = this.session;
    const sample =
      samples.find((known) => known.path === path) ??
      (reviewed ? samples.find(({ decision }) => decision === null) : undefined);
    if (sample && this.cursor === null) this.pick(sample, { toggle: false, range: false });
  }

  // --- marks ---

  /** The reason is the clause of the lens. */
  decide = (decision: Decision | null) => this.#markAndMoveOn({ decision });

  /** Declares the chosen images normal or anomalous, or neither if all of them are declared so already. */
  async declare(tag: typeof normalTag | typeof anomalousTag) {
    const isDeclared = this.chosen().every((id) => this.session.sample(id)?.tags.includes(tag));
    const other = tag === normalTag ? anomalousTag : normalTag;
    await this.#markAndMoveOn(isDeclared ? { removeTags: [tag] } : { addTags: [tag], removeTags: [other] });
  }

  /** Marks the chosen images; if that is only the one under the cursor, the cursor moves on. */
  async #markAndMoveOn(change: Change) {
    const ids = this.chosen();
    if (!ids.length) return;
    const alone = this.selection.size === 0 && this.loupe.mode !== 'compare2' && this.loupe.mode !== 'compare4';
    const index = this.currentIndex;
    const nextId = alone ? this.shown[index + 1]?.id : undefined;
    const done = this.mark(ids, change);
    if (nextId !== undefined && (this.#positions[nextId] ?? -1) >= 0) this.#moveTo(this.#positions[nextId], false);
    await done;
  }

  /** Keeps the active image of a comparison and rejects the others. */
  async keepActive() {
    const { active } = this;
    if (!active) return;
    const others = this.compared.filter(({ id }) => id !== active.id).map(({ id }) => id);
    await this.mark([active.id], { decision: 'keep' });
    if (others.length) await this.session.edit(others, { decision: 'reject', reason: `compared with ${active.path}` });
  }

  mark = (ids: readonly number[], change: Change) =>
    this.session.edit(
      ids,
      change.decision && change.reason === undefined && this.clause ? { ...change, reason: this.clause } : change,
    );

  /** Labels the chosen images with the n-th class by name; 0 removes the label. */
  async labelByKey(n: number) {
    const label = n === 0 ? null : this.classes[n - 1];
    if (label !== undefined) await this.mark(this.chosen(), { label });
  }

  /** Class names from folders and labels, sorted. */
  readonly classes: readonly string[] = $derived.by(() => this.#names(({ class: own }) => own ?? []));
  readonly tags: readonly string[] = $derived.by(() => this.#names(({ tags }) => tags));
  #names = (read: (sample: Sample) => string | readonly string[]): readonly string[] =>
    [...new Set(this.session.samples.flatMap(read))].sort((a, b) => a.localeCompare(b));

  /** Rejects the undecided images that are shown and at or above the threshold. */
  async rejectFlagged() {
    const { lens } = this;
    if (!lens) return;
    const values = this.session.values(lens.column);
    const ids = this.shown
      .filter(({ id, decision }) => decision === null && values[id] >= lens.threshold)
      .map(({ id }) => id);
    if (ids.length) await this.mark(ids, { decision: 'reject' });
  }
}
