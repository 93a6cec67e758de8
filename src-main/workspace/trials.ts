/** The trials of searches for hyperparameters: a row exists before its training starts, and outlives every crash. Deleting the search deletes its rows. */
import type { Trial, TrialState } from '../contract/search.ts';
import type { Database } from './database.ts';

export class Trials {
  #db: Database;

  constructor(db: Database) {
    this.#db = db;
    // A trial that is 'running' when a workspace is opened was interrupted by the end of its process.
    const rows = db.all<{ search_id: string; record: string }>(
      `SELECT search_id, record FROM trials WHERE json_extract(record, '$.state') = 'running'`,
    );
    db.transaction(() => {
      for (const { search_id, record } of rows)
        this.put(search_id, { ...(JSON.parse(record) as Trial), state: 'interrupted' });
    });
  }

  /** In the order of their numbers. */
  list(search: string): Trial[] {
    return this.#db
      .all<{ record: string }>('SELECT record FROM trials WHERE search_id = ? ORDER BY number', search)
      .map(({ record }) => JSON.parse(record) as Trial);
  }

  /** Null if there is none. */
  get(search: string, number: number): Trial | null {
    const row = this.#db.get<{ record: string }>(
      'SELECT record FROM trials WHERE search_id = ? AND number = ?',
      search,
      number,
    );
    return row ? (JSON.parse(row.record) as Trial) : null;
  }

  put(search: string, trial: Trial): void {
    this.#db.run(
      'INSERT OR REPLACE INTO trials (search_id, number, record) VALUES (?, ?, ?)',
      search,
      trial.number,
      JSON.stringify(trial),
    );
  }
}

/** How many trials are in each state. */
export function countStates(trials: readonly Trial[]): Record<TrialState, number> {
  const counts = { running: 0, interrupted: 0, done: 0, stopped: 0, failed: 0 };
  for (const { state } of trials) counts[state]++;
  return counts;
}
