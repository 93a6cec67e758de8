/**
 * Everything a person does to a folder's samples and settings, each step taken back and done again at will, also after a restart. The journal is
 * only ever added to: an undo is an entry that names what it undoes. What can be undone next follows from reading it in order. What cannot be undone
 * (a ranking, an export) stands in it too, so that all of it can be told as a script.
 */
import { WinnowError } from '../contract/errors.ts';
import type { Change, ExportRequest, KeepBest, RankRequest, TrainRequest } from '../contract/schemas.ts';
import type { Journal as JournalState, Marks, SavedView } from '../contract/types.ts';
import type { Database } from './database.ts';
import type { Settings } from './settings.ts';
import type { Table } from './table.ts';

/** What was asked for; from it follows the command that does the same. */
export type Action =
  | { do: 'edit'; change: Change; where?: string }
  | { do: 'keep-best'; request: KeepBest }
  | { do: 'import'; file: string }
  | { do: 'threshold'; check: string; threshold: number | null }
  | { do: 'view'; view: SavedView }
  | { do: 'remove-view'; name: string }
  | { do: 'accept-labels'; paths: readonly string[] }
  | { do: 'confirm-labels'; paths: readonly string[] }
  | { do: 'apart'; paths: readonly string[] }
  | { do: 'rank'; request: RankRequest; run: string }
  | { do: 'train'; request: TrainRequest; run: string }
  | { do: 'export'; request: ExportRequest };

export type Patch = Partial<Marks>;
/** New marks of a sample; new value of a setting, null to take it away. */
export interface Edit { marks?: readonly (readonly [sampleId: number, after: Patch])[]; settings?: readonly (readonly [key: string, after: unknown])[] }
export interface Changes { marks: [sampleId: number, before: Patch, after: Patch][]; settings: [key: string, before: unknown, after: unknown][] }
type Kind = 'edit' | 'undo' | 'redo' | 'done';
interface Step { seq: number; kind: Kind; target: number | null; title: string }
/** A step that stands, with what it was. */
export interface Record extends Step { at: number; action: Action; changes: Changes; undone: boolean }

const same = (a: unknown, b: unknown) => a === b || JSON.stringify(a) === JSON.stringify(b);

export class Journal {
  #db: Database;
  #table: Table;
  #settings: Settings;
  #done: Step[] = [];
  #undone: Step[] = [];
  #onStep: () => void;

  /** `onStep` is called when an entry is on the disk. */
  constructor(db: Database, table: Table, settings: Settings, onStep: () => void = () => undefined) {
    this.#onStep = onStep;
    this.#db = db;
    this.#table = table;
    this.#settings = settings;
    for (const step of db.all<Step>('SELECT seq, kind, target, title FROM journal ORDER BY seq')) this.#follow(step);
  }

  #follow(step: Step) {
    if (step.kind === 'edit') {
      this.#done.push(step);
      this.#undone = [];
    } else if (step.kind === 'undo') {
      this.#undone.push(this.#done.pop() as Step);
    } else if (step.kind === 'redo') {
      this.#done.push(this.#undone.pop() as Step);
    }
  }

  state(): JournalState {
    return { undo: this.#done.at(-1)?.title ?? null, redo: this.#undone.at(-1)?.title ?? null };
  }

  /** Writes what differs from what is; returns how many samples and settings that are. What is already so is no entry. `title` is told the samples that change. */
  edit(action: Action, edit: Edit, title: (changed: readonly number[]) => string): number {
    const changes: Changes = { marks: [], settings: [] };
    for (const [id, after] of edit.marks ?? []) {
      const marks = this.#table.marks(id);
      if (!marks) throw new WinnowError('no-samples', `There is no sample ${id} in this folder.`);
      const names = (Object.keys(after) as (keyof Marks)[]).filter((name) => !same(marks[name], after[name]));
      const pick = (from: Patch) => Object.fromEntries(names.map((name) => [name, from[name]])) as Patch;
      if (names.length) changes.marks.push([id, pick(marks), pick(after)]);
    }
    for (const [key, after] of edit.settings ?? []) {
      const before = this.#settings.get(key);
      if (!same(before, after)) changes.settings.push([key, before, after]);
    }
    const changed = changes.marks.length + changes.settings.length;
    if (changed) this.#write('edit', null, title(changes.marks.map(([id]) => id)), changes, 2, action);
    return changed;
  }

  /** Writes down what was done and cannot be taken back. */
  note(action: Action, title: string) {
    this.#write('done', null, title, { marks: [], settings: [] }, 2, action);
  }

  undo(): { changed: number; title: string } {
    const step = this.#done.at(-1);
    if (!step) throw new WinnowError('nothing-to-do', 'There is nothing to undo.');
    return this.#again('undo', step, 1);
  }

  redo(): { changed: number; title: string } {
    const step = this.#undone.at(-1);
    if (!step) throw new WinnowError('nothing-to-do', 'There is nothing to redo.');
    return this.#again('redo', step, 2);
  }

  /** What was done, oldest first, the newest `limit` of it; with `all`, undo and redo too. */
  records(limit = Number.MAX_SAFE_INTEGER, all = false): Record[] {
    const standing = new Set(this.#done.map(({ seq }) => seq));
    const rows = this.#db.all<Step & { at: number; action: string; changes: string }>(
      "SELECT seq, at, kind, target, title, action, changes FROM journal WHERE ? OR kind IN ('edit', 'done') ORDER BY seq DESC LIMIT ?", Number(all), limit);
    return rows.reverse().map((row) => ({
      ...row, action: JSON.parse(row.action) as Action, changes: (row.changes ? JSON.parse(row.changes) : { marks: [], settings: [] }) as Changes, undone: row.kind === 'edit' && !standing.has(row.seq),
    }));
  }

  #again(kind: 'undo' | 'redo', step: Step, to: 1 | 2) {
    const row = this.#db.get<{ changes: string }>('SELECT changes FROM journal WHERE seq = ?', step.seq) as { changes: string };
    const changes = JSON.parse(row.changes) as Changes;
    this.#write(kind, step.seq, step.title, changes, to, null);
    return { changed: changes.marks.length + changes.settings.length, title: step.title };
  }

  #write(kind: Kind, target: number | null, title: string, changes: Changes, to: 1 | 2, action: Action | null) {
    const seq = this.#table.write((revision) => {
      for (const change of changes.marks) this.#table.putMarks(change[0], { ...(this.#table.marks(change[0]) as Marks), ...change[to] }, revision);
      for (const change of changes.settings) this.#settings.put(change[0], change[to]);
      return this.#db.run('INSERT INTO journal (at, kind, target, title, action, changes) VALUES (?, ?, ?, ?, ?, ?)',
        Date.now(), kind, target, title, JSON.stringify(action), action ? JSON.stringify(changes) : '').id;
    });
    if (changes.settings.length || changes.marks.some(([, before, after]) => 'label' in before || 'label' in after)) this.#table.reshape();
    this.#follow({ seq, kind, target, title });
    this.#onStep();
  }
}
