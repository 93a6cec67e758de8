/** The table of runs: filter, order, columns, cursor, and the runs that are selected for a comparison. Kept while other tabs and places are open. */
import type { RunKind, RunState, RunSummary } from '../../src-main/contract/types.ts';
import { fieldsOf } from '../lib/schema.ts';
import { plural } from '../lib/format.ts';
import {
  columnsOf,
  matchesText,
  nameOf,
  sortedRows,
  usualColumns,
  type RunColumn,
  type RunRow,
  type Sort,
} from '../lib/run-columns.ts';
import { app } from './app.svelte.ts';
import { notices } from './notices.svelte.ts';
import { perView } from './per-view.svelte.ts';
import { AllRunFacts } from './run-facts.svelte.ts';
import type { Session } from './session.svelte.ts';
import { settings } from './settings.svelte.ts';
import type { View } from './view.svelte.ts';

const name: RunColumn = {
  id: 'name',
  title: 'Name',
  group: 'Run',
  isNumber: false,
  widthPx: 164,
  value: ({ run }) => nameOf(run),
};

export class RunsList {
  readonly #session: Session;
  readonly #facts: AllRunFacts;
  text = $state('');
  /** Empty: all. */
  kinds = $state.raw<ReadonlySet<RunKind>>(new Set());
  states = $state.raw<ReadonlySet<RunState>>(new Set());
  sort = $state.raw<Sort>({ column: 'started', descending: true });
  /** Ids, in the order in which they were selected. */
  #selected = $state.raw<readonly string[]>([]);
  #cursor = $state<string | null>(null);
  #anchor: string | null = null;
  /** The run whose name is being edited. */
  renaming = $state<string | null>(null);

  static readonly of = perView((session, view) => new RunsList(session, view));

  private constructor(session: Session, view: View) {
    this.#session = session;
    this.#facts = AllRunFacts.of(session, view);
  }

  /** Titles of parameters, by name. Where methods disagree, the first one counts. */
  readonly titles: ReadonlyMap<string, string> = $derived.by(() => {
    const schemas = [
      ...app.models.flatMap(({ schema, modes }) => [schema, ...Object.values(modes)]),
      ...app.methods.map(({ schema }) => schema),
    ];
    return new Map(
      schemas.flatMap((schema) => fieldsOf(schema).map((field) => [field.name, field.title] as const)).reverse(),
    );
  });
  readonly #listed: readonly RunRow[] = $derived.by(() =>
    this.#session.showsArchived ? this.#facts.rows : this.#facts.rows.filter(({ run }) => !run.archived),
  );
  /** All columns that can be chosen. */
  readonly columns: readonly RunColumn[] = $derived.by(() => columnsOf(this.#listed, this.titles));
  /** The name, and the chosen ones in the order of `columns`. */
  readonly shownColumns: readonly RunColumn[] = $derived.by(() => {
    const chosen = new Set(settings.runColumns ?? usualColumns);
    return [name, ...this.columns.filter(({ id }) => chosen.has(id))];
  });
  readonly #matching: readonly RunRow[] = $derived.by(() =>
    this.#listed.filter(
      (row) =>
        (!this.kinds.size || this.kinds.has(row.run.kind)) &&
        (!this.states.size || this.states.has(row.run.state)) &&
        matchesText(row, this.text),
    ),
  );
  readonly rows: readonly RunRow[] = $derived.by(() => {
    const column = [name, ...this.columns].find(({ id }) => id === this.sort.column) ?? null;
    return sortedRows(this.#matching, column, this.sort.descending);
  });
  readonly count = $derived.by(() => this.#listed.length);
  readonly archived = $derived.by(() => this.#facts.rows.filter(({ run }) => run.archived).length);
  readonly isFiltering = $derived.by(() => this.text.trim() !== '' || this.kinds.size > 0 || this.states.size > 0);
  /** What the shown runs cost. */
  readonly cost = $derived.by(() =>
    this.rows.reduce(
      (sum, { run }) => ({ seconds: sum.seconds + (run.seconds ?? 0), bytes: sum.bytes + (run.bytes ?? 0) }),
      { seconds: 0, bytes: 0 },
    ),
  );
  readonly counts = $derived.by(() => ({
    kinds: countsOf(this.#listed.map(({ run }) => run.kind)),
    states: countsOf(this.#listed.map(({ run }) => run.state)),
  }));

  readonly #byId = $derived.by(() => new Map(this.#session.runs.map((run) => [run.id, run])));
  /** Those that still exist. */
  readonly selected: readonly RunSummary[] = $derived.by(() =>
    this.#selected.flatMap((id) => this.#byId.get(id) ?? []),
  );
  readonly selectedIds: ReadonlySet<string> = $derived.by(() => new Set(this.selected.map(({ id }) => id)));
  /** The row under the cursor. */
  readonly at: number = $derived.by(() => this.rows.findIndex(({ run }) => run.id === this.#cursor));
  readonly current: RunRow | null = $derived.by(() => this.rows[this.at] ?? null);

  clearFilter() {
    this.text = '';
    this.kinds = new Set();
    this.states = new Set();
  }

  toggleKind = (kind: RunKind) => (this.kinds = toggled(this.kinds, kind));
  toggleState = (state: RunState) => (this.states = toggled(this.states, state));

  sortBy({ id, isNumber }: RunColumn) {
    this.sort =
      this.sort.column === id
        ? { column: id, descending: !this.sort.descending }
        : { column: id, descending: isNumber };
  }

  toggleColumn(id: string) {
    const chosen = settings.runColumns ?? usualColumns;
    settings.setRunColumns(chosen.includes(id) ? chosen.filter((other) => other !== id) : [...chosen, id]);
  }

  // --- cursor and selection ---

  pick(id: string, { toggle = false, range = false } = {}) {
    if (range && this.#anchor !== null) this.#selectRange(this.#anchor, id);
    else if (toggle) this.toggle(id);
    else this.#anchor = id;
    this.#cursor = id;
  }

  /** Moves the cursor by rows. */
  move(by: number, isExtending = false) {
    if (!this.rows.length) return;
    const to = Math.max(0, Math.min(this.rows.length - 1, this.at < 0 && Number.isFinite(by) ? 0 : this.at + by));
    if (isExtending && this.#anchor === null) this.#anchor = this.#cursor;
    this.pick(this.rows[to].run.id, { range: isExtending });
  }

  toggle(id: string) {
    this.#anchor = id;
    this.#selected = this.#selected.includes(id)
      ? this.#selected.filter((other) => other !== id)
      : [...this.#selected, id];
  }

  #selectRange(from: string, to: string) {
    const ids = this.rows.map(({ run }) => run.id);
    const [a, b] = [ids.indexOf(from), ids.indexOf(to)].sort((x, y) => x - y);
    this.select([...this.#selected, ...ids.slice(Math.max(0, a), b + 1)]);
  }

  select = (ids: readonly string[]) => (this.#selected = [...new Set(ids)]);
  selectAll = () => this.select(this.rows.map(({ run }) => run.id));
  clearSelection = () => (this.#selected = []);

  /** The runs that a command on a row applies to: all selected ones if it is one of them. */
  chosen = (run: RunSummary): readonly RunSummary[] => (this.selectedIds.has(run.id) ? this.selected : [run]);

  // --- steps of the journal ---

  #describe = (run: RunSummary, change: { title?: string | null; note?: string | null; pinned?: boolean }) =>
    this.#session.do(() => this.#session.calls.runs.describe.mutate({ id: run.id, ...change }));

  async rename(run: RunSummary, typed: string) {
    this.renaming = null;
    const title = typed.trim() === run.id ? null : typed.trim() || null;
    if (title !== run.title) await this.#describe(run, { title });
  }

  async note(run: RunSummary, typed: string) {
    const note = typed.trim() || null;
    if (note !== run.note) await this.#describe(run, { note });
  }

  pin = (run: RunSummary) => this.#describe(run, { pinned: !run.pinned });

  async put(verb: 'archive' | 'unarchive' | 'delete', runs: readonly RunSummary[]) {
    const ids = runs.filter(({ state }) => state !== 'running').map(({ id }) => id);
    if (!ids.length) return notices.add('info', 'A running run cannot be archived or deleted. Cancel it first.');
    const next = this.rows[this.at + 1] ?? this.rows[this.at - 1];
    if (!(await this.#session.do(() => this.#session.calls.runs[verb].mutate({ ids })))) return;
    if (ids.includes(this.#cursor ?? '') && verb !== 'unarchive') this.#cursor = next?.run.id ?? null;
    const words = { archive: 'Archived', unarchive: 'Listed again', delete: 'Deleted' };
    const what = ids.length === 1 ? ids[0] : plural(ids.length, 'run');
    notices.add('done', `${words[verb]}: ${what}. Undo brings ${ids.length === 1 ? 'it' : 'them'} back.`);
  }
}

function toggled<Item>(set: ReadonlySet<Item>, item: Item): ReadonlySet<Item> {
  const next = new Set(set);
  if (!next.delete(item)) next.add(item);
  return next;
}

const countsOf = <Item>(items: readonly Item[]): ReadonlyMap<Item, number> =>
  new Map([...Map.groupBy(items, (item) => item)].map(([item, own]) => [item, own.length]));
