/** What a person has set for a folder, by key: thresholds of checks, saved views, what is no duplicate, labels that were confirmed, runs that were archived or deleted. Written through the journal only, so that it can be undone. */
import type { Database } from './database.ts';

export type SettingKind = 'threshold' | 'view' | 'apart' | 'apart-set' | 'confirmed' | 'run';
export const settingKey = (kind: SettingKind, name: string) => `${kind}:${name}`;

/** The value of the setting `run` of a run. A run without one is listed as usual. */
export type RunPlace = 'archived' | 'deleted';
/** SQL: where the run of an id is; NULL where it has no setting. */
export const runPlace = (id: string) => `(SELECT trim(value, '"') FROM settings WHERE key = 'run:' || ${id})`;

export class Settings {
  #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  get(key: string): unknown {
    const row = this.#db.get<{ value: string }>('SELECT value FROM settings WHERE key = ?', key);
    return row ? JSON.parse(row.value) : null;
  }

  /** Name and value of every setting of a kind, by name. */
  all<Value>(kind: SettingKind): [name: string, value: Value][] {
    const prefix = settingKey(kind, '');
    const rows = this.#db.all<{ key: string; value: string }>(
      'SELECT key, value FROM settings WHERE substr(key, 1, ?) = ? ORDER BY key',
      prefix.length,
      prefix,
    );
    return rows.map(({ key, value }) => [key.slice(prefix.length), JSON.parse(value) as Value]);
  }

  /** Inside the journal's write. null takes the setting away. */
  put(key: string, value: unknown) {
    if (value === null) this.#db.run('DELETE FROM settings WHERE key = ?', key);
    else this.#db.run('INSERT OR REPLACE INTO settings (key, value) VALUES (?, ?)', key, JSON.stringify(value));
  }
}
