/**
 * What is looked at: a place, its order and filter, a threshold on a run's score, the selection and the cursor. Places look through a lens: anomalies
 * through a run's score, issues through a check. Everything shown is derived.
 */
import { quote } from '../../src-main/contract/expression.ts';
import { clamp, lowerBound, upperBound } from '../../src-main/contract/numbers.ts';
import { readerOf } from '../../src-main/contract/read.ts';
import type { Change } from '../../src-main/contract/schemas.ts';
import type { CheckState, Decision, Run, Sample, SavedView } from '../../src-main/contract/types.ts';
import { Filter } from './filter.svelte.ts';
import { LoupeState } from './loupe.svelte.ts';
import { notices } from './notices.svelte.ts';
import type { Session } from './session.svelte.ts';
import { settings } from './settings.svelte.ts';

export type Place = 'gallery' | 'anomalies' | 'issues' | 'duplicates' | 'labels' | 'map' | 'train';
/** Where the grid is. */
const browsePlaces: readonly Place[] = ['gallery', 'anomalies', 'issues', 'duplicates', 'labels', 'map'];

export const orderProperties = [
  { name: 'path', title: 'Path' },
  { name: 'bytes', title: 'File size' },
  { name: 'width', title: 'Width' },
  { name: 'height', title: 'Height' },
  { name: 'modified', title: 'Date' },
] as const;
export const groupings = [
  { name: 'none', title: 'No groups' },
  { name: 'class', title: 'Class' },
  { name: 'issue', title: 'Issue' },
  { name: 'duplicate', title: 'Duplicate set' },
  { name: 'decision', title: 'Decision' },
] as const;
export type Grouping = (typeof groupings)[number]['name'];
export interface Order {
  by: string;
  descending: boolean;
}
/** A run of `shown` under one heading. */
export interface Section {
  title: string | null;
  from: number;
  to: number;
}

export class View {
  #session: Session;
  readonly filter: Filter;
  readonly loupe = new LoupeState();
  place = $state<Place>('gallery');
  galleryOrder = $state<Order>({ by: 'path', descending: false });
  grouping = $state<Grouping>('none');
  mostFirst = $state(true);
  flaggedOnly = $state(true);
  /** The check that is looked at among the issues; null is the overview. */
  checkId = $state<string | null>(null);
  /** What the places of duplicates and of labels list: told by their panels. */
  listed = $state.raw<readonly number[]>([]);
  /** A threshold that is being dragged: told to the engine when it is let go. */
  draggedThreshold = $state<number | null>(null);
  /** What the person has set for the next training; kept while they look elsewhere. */
  form = $state({
    methodId: 'conv-ae',
    trainOn: '',
    seed: 1,
    parameters: {} as Record<string, Record<string, unknown>>,
    isMore: false,
  });
  #runId = $state<string | null>(null);
  /** Set by the person; null is the default of the run. */
  #thresholds = $state.raw<ReadonlyMap<string, number>>(new Map());
  selection = $state.raw<ReadonlySet<number>>(new Set());
  cursor = $state<number | null>(null);
  #anchor: number | null = null;
  /** Tiles in a row, told by the gallery. */
  tilesInRow = 1;

  constructor(session: Session) {
    this.#session = session;
    this.filter = new Filter(session, () => this.lens);
  }

  // --- what is looked through ---

  readonly run: Run | null = $derived.by(() => {
    const runs = this.#session.runs.filter(({ kind }) => kind === 'rank');
    return runs.find((run) => run.id === this.#runId) ?? runs.find((run) => run.state === 'done') ?? null;
  });
  readonly scored = $derived(this.run?.state === 'done' ? this.run : null);
  readonly scores: Float64Array = $derived.by(() =>
    this.scored ? this.#session.values(this.scored.column) : new Float64Array(),
  );
  /** Ascending. */
  readonly sortedScores = $derived(this.scores.filter((value) => !Number.isNaN(value)).sort());
  readonly threshold: number = $derived.by(
    () => (this.scored && this.#thresholds.get(this.scored.id)) ?? this.atShare(0.05),
  );
  readonly flagged = $derived(this.sortedScores.length - lowerBound(this.sortedScores, this.threshold));
  readonly filtersThreshold = $derived(this.place === 'anomalies' && this.flaggedOnly && this.scored !== null);

  readonly check: CheckState | null = $derived.by(() =>
    this.place === 'issues' ? (this.#session.checks.find(({ id }) => id === this.checkId) ?? null) : null,
  );
  readonly checkThreshold = $derived(this.draggedThreshold ?? this.check?.threshold ?? 1);

  /** The clause that a place adds to the filter. */
  readonly lens: string | null = $derived.by(() => {
    if (this.filtersThreshold && this.scored) return `${this.scored.column} >= ${this.threshold}`;
    if (this.check) return `${this.check.id} >= ${this.checkThreshold}`;
    return null;
  });
  readonly isRanked = $derived(this.place === 'anomalies' && this.scored !== null);
  readonly order: Order = $derived.by(() => {
    if (this.isRanked && this.scored) return { by: this.scored.column, descending: this.mostFirst };
    if (this.check) return { by: this.check.id, descending: true };
    return this.galleryOrder;
  });

  // --- what is shown ---

  /** All ids in the order. Marks do not move samples, so that a decision sorts nothing anew. */
  readonly #ordered: Int32Array = $derived.by(() => {
    const { by, descending } = this.order;
    const { ids, columns } = this.#session;
    if (by === 'path') return descending ? ids.toReversed() : ids;
    const length = ids.reduce((most, id) => Math.max(most, id), 0) + 1;
    const keys = new Float64Array(length).fill(NaN);
    if (orderProperties.some(({ name }) => name === by)) {
      const read = readerOf(by, this.#session.source);
      for (const id of ids) keys[id] = Number(read?.(this.#session.sample(id) as Sample));
    } else if (columns.some(({ name }) => name === by)) {
      keys.set(this.#session.values(by).subarray(0, length));
    }
    const sign = descending ? -1 : 1;
    // What has no value comes last, whichever the direction. Equal ones stay in the order of their paths.
    const [known, unknown] = [ids.filter((id) => !Number.isNaN(keys[id])), ids.filter((id) => Number.isNaN(keys[id]))];
    const place = new Int32Array(length);
    ids.forEach((id, i) => (place[id] = i));
    known.sort((a, b) => sign * (keys[a] - keys[b]) || place[a] - place[b]);
    const out = new Int32Array(ids.length);
    out.set(known);
    out.set(unknown, known.length);
    return out;
  });

  readonly #arranged: { shown: readonly Sample[]; sections: readonly Section[] } = $derived.by(() => {
    if (this.place === 'duplicates' || this.place === 'labels') {
      void this.#session.samples; // decisions
      const members = this.listed.flatMap((id) => this.#session.sample(id) ?? []);
      return { shown: members, sections: [{ title: null, from: 0, to: members.length }] };
    }
    const passes = this.filter.shown;
    const shown: Sample[] = [];
    for (const id of this.#ordered) if (passes[id]) shown.push(this.#session.sample(id) as Sample);
    if (this.grouping === 'none' || this.isRanked || this.check)
      return { shown, sections: [{ title: null, from: 0, to: shown.length }] };
    const groups = Map.groupBy(shown, this.#sectionOf());
    const sections: Section[] = [];
    const arranged: Sample[] = [];
    for (const [title, members] of [...groups].sort(
      ([a], [b]) => Number(a === '') - Number(b === '') || a.localeCompare(b, 'en', { numeric: true }),
    )) {
      sections.push({
        title: title || `no ${this.grouping === 'duplicate' ? 'duplicates' : this.grouping}`,
        from: arranged.length,
        to: arranged.length + members.length,
      });
      for (const sample of members) arranged.push(sample);
    }
    return { shown: arranged, sections };
  });
  readonly shown = $derived(this.#arranged.shown);
  readonly sections = $derived(this.#arranged.sections);

  #sectionOf(): (sample: Sample) => string {
    if (this.grouping === 'duplicate') {
      const titles = new Map(
        this.#session.groups.flatMap((group, i) => group.ids.map((id) => [id, `${i + 1} · ${group.kind}`] as const)),
      );
      return ({ id }) => titles.get(id) ?? '';
    }
    const read = readerOf(this.grouping, this.#session.source);
    return (sample) => {
      const value = read?.(sample) ?? '';
      return Array.isArray(value) ? ((value as readonly string[])[0] ?? '') : String(value);
    };
  }

  readonly #positions: Int32Array = $derived.by(() => {
    const { shown } = this;
    let most = 0;
    for (const { id } of shown) if (id > most) most = id;
    const out = new Int32Array(most + 1).fill(-1);
    for (let i = 0; i < shown.length; i++) out[shown[i].id] = i;
    return out;
  });
  readonly currentIndex = $derived(this.cursor === null ? -1 : (this.#positions[this.cursor] ?? -1));
  /** The sample under the cursor, if it is shown. */
  readonly current: Sample | null = $derived(this.currentIndex < 0 ? null : this.shown[this.currentIndex]);
  /** Beside what the place itself shows, the person has narrowed it. */
  readonly isNarrowed = $derived.by(() => this.filter.chips.length > 0);
  readonly isBrowsing = $derived(browsePlaces.includes(this.place) && (this.place !== 'issues' || this.check !== null));
  /** Of what the filter leaves but for what was decided: how far one is through it. */
  readonly queue: { reviewed: number; of: number } = $derived.by(() => {
    const passes = this.filter.without('facet decision');
    let [reviewed, of] = [0, 0];
    for (const { id, decision } of this.#session.samples) {
      if (!passes[id]) continue;
      of++;
      if (decision !== null) reviewed++;
    }
    return { reviewed, of };
  });

  chooseRun(id: string) {
    this.#runId = id;
  }

  setThreshold(value: number) {
    if (this.scored) this.#thresholds = new Map(this.#thresholds).set(this.scored.id, value);
  }

  /** The score above which this share of the images lies. */
  atShare = (share: number): number => {
    const { length } = this.sortedScores;
    return length ? this.sortedScores[clamp(Math.round(length * (1 - share)), 0, length - 1)] : 0;
  };

  /** 1 is the most anomalous. */
  rankOf(sampleId: number): number | null {
    const value = this.scores[sampleId];
    return value === undefined || Number.isNaN(value)
      ? null
      : this.sortedScores.length - upperBound(this.sortedScores, value) + 1;
  }

  /** Looks in the gallery at all images, the most like the chosen first. */
  async lookAlike() {
    const ids = this.chosen();
    if (!ids.length) return;
    try {
      await this.#session.calls.samples.alike.mutate({ ids });
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
    if (this.place === 'anomalies') this.flaggedOnly = false;
  }

  /** The filter and order as a view that can be kept. */
  asView = (name: string): SavedView => ({ name, where: this.filter.expression, order: { ...this.order } });

  openView({ where, order }: SavedView) {
    this.place = 'gallery';
    this.filter.clear();
    this.filter.where = where ?? '';
    this.galleryOrder = { ...order };
  }

  /** Looks at samples with one property, as a finding or a chip of the inspector names it. */
  showOnly(name: 'class' | 'tag' | 'issue', value: string) {
    this.place = 'gallery';
    this.filter.clear();
    this.filter.where = `${name} = ${quote(value)}`;
  }

  // --- selection: explorer's rules ---

  /** Ids that a command is about: the selection, or the cursor alone. While images are compared, the active one. */
  chosen(): number[] {
    if (this.loupe.mode === 'compare2' || this.loupe.mode === 'compare4') return this.active ? [this.active.id] : [];
    if (this.selection.size) return this.shown.filter((sample) => this.selection.has(sample.id)).map(({ id }) => id);
    return this.current ? [this.current.id] : [];
  }

  /** The images side by side: the selection, or the cursor and what follows. */
  readonly compared: readonly Sample[] = $derived.by(() => {
    const panes = this.loupe.mode === 'compare4' ? 4 : 2;
    const selected = this.selection.size > 1 ? this.shown.filter((sample) => this.selection.has(sample.id)) : null;
    if (selected) {
      const at = Math.max(
        0,
        selected.findIndex(({ id }) => id === this.cursor),
      );
      const from = Math.min(Math.floor(at / panes) * panes, Math.max(0, selected.length - panes));
      return selected.slice(from, from + panes);
    }
    const from = clamp(this.currentIndex, 0, this.shown.length - panes);
    return this.shown.slice(from, from + panes);
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

  /** Selects these, or adds them to what is selected. */
  select(ids: Iterable<number>, beside: boolean) {
    this.selection = new Set(beside ? [...this.selection, ...ids] : ids);
    // What is selected is looked at: the cursor comes to it where it is nowhere.
    if (!this.current) this.cursor = this.shown.find(({ id }) => this.selection.has(id))?.id ?? this.cursor;
  }

  /** The next images to compare, so many on. */
  comparedOn(by: number) {
    if (this.currentIndex >= 0)
      this.#go(clamp(this.currentIndex + by * this.loupe.panes, 0, this.shown.length - 1), false);
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

  /** Moves the cursor by tiles; from nowhere it goes to the first. */
  move(by: number, extend = false) {
    if (!this.shown.length) return;
    const to = this.currentIndex < 0 ? 0 : clamp(this.currentIndex + by, 0, this.shown.length - 1);
    this.#go(to, extend);
  }

  /** To the next on which nothing was decided, from the cursor on and round. */
  nextUndecided() {
    const n = this.shown.length;
    for (let step = 1; step <= n; step++) {
      const at = (this.currentIndex + step + n) % n;
      if (this.shown[at].decision === null) return this.#go(at, false);
    }
  }

  /** The cursor is remembered, so that a review goes on where it was left. */
  #go(index: number, extend: boolean) {
    const sample = this.shown[index];
    // A walk through a selection, as in the loupe, keeps it.
    if (!extend && this.selection.size > 1 && this.loupe.mode !== 'grid') this.cursor = sample.id;
    else this.pick(sample, { toggle: false, range: extend });
    void settings.rememberPlace(this.#session.id, sample.path);
  }

  /** Puts the cursor where it was when the folder was last looked at here; where that is not known, on the first image of a begun review that is undecided. */
  async resume() {
    const path = await settings.placeIn(this.#session.id);
    const { samples, reviewed } = this.#session;
    const sample =
      samples.find((known) => known.path === path) ??
      (reviewed ? samples.find(({ decision }) => decision === null) : undefined);
    if (sample && this.cursor === null) this.pick(sample, { toggle: false, range: false });
  }

  // --- marks ---

  /** Decides on what is chosen and, when that was the cursor alone, goes on to the next. What was looked through is the reason. */
  async decide(decision: Decision | null) {
    const ids = this.chosen();
    if (!ids.length) return;
    const alone = this.selection.size === 0 && this.loupe.mode !== 'compare2' && this.loupe.mode !== 'compare4';
    const index = this.currentIndex;
    const nextId = alone ? this.shown[index + 1]?.id : undefined;
    const done = this.mark(ids, { decision });
    if (nextId !== undefined && (this.#positions[nextId] ?? -1) >= 0) this.#go(this.#positions[nextId], false);
    await done;
  }

  /** Of the compared images, keeps the active one and rejects the others. */
  async keepActive() {
    const { active } = this;
    if (!active) return;
    const others = this.compared.filter(({ id }) => id !== active.id).map(({ id }) => id);
    await this.mark([active.id], { decision: 'keep' });
    if (others.length) await this.#session.edit(others, { decision: 'reject', reason: `compared with ${active.path}` });
  }

  mark = (ids: readonly number[], change: Change) =>
    this.#session.edit(
      ids,
      change.decision && change.reason === undefined && this.lens ? { ...change, reason: this.lens } : change,
    );

  /** Gives the chosen the n-th class, as the facet of classes lists them by name; 0 takes the label away. */
  async labelByKey(n: number) {
    const label = n === 0 ? null : this.classes[n - 1];
    if (label !== undefined) await this.mark(this.chosen(), { label });
  }

  /** By name, from folders and labels. */
  readonly classes: readonly string[] = $derived.by(() =>
    [...new Set(this.#session.samples.flatMap((sample) => sample.class ?? []))].sort((a, b) => a.localeCompare(b)),
  );
  readonly tags: readonly string[] = $derived.by(() =>
    [...new Set(this.#session.samples.flatMap((sample) => sample.tags))].sort((a, b) => a.localeCompare(b)),
  );

  /** Rejects what the place flags and the filter leaves, where nothing was decided. */
  async rejectFlagged() {
    const values = this.check ? this.#session.values(this.check.id) : this.scores;
    const from = this.check ? this.checkThreshold : this.threshold;
    const ids = this.shown.filter(({ id, decision }) => decision === null && values[id] >= from).map(({ id }) => id);
    if (ids.length) await this.mark(ids, { decision: 'reject' });
  }
}
