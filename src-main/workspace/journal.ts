/**
 * Decisions, each one taken back and done again at will, also after a restart. The journal is only ever added to: an undo is an entry
 * that names what it undoes. What can be undone next follows from reading it in order.
 */
import { WinnowError } from '../contract/errors.ts';
import type { Decision, Journal as JournalState } from '../contract/types.ts';
import { plural } from '../contract/words.ts';
import type { Database } from './database.ts';
import type { Table } from './table.ts';

type Change = [sampleId: number, before: Decision | null, after: Decision | null];
interface Entry { seq: number; kind: 'decide' | 'undo' | 'redo'; target: number | null; title: string }

export class Journal {
  #db: Database;
  #table: Table;
  #done: Entry[] = [];
  #undone: Entry[] = [];

  constructor(db: Database, table: Table) {
    this.#db = db;
    this.#table = table;
    for (const entry of db.all<Entry>('SELECT seq, kind, target, title FROM journal ORDER BY seq')) this.#follow(entry);
  }

  #follow(entry: Entry) {
    if (entry.kind === 'decide') {
      this.#done.push(entry);
      this.#undone = [];
    } else if (entry.kind === 'undo') {
      this.#undone.push(this.#done.pop() as Entry);
    } else {
      this.#done.push(this.#undone.pop() as Entry);
    }
  }

  state(): JournalState {
    return { undo: this.#done.at(-1)?.title ?? null, redo: this.#undone.at(-1)?.title ?? null };
  }

  /** Returns how many samples changed; deciding what is already so is no entry. */
  decide(ids: readonly number[], decision: Decision | null): number {
    const changes: Change[] = [];
    for (const id of ids) {
      const row = this.#db.get<{ decision: Decision | null }>('SELECT decision FROM samples WHERE id = ? AND gone = 0', id);
      if (!row) throw new WinnowError('no-samples', `There is no sample ${id} in this folder any more.`);
      if (row.decision !== decision) changes.push([id, row.decision, decision]);
    }
    if (!changes.length) return 0;
    const verb = decision ?? 'clear';
    this.#write('decide', null, `${verb} ${changes.length === 1 ? this.#path(changes[0][0]) : plural(changes.length, 'image')}`, changes, 2);
    return changes.length;
  }

  undo(): { changed: number; title: string } {
    const entry = this.#done.at(-1);
    if (!entry) throw new WinnowError('nothing-to-do', 'There is nothing to undo.');
    return this.#again('undo', entry, 1);
  }

  redo(): { changed: number; title: string } {
    const entry = this.#undone.at(-1);
    if (!entry) throw new WinnowError('nothing-to-do', 'There is nothing to redo.');
    return this.#again('redo', entry, 2);
  }

  #again(kind: 'undo' | 'redo', entry: Entry, to: 1 | 2) {
    const row = this.#db.get<{ changes: string }>('SELECT changes FROM journal WHERE seq = ?', entry.seq) as { changes: string };
    const changes = JSON.parse(row.changes) as Change[];
    this.#write(kind, entry.seq, entry.title, changes, to);
    return { changed: changes.length, title: entry.title };
  }

  #write(kind: Entry['kind'], target: number | null, title: string, changes: Change[], to: 1 | 2) {
    const seq = this.#table.write((revision) => {
      for (const change of changes) this.#db.run('UPDATE samples SET decision = ?, revision = ? WHERE id = ?', change[to], revision, change[0]);
      return this.#db.run('INSERT INTO journal (at, kind, target, title, changes) VALUES (?, ?, ?, ?, ?)', Date.now(), kind, target, title, kind === 'decide' ? JSON.stringify(changes) : '[]').id;
    });
    this.#follow({ seq, kind, target, title });
  }

  #path = (id: number) => this.#db.get<{ path: string }>('SELECT path FROM samples WHERE id = ?', id)?.path ?? String(id);
}
