/** What the gallery shows: an order, filters, a threshold on a run's score, the selection and the cursor. Everything shown is derived. */
import type { Decision, Run, Sample } from '../../src-main/contract/types.ts';
import type { Session } from './session.svelte.ts';

export type Place = 'gallery' | 'anomalies' | 'issues';
/** `undecided` beside the decisions. */
export type DecisionFilter = Decision | 'undecided' | null;

export const sampleProperties = [
  { name: 'path', title: 'Path' }, { name: 'bytes', title: 'File size' }, { name: 'width', title: 'Width' }, { name: 'height', title: 'Height' }, { name: 'modifiedMs', title: 'Date' },
] as const;
type Property = (typeof sampleProperties)[number]['name'];
const isProperty = (name: string): name is Property => sampleProperties.some((property) => property.name === name);

export class View {
  #session: Session;
  place = $state<Place>('gallery');
  galleryOrder = $state({ by: 'path', descending: false });
  mostFirst = $state(true);
  className = $state<string | null>(null);
  decision = $state<DecisionFilter>(null);
  text = $state('');
  flaggedOnly = $state(true);
  /** What the person has set for the next training; kept while they look elsewhere. */
  form = $state({ methodId: 'conv-ae', trainOn: '', seed: 1, parameters: {} as Record<string, Record<string, unknown>>, isMore: false });
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
  }

  readonly run: Run | null = $derived.by(() => {
    const runs = this.#session.runs;
    return runs.find((run) => run.id === this.#runId) ?? runs.find((run) => run.state === 'done') ?? null;
  });
  readonly scored = $derived(this.run?.state === 'done' ? this.run : null);
  readonly scores: ReadonlyMap<number, number> = $derived.by(() => (this.scored ? this.#session.values(this.scored.column) : new Map<number, number>()));
  /** Ascending. */
  readonly sortedScores = $derived(Float64Array.from(this.scores.values()).sort());
  readonly threshold = $derived((this.scored && this.#thresholds.get(this.scored.id)) ?? this.atShare(0.05));
  readonly flagged = $derived(this.sortedScores.length - lowerBound(this.sortedScores, this.threshold));

  readonly classes = $derived.by(() => {
    const counts = new Map<string, number>();
    for (const { class: name } of this.#session.samples) if (name !== null) counts.set(name, (counts.get(name) ?? 0) + 1);
    return [...counts].sort(([a], [b]) => a.localeCompare(b));
  });

  readonly #sorted: readonly Sample[] = $derived.by(() => {
    const ranked = this.place === 'anomalies' && this.scored;
    const by = ranked ? this.scored.column : this.galleryOrder.by;
    const sign = (ranked ? this.mostFirst : this.galleryOrder.descending) ? -1 : 1;
    const { samples } = this.#session;
    if (by === 'path') return sign < 0 ? [...samples].reverse() : samples;
    const values = isProperty(by) ? null : this.#session.values(by);
    const key = (sample: Sample) => (values ? values.get(sample.id) : (sample[by as Property] as number));
    // What has no value comes last, whichever the direction.
    return [...samples].sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      if (x === undefined || y === undefined) return x === y ? 0 : x === undefined ? 1 : -1;
      return x === y ? (a.path < b.path ? -1 : 1) : x < y ? -sign : sign;
    });
  });

  readonly filtersThreshold = $derived(this.place === 'anomalies' && this.flaggedOnly && this.scored !== null);
  readonly shown: readonly Sample[] = $derived.by(() => {
    const text = this.text.trim().toLowerCase();
    const { className, decision, filtersThreshold, scores, threshold } = this;
    if (!text && className === null && decision === null && !filtersThreshold) return this.#sorted;
    return this.#sorted.filter((sample) =>
      (className === null || sample.class === className)
      && (decision === null || (sample.decision ?? 'undecided') === decision)
      && (!text || sample.path.toLowerCase().includes(text))
      && (!filtersThreshold || (scores.get(sample.id) ?? -Infinity) >= threshold));
  });
  readonly #positions = $derived(new Map(this.shown.map((sample, i) => [sample.id, i])));
  /** The sample under the cursor, if it is shown. */
  readonly current: Sample | null = $derived(this.cursor !== null && this.#positions.has(this.cursor) ? this.shown[this.#positions.get(this.cursor) as number] : null);
  readonly currentIndex = $derived(this.current ? (this.#positions.get(this.current.id) as number) : -1);
  readonly isFiltered = $derived(this.text.trim() !== '' || this.className !== null || this.decision !== null || this.filtersThreshold);

  chooseRun(id: string) {
    this.#runId = id;
  }

  setThreshold(value: number) {
    if (this.scored) this.#thresholds = new Map(this.#thresholds).set(this.scored.id, value);
  }

  /** The score above which this share of the images lies. */
  atShare(share: number): number {
    const { sortedScores } = this;
    if (!sortedScores.length) return 0;
    return sortedScores[Math.max(0, Math.min(sortedScores.length - 1, Math.round(sortedScores.length * (1 - share))))];
  }

  /** 1 is the most anomalous. */
  rankOf(sampleId: number): number | null {
    const value = this.scores.get(sampleId);
    return value === undefined ? null : this.sortedScores.length - upperBound(this.sortedScores, value) + 1;
  }

  clearFilters() {
    this.text = '';
    this.className = null;
    this.decision = null;
    if (this.place === 'anomalies') this.flaggedOnly = false;
  }

  // --- selection: explorer's rules ---

  /** Ids that a command is about: the selection, or the cursor alone. */
  chosen(): number[] {
    if (this.selection.size) return this.shown.filter((sample) => this.selection.has(sample.id)).map(({ id }) => id);
    return this.current ? [this.current.id] : [];
  }

  pick(sample: Sample, how: { toggle: boolean; range: boolean }) {
    if (how.range && this.#anchor !== null && this.#positions.has(this.#anchor)) {
      const [from, to] = [this.#positions.get(this.#anchor) as number, this.#positions.get(sample.id) as number].sort((a, b) => a - b);
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

  selectAll() {
    this.selection = new Set(this.shown.map(({ id }) => id));
  }

  clearSelection() {
    this.selection = new Set();
  }

  /** Moves the cursor by tiles; from nowhere it goes to the first. */
  move(by: number, extend = false) {
    if (!this.shown.length) return;
    const to = this.currentIndex < 0 ? 0 : Math.max(0, Math.min(this.shown.length - 1, this.currentIndex + by));
    this.pick(this.shown[to], { toggle: false, range: extend });
  }

  /** Decides on what is chosen and, when that was the cursor alone, goes on to the next. */
  async decide(decision: Decision | null) {
    const ids = this.chosen();
    if (!ids.length) return;
    const alone = this.selection.size === 0;
    const next = alone ? (this.shown[this.currentIndex + 1] ?? null) : null;
    const done = this.#session.decide(ids, decision);
    if (next) this.pick(next, { toggle: false, range: false });
    await done;
  }

  async rejectFlagged() {
    const { threshold, scores } = this;
    const ids = this.#session.samples.filter((sample) => (scores.get(sample.id) ?? -Infinity) >= threshold && sample.decision === null).map(({ id }) => id);
    if (ids.length) await this.#session.decide(ids, 'reject');
  }
}

/** First index whose value is not below `value`, in an ascending list. */
function lowerBound(list: Float64Array, value: number): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function upperBound(list: Float64Array, value: number): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
