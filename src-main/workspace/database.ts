/**
 * The workspace's SQLite file: opens and migrates it, and refuses a newer or damaged one with an error message. WAL; every commit is on
 * disk before it is reported (`synchronous=FULL`), since decisions are hours of work.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { explain, WinnowError } from '../contract/errors.ts';

/** Entry i migrates the schema from version i to i + 1, with SQL or with a function. Never change a released entry; append one. */
const migrations: readonly (string | ((db: Database) => void))[] = [
  `CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
   CREATE TABLE samples (
     id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, class TEXT, bytes INTEGER NOT NULL, modified_ms INTEGER NOT NULL,
     width INTEGER NOT NULL, height INTEGER NOT NULL, format TEXT NOT NULL, frames INTEGER NOT NULL, sha256 TEXT NOT NULL,
     gone INTEGER NOT NULL DEFAULT 0, decision TEXT, revision INTEGER NOT NULL);
   CREATE INDEX samples_revision ON samples (revision);
   CREATE INDEX samples_sha256 ON samples (sha256);
   CREATE TABLE issues (path TEXT PRIMARY KEY, code TEXT NOT NULL, message TEXT NOT NULL, bytes INTEGER NOT NULL, modified_ms INTEGER NOT NULL) WITHOUT ROWID;
   CREATE TABLE columns (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, title TEXT NOT NULL, run_id TEXT, revision INTEGER NOT NULL);
   CREATE TABLE cells (column_id INTEGER NOT NULL, sample_id INTEGER NOT NULL, value REAL NOT NULL, PRIMARY KEY (column_id, sample_id)) WITHOUT ROWID;
   CREATE TABLE journal (
     seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL CHECK (kind IN ('decide', 'undo', 'redo')),
     target INTEGER, title TEXT NOT NULL, changes TEXT NOT NULL);
   CREATE TABLE runs (id TEXT PRIMARY KEY, created_at INTEGER NOT NULL, state TEXT NOT NULL, fingerprint TEXT NOT NULL, record TEXT NOT NULL);
   CREATE TABLE pixel_rows (size_px INTEGER NOT NULL, sha256 TEXT NOT NULL, row INTEGER NOT NULL, PRIMARY KEY (size_px, sha256)) WITHOUT ROWID;`,
  addCuration,
  // Columns whose numbers are categories, such as a predicted class. Rows of pixels by how the image was made square.
  `ALTER TABLE columns ADD COLUMN categories TEXT;
   CREATE TABLE pixel_rows_3 (size_px INTEGER NOT NULL, fit TEXT NOT NULL, sha256 TEXT NOT NULL, row INTEGER NOT NULL, PRIMARY KEY (size_px, fit, sha256)) WITHOUT ROWID;
   INSERT INTO pixel_rows_3 SELECT size_px, 'stretch', sha256, row FROM pixel_rows;
   DROP TABLE pixel_rows;
   ALTER TABLE pixel_rows_3 RENAME TO pixel_rows;`,
  'CREATE TABLE embedding_rows (model TEXT NOT NULL, sha256 TEXT NOT NULL, row INTEGER NOT NULL, PRIMARY KEY (model, sha256)) WITHOUT ROWID;',
  // One index for rows of every kind, with checksums. Existing files stay in their place.
  `CREATE TABLE row_sets (
     id INTEGER PRIMARY KEY, kind TEXT NOT NULL, settings TEXT NOT NULL, file TEXT NOT NULL UNIQUE, is_kept INTEGER NOT NULL,
     used_at INTEGER NOT NULL, UNIQUE (kind, settings));
   CREATE TABLE set_rows (
     set_id INTEGER NOT NULL REFERENCES row_sets (id) ON DELETE CASCADE, sha256 TEXT NOT NULL, row INTEGER NOT NULL, checksum INTEGER,
     PRIMARY KEY (set_id, sha256)) WITHOUT ROWID;
   CREATE TEMP VIEW former_rows AS
     SELECT 'pixels' AS kind, size_px || CASE fit WHEN 'stretch' THEN '' ELSE '-' || fit END AS settings, '.u8' AS extension, 0 AS is_kept, sha256, row FROM pixel_rows
     UNION ALL SELECT 'embeddings', model, '.f32', 1, sha256, row FROM embedding_rows;
   INSERT INTO row_sets (kind, settings, file, is_kept, used_at)
     SELECT DISTINCT kind, settings, kind || '/' || settings || extension, is_kept, 0 FROM former_rows;
   INSERT INTO set_rows SELECT id, sha256, row, NULL FROM former_rows JOIN row_sets USING (kind, settings);
   DROP VIEW former_rows;
   DROP TABLE pixel_rows;
   DROP TABLE embedding_rows;`,
  // Values of columns and records of runs get separate tables, so that lists are read without them. `Columns` and `Runs` fill in counts and summaries.
  `ALTER TABLE columns ADD COLUMN count INTEGER;
   CREATE TABLE column_values (column_id INTEGER PRIMARY KEY REFERENCES columns (id) ON DELETE CASCADE, data BLOB NOT NULL);
   INSERT INTO column_values SELECT id, data FROM columns WHERE data IS NOT NULL;
   ALTER TABLE columns DROP COLUMN data;
   CREATE TABLE run_records (run_id TEXT PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE, record TEXT NOT NULL);
   INSERT INTO run_records SELECT id, record FROM runs;
   ALTER TABLE runs DROP COLUMN record;
   ALTER TABLE runs ADD COLUMN summary TEXT;
   ALTER TABLE runs ADD COLUMN bytes INTEGER;
   ALTER TABLE runs ADD COLUMN version INTEGER NOT NULL DEFAULT 0;`,
  // Trials of searches for hyperparameters.
  `CREATE TABLE trials (
     search_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE, number INTEGER NOT NULL, record TEXT NOT NULL,
     PRIMARY KEY (search_id, number)) WITHOUT ROWID;`,
  // What a picture is if it is not all of its file, and the values of images of measurements.
  `ALTER TABLE samples ADD COLUMN notice TEXT;
   ALTER TABLE samples ADD COLUMN value_kind TEXT;
   ALTER TABLE samples ADD COLUMN value_low REAL;
   ALTER TABLE samples ADD COLUMN value_high REAL;`,
  // The split that an image's folders name. It depends on all folders, as the class does.
  'ALTER TABLE samples ADD COLUMN split TEXT;',
  // In what the images of a group differ, though they look alike.
  "ALTER TABLE groups ADD COLUMN differences TEXT NOT NULL DEFAULT '[]';",
];
export const schemaVersion = migrations.length;

/**
 * Reads a workspace's database that another engine may have open; changes nothing. Throws WinnowError if it is of another version or cannot be read.
 */
export function readDatabase<Result>(file: string, work: (db: Pick<DatabaseSync, 'prepare'>) => Result): Result {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(file, { readOnly: true, timeout: 5000 });
    const { user_version: version } = db.prepare('PRAGMA user_version').get() as { user_version: number };
    if (version !== schemaVersion)
      throw new WinnowError(
        'workspace-newer',
        `${dirname(file)} is a workspace of another version of Winnow. Open its folder once with this version, then try again.`,
      );
    return work(db);
  } catch (error) {
    if (error instanceof WinnowError) throw error;
    const { code, message } = explain(error);
    throw new WinnowError(code, `The workspace ${dirname(file)} cannot be read: ${message}`, { cause: error });
  } finally {
    db?.close();
  }
}

export class Database {
  #db: DatabaseSync;
  #statements = new Map<string, StatementSync>();

  /** Opens `file`, or creates it. Throws WinnowError if it cannot be used. */
  constructor(file: string) {
    const existed = existsSync(file);
    try {
      this.#db = new DatabaseSync(file, { timeout: 5000 });
      this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;');
      this.#migrate(file, existed);
    } catch (error) {
      if (error instanceof WinnowError) throw error;
      if (isDamage(error))
        throw new WinnowError(
          'workspace-corrupt',
          `The workspace ${file} is damaged (${(error as Error).message}). Move it to start from scratch; the images are untouched.`,
          { cause: error },
        );
      const { code, message } = explain(error);
      throw new WinnowError(code, `The workspace ${file} cannot be opened: ${message}`, { cause: error });
    }
  }

  #migrate(file: string, existed: boolean) {
    const version = Number(this.get<{ user_version: number }>('PRAGMA user_version')?.user_version ?? 0);
    if (version > schemaVersion) {
      throw new WinnowError(
        'workspace-newer',
        `This folder’s workspace was written by a newer Winnow (version ${version}; this one knows ${schemaVersion}). Update Winnow to open it.`,
      );
    }
    if (version === schemaVersion) return;
    if (existed && version > 0) {
      copyDatabase(this.#db, newBackup(dirname(file), version));
    }
    for (let next = version; next < schemaVersion; next++) {
      this.transaction(() => {
        const migration = migrations[next];
        if (typeof migration === 'string') this.#db.exec(migration);
        else migration(this);
        this.#db.exec(`PRAGMA user_version = ${next + 1}`);
      });
    }
  }

  /** Several statements without values, as schema changes are. */
  script(sql: string) {
    this.#db.exec(sql);
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) this.#statements.set(sql, (statement = this.#db.prepare(sql)));
    return statement;
  }

  all<Row>(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#prepare(sql).all(...values) as Row[];
  }

  /** One row after the other, so that not all rows are in memory beside what is made of them. */
  map<Row, Result>(sql: string, make: (row: Row) => Result): Result[] {
    const results: Result[] = [];
    for (const row of this.#prepare(sql).iterate()) results.push(make(row as Row));
    return results;
  }

  get<Row>(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#prepare(sql).get(...values) as Row | undefined;
  }

  /** Returns the id of an inserted row and how many rows changed. */
  run(sql: string, ...values: SQLInputValue[]): { id: number; changes: number } {
    const { lastInsertRowid, changes } = this.#prepare(sql).run(...values);
    return { id: Number(lastInsertRowid), changes: Number(changes) };
  }

  /** Runs `work` in a transaction; a nested call joins the outer transaction. */
  transaction<Result>(work: () => Result): Result {
    if (this.#db.isTransaction) return work();
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.#db.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  /** Checks the file's integrity: returns the first damage found, or null. Reads the whole file. */
  damage(): string | null {
    return firstDamage(this.#db);
  }

  /** Returns free pages to the disk. Not inside a transaction. */
  compact() {
    this.dropStatements();
    this.#db.exec('VACUUM');
  }

  get isOpen() {
    return this.#db.isOpen;
  }

  /** Drops the prepared statements, since a table in use by one cannot be dropped. */
  dropStatements() {
    this.#statements.clear();
  }

  close() {
    this.dropStatements();
    if (this.#db.isOpen) this.#db.close();
  }
}

/** Whether an error means that the file is damaged or not a database. */
export function isDamage(error: unknown): boolean {
  if (error instanceof WinnowError) return error.code === 'workspace-corrupt';
  const { code, errcode = 0 } = error as { code?: string; errcode?: number };
  return code === 'ERR_SQLITE_ERROR' && [11, 26].includes(errcode & 0xff); // SQLITE_CORRUPT, SQLITE_NOTADB
}

export const backupsFolder = (workspaceFolder: string) => join(workspaceFolder, 'backups');
/** The current time, for file names. */
export const timestamp = () => new Date().toISOString().replace(/[:.]/g, '-');

/** The file name for a new backup. `version`: the schema's version, for a backup before a migration. */
export function newBackup(workspaceFolder: string, version?: number): string {
  mkdirSync(backupsFolder(workspaceFolder), { recursive: true, mode: 0o700 });
  return join(
    backupsFolder(workspaceFolder),
    `${timestamp()}${version === undefined ? '' : `-version-${version}`}.sqlite`,
  );
}

/** Copies the committed data to a new, compacted file without a write-ahead log. */
export function copyDatabase(db: DatabaseSync, to: string) {
  db.prepare('VACUUM INTO ?').run(to);
}

/** Checks the integrity of a file that nobody has open: returns the first damage found, or null. */
export function damageOf(file: string): string | null {
  let db: DatabaseSync | null = null;
  try {
    db = new DatabaseSync(file, { readOnly: true, timeout: 5000 });
    return firstDamage(db);
  } catch (error) {
    return (error as Error).message;
  } finally {
    db?.close();
  }
}

function firstDamage(db: DatabaseSync): string | null {
  const found = db.prepare('PRAGMA quick_check(1)').get()?.quick_check;
  return found === 'ok' ? null : String(found);
}

/**
 * Version 2: more marks than the decision; measures and fingerprint in the sample's row; each column as one blob (Float64 by sample id); settings;
 * duplicate groups; a journal of all actions. The next scan reads all images again, since there are more measures.
 */
function addCuration(db: Database) {
  db.script(`
    ALTER TABLE samples ADD COLUMN label TEXT;
    ALTER TABLE samples ADD COLUMN reason TEXT;
    ALTER TABLE samples ADD COLUMN tags TEXT;
    ALTER TABLE samples ADD COLUMN note TEXT;
    ALTER TABLE samples ADD COLUMN measures BLOB;
    ALTER TABLE samples ADD COLUMN fingerprint BLOB;
    ALTER TABLE columns ADD COLUMN data BLOB;
    CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE groups (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, score REAL NOT NULL, members TEXT NOT NULL);
    CREATE TABLE verdicts (pair TEXT PRIMARY KEY, value REAL NOT NULL) WITHOUT ROWID;
    ALTER TABLE journal RENAME TO journal_1;
    CREATE TABLE journal (
      seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL CHECK (kind IN ('edit', 'undo', 'redo', 'done')),
      target INTEGER, title TEXT NOT NULL, action TEXT NOT NULL, changes TEXT NOT NULL);
    UPDATE samples SET modified_ms = -1;`);
  for (const entry of db.all<{
    seq: number;
    at: number;
    kind: string;
    target: number | null;
    title: string;
    changes: string;
  }>('SELECT * FROM journal_1 ORDER BY seq')) {
    const changes = JSON.parse(entry.changes) as [number, unknown, unknown][];
    const marks = changes.map(([id, before, after]) => [id, { decision: before }, { decision: after }]);
    db.run(
      'INSERT INTO journal (seq, at, kind, target, title, action, changes) VALUES (?, ?, ?, ?, ?, ?, ?)',
      entry.seq,
      entry.at,
      entry.kind === 'decide' ? 'edit' : entry.kind,
      entry.target,
      entry.title,
      JSON.stringify({ do: 'edit', change: { decision: changes[0]?.[2] ?? null } }),
      JSON.stringify({ marks, settings: [] }),
    );
  }
  const length = Number(db.get<{ n: number }>('SELECT coalesce(max(id), 0) + 1 AS n FROM samples')?.n);
  for (const { id } of db.all<{ id: number }>('SELECT id FROM columns WHERE run_id IS NOT NULL')) {
    const data = new Float64Array(length).fill(NaN);
    for (const cell of db.all<{ sample_id: number; value: number }>(
      'SELECT sample_id, value FROM cells WHERE column_id = ?',
      id,
    ))
      data[cell.sample_id] = cell.value;
    db.run('UPDATE columns SET data = ? WHERE id = ?', new Uint8Array(data.buffer), id);
  }
  db.dropStatements();
  db.script('DELETE FROM columns WHERE run_id IS NULL; DROP TABLE cells; DROP TABLE journal_1;');
}
