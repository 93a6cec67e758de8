/**
 * Records everything a person does to a folder's samples and settings, with undo and redo that work also after a restart. The journal is append-only:
 * an undo is an entry that names the entry it undoes. Reading the entries in order gives what can be undone next. Actions that cannot be undone (a
 * ranking, an export) are recorded too, so that a script can repeat everything.
 */
import { WinnowError } from '../contract/errors.ts';
import type { ClassRule } from '../contract/folder-classes.ts';
import type { Patch } from '../contract/marks.ts';
import type { Change, ExportRequest, KeepBest, RankRequest, TrainRequest } from '../contract/schemas.ts';
import type { SearchChangeRequest, SearchRequest } from '../contract/search-schemas.ts';
import type { RuleChoice } from '../contract/threshold.ts';
import type { Journal as JournalState, Marks, SavedView } from '../contract/types.ts';
import type { Database } from './database.ts';
import { classRuleKey } from './folder-places.ts';
import type { Settings } from './settings.ts';
import type { Table } from './table.ts';

/** What the person requested. `commands.ts` derives the command line from it. */
export type Action =
  | { do: 'edit'; change: Change; where?: string }
  | { do: 'keep-best'; request: KeepBest }
  | { do: 'import'; file: string }
  | { do: 'threshold'; check: string; threshold: number | null }
  /** `rule`: null for the default. */
  | { do: 'run-threshold'; run: string; rule: RuleChoice | null }
  /** `auto` is the default. */
  | { do: 'classes'; by: ClassRule }
  | { do: 'view'; view: SavedView }
  | { do: 'remove-view'; name: string }
  | { do: 'accept-labels'; paths: readonly string[] }
  | { do: 'confirm-labels'; paths: readonly string[] }
  | { do: 'apart'; paths: readonly string[] }
  | { do: 'rank'; request: RankRequest; run: string }
  | { do: 'train'; request: TrainRequest; run: string }
  | { do: 'search'; request: SearchRequest; run: string; best: string | null; change?: SearchChangeRequest }
  | { do: 'describe-run'; run: string; title?: string | null; note?: string | null; pinned?: boolean }
  | { do: 'export'; request: ExportRequest }
  | { do: 'archive-runs' | 'unarchive-runs' | 'delete-runs' | 'purge-runs'; runs: readonly string[] }
  /** An entry that this version cannot read. */
  | { do: 'unreadable' };

/** New marks of samples, and new values of settings; null removes a setting. */
export interface Edit {
  marks?: readonly (readonly [sampleId: number, after: Patch])[];
  settings?: readonly (readonly [key: string, after: unknown])[];
}
export interface Changes {
  marks: [sampleId: number, before: Patch, after: Patch][];
  settings: [key: string, before: unknown, after: unknown][];
}
type Kind = 'edit' | 'undo' | 'redo' | 'done';
interface Step {
  seq: number;
  kind: Kind;
  target: number | null;
  title: string;
}
/** A step with its action and changes. */
export interface JournalEntry extends Step {
  at: number;
  action: Action;
  changes: Changes;
  undone: boolean;
}

/** Moves the step that an undo or redo names from one stack to the other. It is the last one, unless two programs wrote at once. */
export function moveStep<S extends { seq: number }>(target: number | null, from: S[], to: S[]) {
  const at = from.findLastIndex(({ seq }) => seq === target);
  if (at >= 0) to.push(...from.splice(at, 1));
}

const isEqual = (a: unknown, b: unknown) => a === b || JSON.stringify(a) === JSON.stringify(b);

export class Journal {
  #db: Database;
  #table: Table;
  #settings: Settings;
  #undoStack: Step[] = [];
  #redoStack: Step[] = [];
  /** Edits that can no longer be undone, such as deleting a run that has left the disk. */
  #final = new Set<number>();
  #onStep: () => void;

  /** Calls `onStep` when an entry is on disk. */
  constructor(db: Database, table: Table, settings: Settings, onStep: () => void = () => undefined) {
    this.#onStep = onStep;
    this.#db = db;
    this.#table = table;
    this.#settings = settings;
    for (const step of db.all<Step>('SELECT seq, kind, target, title FROM journal ORDER BY seq')) this.#follow(step);
  }

  #follow(step: Step) {
    if (step.kind === 'edit') {
      this.#undoStack.push(step);
      this.#redoStack = [];
    } else if (step.kind === 'undo') moveStep(step.target, this.#undoStack, this.#redoStack);
    else if (step.kind === 'redo') moveStep(step.target, this.#redoStack, this.#undoStack);
    else if (step.target !== null) {
      this.#final.add(step.target);
      this.#undoStack = this.#undoStack.filter(({ seq }) => seq !== step.target);
    }
  }

  state(): JournalState {
    return { undo: this.#undoStack.at(-1)?.title ?? null, redo: this.#redoStack.at(-1)?.title ?? null };
  }

  /**
   * Writes an entry with the marks and settings that differ from the current ones, and returns their number; without a difference it writes none. `title`
   * receives the ids of the changed samples.
   */
  edit(action: Action, edit: Edit, title: (changed: readonly number[]) => string): number {
    const changes: Changes = { marks: [], settings: [] };
    for (const [id, after] of edit.marks ?? []) {
      const marks = this.#table.marks(id);
      if (!marks) throw new WinnowError('no-samples', `There is no sample ${id} in this folder.`);
      const names = (Object.keys(after) as (keyof Marks)[]).filter((name) => !isEqual(marks[name], after[name]));
      const pick = (from: Patch) => Object.fromEntries(names.map((name) => [name, from[name]])) as Patch;
      if (names.length) changes.marks.push([id, pick(marks), pick(after)]);
    }
    for (const [key, after] of edit.settings ?? []) {
      const before = this.#settings.get(key);
      if (!isEqual(before, after)) changes.settings.push([key, before, after]);
    }
    const changed = changes.marks.length + changes.settings.length;
    if (changed) this.#write('edit', null, title(changes.marks.map(([id]) => id)), changes, 2, action);
    return changed;
  }

  /** Records an action that cannot be undone. */
  record(action: Action, title: string) {
    this.#write('done', null, title, { marks: [], settings: [] }, 2, action);
  }

  /** The edits with this kind of action that can still be undone. */
  undoable(action: Action['do']): { seq: number; at: number; action: Action }[] {
    const undoable = new Set(this.#undoStack.map(({ seq }) => seq));
    return this.#db
      .all<{
        seq: number;
        at: number;
        action: string;
      }>("SELECT seq, at, action FROM journal WHERE kind = 'edit' AND instr(action, ?)", `"do":"${action}"`)
      .filter(({ seq }) => undoable.has(seq))
      .map((row) => ({ ...row, action: actionOf(row.action) ?? { do: 'unreadable' } }));
  }

  /** Records an action that makes an earlier edit final: undo skips that edit. */
  finalize(target: number, action: Action, title: string) {
    this.#write('done', target, title, { marks: [], settings: [] }, 2, action);
  }

  undo(): { changed: number; title: string } {
    const step = this.#undoStack.at(-1);
    if (!step) throw new WinnowError('nothing-to-do', 'There is nothing to undo.');
    return this.#apply('undo', step, 1);
  }

  redo(): { changed: number; title: string } {
    const step = this.#redoStack.at(-1);
    if (!step) throw new WinnowError('nothing-to-do', 'There is nothing to redo.');
    return this.#apply('redo', step, 2);
  }

  /** The newest `limit` entries, oldest first; with `all`, undo and redo entries too. */
  entries(limit = Number.MAX_SAFE_INTEGER, all = false): JournalEntry[] {
    const done = new Set(this.#undoStack.map(({ seq }) => seq));
    const rows = this.#db.all<Step & { at: number; action: string; changes: string }>(
      "SELECT seq, at, kind, target, title, action, changes FROM journal WHERE ? OR kind IN ('edit', 'done') ORDER BY seq DESC LIMIT ?",
      Number(all),
      limit,
    );
    return rows.reverse().map((row) => {
      const changes = row.changes ? changesOf(row.changes) : { marks: [], settings: [] };
      const action = changes && actionOf(row.action);
      return {
        ...row,
        action: action ?? { do: 'unreadable' },
        changes: changes ?? { marks: [], settings: [] },
        undone: row.kind === 'edit' && !done.has(row.seq) && !this.#final.has(row.seq),
      };
    });
  }

  /** Paths of images whose marks differ from what the entries have written. Expects all entries, in order. */
  inconsistent(entries: readonly JournalEntry[]): string[] {
    const edits = new Map(entries.filter(({ kind }) => kind === 'edit').map((entry) => [entry.seq, entry]));
    const written = new Map<number, Patch>();
    for (const entry of entries) {
      const { changes } = (entry.kind === 'edit' ? entry : edits.get(entry.target ?? -1)) ?? { changes: null };
      for (const [id, before, after] of changes?.marks ?? [])
        written.set(id, { ...written.get(id), ...(entry.kind === 'undo' ? before : after) });
    }
    return [...written]
      .filter(([id, patch]) => !matches(this.#table.marks(id), patch))
      .map(([id]) => this.#table.pathOf(id) ?? `image ${id}`);
  }

  /** Applies an edit's values from before (1) or after (2) it. */
  #apply(kind: 'undo' | 'redo', step: Step, to: 1 | 2) {
    const row = this.#db.get<{ changes: string }>('SELECT changes FROM journal WHERE seq = ?', step.seq) as {
      changes: string;
    };
    const changes = changesOf(row.changes);
    const verb = kind === 'undo' ? 'undone' : 'redone';
    if (!changes)
      throw new WinnowError(
        'failed',
        `‘${step.title}’ cannot be ${verb}: this version of Winnow cannot read its entry in the journal.`,
      );
    // Only the journal writes marks. If they differ from the entry, another program has changed them, and its changes must not be overwritten.
    const [from, when] = to === 1 ? ([2, 'after'] as const) : ([1, 'before'] as const);
    const mismatches = changes.marks
      .filter((change) => !matches(this.#table.marks(change[0]), change[from]))
      .map(([id]) => this.#table.pathOf(id) ?? `image ${id}`);
    for (const change of changes.settings)
      if (!isEqual(this.#settings.get(change[0]), change[from])) mismatches.push(`the setting ${change[0]}`);
    if (mismatches.length)
      throw new WinnowError(
        'failed',
        `‘${step.title}’ cannot be ${verb}: ${listOf(mismatches)} ${mismatches.length === 1 ? 'is' : 'are'} not as ${when} that step. Change ${mismatches.length === 1 ? 'it' : 'them'} by hand.`,
      );
    this.#write(kind, step.seq, step.title, changes, to, null);
    return { changed: changes.marks.length + changes.settings.length, title: step.title };
  }

  #write(kind: Kind, target: number | null, title: string, changes: Changes, to: 1 | 2, action: Action | null) {
    const seq = this.#table.write((revision) => {
      for (const change of changes.marks)
        this.#table.putMarks(change[0], { ...(this.#table.marks(change[0]) as Marks), ...change[to] }, revision);
      for (const change of changes.settings) this.#settings.put(change[0], change[to]);
      if (changes.settings.some(([key]) => key === classRuleKey)) this.#table.assignClasses();
      return this.#db.run(
        'INSERT INTO journal (at, kind, target, title, action, changes) VALUES (?, ?, ?, ?, ?, ?)',
        Date.now(),
        kind,
        target,
        title,
        JSON.stringify(action),
        action ? JSON.stringify(changes) : '',
      ).id;
    });
    if (changes.settings.length || changes.marks.some(([, before, after]) => 'label' in before || 'label' in after))
      this.#table.reshape();
    this.#follow({ seq, kind, target, title });
    this.#onStep();
  }
}

const matches = (marks: Marks | null, patch: Patch): boolean =>
  marks !== null && (Object.keys(patch) as (keyof Marks)[]).every((name) => isEqual(marks[name], patch[name]));

/** Three names and how many more. */
const listOf = (names: readonly string[]): string =>
  names.length > 4 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ');

/** Null if this version cannot read it. */
function changesOf(text: string): Changes | null {
  try {
    const { marks, settings } = JSON.parse(text) as Changes;
    return Array.isArray(marks) && Array.isArray(settings) ? { marks, settings } : null;
  } catch {
    return null;
  }
}

function actionOf(text: string): Action | null {
  try {
    const action = JSON.parse(text) as Action | null;
    if (action === null) return null; // an undo or redo
    const request = 'request' in action ? action.request : null;
    const lacksRequest =
      ['rank', 'train', 'export', 'keep-best'].includes(action.do) && (typeof request !== 'object' || request === null);
    const lacksTarget = action.do === 'export' && typeof (request as Partial<ExportRequest>).to !== 'string';
    const lacksRuns = action.do?.endsWith('-runs') && !Array.isArray((action as { runs?: unknown }).runs);
    return typeof action.do !== 'string' || lacksRequest || lacksTarget || lacksRuns ? null : action;
  } catch {
    return null;
  }
}
