/**
 * The one table: samples are rows, everything learned about them is a named column. Each write moves the revision on, so that a door
 * asks only for what changed since the revision it has. Files that are gone stay as rows out of sight: their decisions come back with them.
 */
import { WinnowError } from '../contract/errors.ts';
import type { Read, Value } from '../contract/expression.ts';
import type { Changes, Column, Decision, Issue, Sample } from '../contract/types.ts';
import type { Database } from './database.ts';

interface SampleRow {
  id: number; path: string; class: string | null; bytes: number; modified_ms: number; width: number; height: number;
  format: string; sha256: string; gone: number; decision: Decision | null; revision: number;
}

/** What the scan knows of a file. */
export interface Scanned {
  path: string; bytes: number; modifiedMs: number; width: number; height: number; format: string; frames: number; sha256: string;
  measures: Readonly<Record<string, number>>;
}

/** Properties of a sample that expressions and sorting can name beside the columns. */
export const properties = ['path', 'class', 'decision', 'width', 'height', 'bytes', 'format'] as const;
const isProperty = (name: string): name is (typeof properties)[number] => (properties as readonly string[]).includes(name);

const classOf = (path: string) => (path.includes('/') ? path.split('/').at(-2) as string : null);

export class Table {
  #db: Database;
  #revision: number;

  constructor(db: Database) {
    this.#db = db;
    this.#revision = Number(this.meta('revision') ?? 0);
  }

  get revision() {
    return this.#revision;
  }

  meta(key: string): string | null {
    return this.#db.get<{ value: string }>('SELECT value FROM meta WHERE key = ?', key)?.value ?? null;
  }

  setMeta(key: string, value: string) {
    this.#db.run('INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value', key, value);
  }

  /** Runs `work` in a transaction under a new revision, which is told only once it is on the disk. */
  write<Result>(work: (revision: number) => Result): Result {
    const revision = this.#revision + 1;
    const result = this.#db.transaction(() => {
      const out = work(revision);
      this.setMeta('revision', String(revision));
      return out;
    });
    this.#revision = revision;
    return result;
  }

  count(): { samples: number; issues: number } {
    return this.#db.get('SELECT (SELECT count(*) FROM samples WHERE gone = 0) AS samples, (SELECT count(*) FROM issues) AS issues') as { samples: number; issues: number };
  }

  samples(): Sample[] {
    return this.#db.all<SampleRow>('SELECT * FROM samples WHERE gone = 0 ORDER BY path').map(toSample);
  }

  sample(id: number): Sample | null {
    const row = this.#db.get<SampleRow>('SELECT * FROM samples WHERE id = ? AND gone = 0', id);
    return row ? toSample(row) : null;
  }

  changes(since: number, limit: number): Changes {
    const rows = this.#db.all<SampleRow>('SELECT * FROM samples WHERE revision > ? ORDER BY revision, id LIMIT ?', since, limit + 1);
    if (rows.length <= limit) return { revision: this.#revision, more: false, ...split(rows) };
    // A revision is told whole or not at all.
    const last = rows[limit].revision;
    const whole = rows.filter((row) => row.revision < last);
    if (whole.length) return { revision: last - 1, more: true, ...split(whole) };
    return { revision: last, more: true, ...split(this.#db.all<SampleRow>('SELECT * FROM samples WHERE revision = ?', last)) };
  }

  /** Size and time of every file known, readable or not, by path: what a second scan need not read again. */
  known(): Map<string, { bytes: number; modifiedMs: number }> {
    const rows = this.#db.all<{ path: string; bytes: number; modified_ms: number }>(
      'SELECT path, bytes, modified_ms FROM samples WHERE gone = 0 UNION ALL SELECT path, bytes, modified_ms FROM issues');
    return new Map(rows.map((row) => [row.path, { bytes: row.bytes, modifiedMs: row.modified_ms }]));
  }

  putScanned(list: readonly Scanned[], issues: readonly (Issue & { bytes: number; modifiedMs: number })[]) {
    if (!list.length && !issues.length) return;
    this.write((revision) => {
      const columns = new Map([...new Set(list.flatMap((s) => Object.keys(s.measures)))].map((name) => [name, this.#columnId(name, name, null)]));
      for (const s of list) {
        this.#db.run('DELETE FROM issues WHERE path = ?', s.path);
        const { id } = this.#db.get<{ id: number }>(
          `INSERT INTO samples (path, class, bytes, modified_ms, width, height, format, frames, sha256, revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
           ON CONFLICT (path) DO UPDATE SET class = excluded.class, bytes = excluded.bytes, modified_ms = excluded.modified_ms, width = excluded.width,
             height = excluded.height, format = excluded.format, frames = excluded.frames, sha256 = excluded.sha256, gone = 0, revision = excluded.revision
           RETURNING id`,
          s.path, classOf(s.path), s.bytes, s.modifiedMs, s.width, s.height, s.format, s.frames, s.sha256, revision) as { id: number };
        for (const [name, value] of Object.entries(s.measures)) this.#putCell(columns.get(name) as number, id, value);
      }
      for (const issue of issues) {
        this.#db.run('UPDATE samples SET gone = 1, revision = ? WHERE path = ? AND gone = 0', revision, issue.path);
        this.#db.run('INSERT OR REPLACE INTO issues (path, code, message, bytes, modified_ms) VALUES (?, ?, ?, ?, ?)', issue.path, issue.code, issue.message, issue.bytes, issue.modifiedMs);
      }
      for (const id of columns.values()) this.#db.run('UPDATE columns SET revision = ? WHERE id = ?', revision, id);
    });
  }

  /** Takes out of sight what the last scan did not find. */
  retire(paths: readonly string[]) {
    if (!paths.length) return;
    this.write((revision) => {
      for (const path of paths) {
        this.#db.run('UPDATE samples SET gone = 1, revision = ? WHERE path = ? AND gone = 0', revision, path);
        this.#db.run('DELETE FROM issues WHERE path = ?', path);
      }
    });
  }

  issues(): Issue[] {
    return this.#db.all<Issue>('SELECT path, code, message FROM issues ORDER BY path');
  }

  columns(): Column[] {
    return this.#db.all<Column>(
      `SELECT name, title, run_id AS runId, revision, (SELECT count(*) FROM cells JOIN samples ON samples.id = sample_id WHERE column_id = columns.id AND gone = 0) AS count
       FROM columns ORDER BY columns.id`);
  }

  /** Replaces a column. */
  putColumn(name: string, title: string, runId: string | null, ids: readonly number[], values: ArrayLike<number>) {
    this.write((revision) => {
      const column = this.#columnId(name, title, runId);
      this.#db.run('DELETE FROM cells WHERE column_id = ?', column);
      ids.forEach((id, i) => Number.isFinite(values[i]) && this.#putCell(column, id, values[i]));
      this.#db.run('UPDATE columns SET revision = ? WHERE id = ?', revision, column);
    });
  }

  #columnId(name: string, title: string, runId: string | null): number {
    return this.#db.get<{ id: number }>('SELECT id FROM columns WHERE name = ?', name)?.id
      ?? this.#db.run('INSERT INTO columns (name, title, run_id, revision) VALUES (?, ?, ?, 0)', name, title, runId).id;
  }

  #putCell(columnId: number, sampleId: number, value: number) {
    this.#db.run('INSERT OR REPLACE INTO cells (column_id, sample_id, value) VALUES (?, ?, ?)', columnId, sampleId, value);
  }

  /**
   * The column that a person means: its own name, or `<method>.error` for the newest run of a method (`conv-ae.error` → `conv-ae-3.error`).
   */
  resolveColumn(name: string): string | null {
    if (this.#db.get('SELECT 1 FROM columns WHERE name = ?', name)) return name;
    const [method, what] = [name.slice(0, name.lastIndexOf('.')), name.slice(name.lastIndexOf('.') + 1)];
    const runs = this.#db.all<{ name: string }>('SELECT name FROM columns WHERE run_id IS NOT NULL ORDER BY id DESC');
    return runs.find((column) => new RegExp(`^${RegExp.escape(method)}-\\d+\\.${RegExp.escape(what)}$`).test(column.name))?.name ?? null;
  }

  /** Value by sample id, of samples whose files are there. Throws WinnowError `no-column`. */
  values(name: string): Map<number, number> {
    const column = this.resolveColumn(name);
    if (!column) throw new WinnowError('no-column', `There is no column ‘${name}’.`);
    const rows = this.#db.all<{ sample_id: number; value: number }>(
      `SELECT sample_id, value FROM cells JOIN samples ON samples.id = sample_id
       WHERE gone = 0 AND column_id = (SELECT id FROM columns WHERE name = ?)`, column);
    return new Map(rows.map((row) => [row.sample_id, row.value]));
  }

  hasColumn = (name: string): boolean => isProperty(name) || this.resolveColumn(name) !== null;

  /** A reader of any property or column, sample by sample; each column is read once. */
  reader(): (sample: Sample) => Read {
    const read = new Map<string, Map<number, number>>();
    return (sample) => (name): Value => {
      if (isProperty(name)) return sample[name];
      let values = read.get(name);
      if (!values) read.set(name, (values = this.values(name)));
      return values.get(sample.id) ?? null;
    };
  }
}

const toSample = (row: SampleRow): Sample => ({
  id: row.id, path: row.path, class: row.class, bytes: row.bytes, modifiedMs: row.modified_ms, width: row.width, height: row.height,
  format: row.format, sha256: row.sha256, decision: row.decision,
});

const split = (rows: readonly SampleRow[]) => ({
  samples: rows.filter((row) => !row.gone).map(toSample),
  removed: rows.filter((row) => row.gone).map((row) => row.id),
});
