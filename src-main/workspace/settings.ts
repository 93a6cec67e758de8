/**
 * A person's settings for a folder, by key: thresholds of checks, rules of thresholds of rankings, saved views, images that are not duplicates, confirmed labels, how folders become classes, archived and deleted
 * runs. Only the journal writes them, so that each change can be undone; a copied detector brings its rule along.
 */
import type { RunSummary } from '../contract/types.ts';
import type { Database } from './database.ts';

export type SettingKind =
  'threshold' | 'view' | 'apart' | 'apart-set' | 'confirmed' | 'run' | 'rule' | 'run-words' | 'classes';
export const settingKey = (kind: SettingKind, name: string) => `${kind}:${name}`;

/** The value of a run's setting `run`. A run without it is listed normally. */
export type RunVisibility = 'archived' | 'deleted';
/** SQL: the visibility of a run; NULL without a setting. `id`: an SQL expression. */
export const runVisibility = (id: string) => `(SELECT trim(value, '"') FROM settings WHERE key = 'run:' || ${id})`;

/** SQL: the rule that a run keeps for its threshold, as JSON; NULL without a setting. `id`: an SQL expression. */
export const keptRule = (id: string) => `(SELECT value FROM settings WHERE key = 'rule:' || ${id})`;

/** What a person says about a run, in the setting `run-words`. */
export type RunDescription = Pick<RunSummary, 'title' | 'note' | 'pinned'>;
/** SQL: the description of a run, as JSON; NULL without a setting. */
export const runDescription = (id: string) => `(SELECT value FROM settings WHERE key = 'run-words:' || ${id})`;

export class Settings {
  #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  get(key: string): unknown {
    const row = this.#db.get<{ value: string }>('SELECT value FROM settings WHERE key = ?', key);
    return row ? JSON.parse(row.value) : null;
  }

  /** All settings of a kind, ordered by name. */
  all<Value>(kind: SettingKind): [name: string, value: Value][] {
    const prefix = settingKey(kind, '');
    const rows = this.#db.all<{ key: string; value: string }>(
      'SELECT key, value FROM settings WHERE substr(key, 1, ?) = ? ORDER BY key',
      prefix.length,
      prefix,
    );
    return rows.map(({ key, value }) => [key.slice(prefix.length), JSON.parse(value) as Value]);
  }

  /** Inside the journal's write. null removes the setting. */
  put(key: string, value: unknown) {
    if (value === null) this.#db.run('DELETE FROM settings WHERE key = ?', key);
    else this.#db.run('INSERT OR REPLACE INTO settings (key, value) VALUES (?, ?)', key, JSON.stringify(value));
  }
}
