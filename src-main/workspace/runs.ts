/** The trainings of a workspace, each kept with its settings, curves and report. A run that was cut off can be resumed from its checkpoint. */
import { WinnowError } from '../contract/errors.ts';
import type { Run } from '../contract/types.ts';
import type { Database } from './database.ts';

export class Runs {
  #db: Database;

  constructor(db: Database) {
    this.#db = db;
    // Whatever says 'running' when a workspace is opened was cut off with its process.
    for (const run of this.list()) if (run.state === 'running') this.put({ ...run, state: 'interrupted' });
  }

  list(): Run[] {
    return this.#db.all<{ record: string }>('SELECT record FROM runs ORDER BY created_at DESC, rowid DESC').map((row) => JSON.parse(row.record) as Run);
  }

  get(id: string): Run {
    const row = this.#db.get<{ record: string }>('SELECT record FROM runs WHERE id = ?', id);
    if (!row) throw new WinnowError('no-run', `There is no run ‘${id}’.`);
    return JSON.parse(row.record) as Run;
  }

  /** Ids read well and never return: `conv-ae-1`, `conv-ae-2`. */
  nextId(method: string): string {
    const numbers = this.#db.all<{ id: string }>('SELECT id FROM runs WHERE id LIKE ?', `${method}-%`).map(({ id }) => Number(id.slice(method.length + 1)) || 0);
    return `${method}-${Math.max(0, ...numbers) + 1}`;
  }

  /** The newest unfinished run with this fingerprint (settings and images), which a new one can go on with. */
  resumable(fingerprint: string): Run | null {
    const row = this.#db.get<{ record: string }>(
      `SELECT record FROM runs WHERE fingerprint = ? AND state IN ('interrupted', 'cancelled') ORDER BY created_at DESC, rowid DESC LIMIT 1`, fingerprint);
    return row ? (JSON.parse(row.record) as Run) : null;
  }

  put(run: Run, fingerprint?: string) {
    this.#db.run(
      `INSERT INTO runs (id, created_at, state, fingerprint, record) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET state = excluded.state, record = excluded.record`,
      run.id, run.createdAt, run.state, fingerprint ?? '', JSON.stringify(run));
  }
}
