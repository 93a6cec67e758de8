/**
 * The index of the row store, in the workspace's database: all sets, and for each set the row of an image by the SHA-256 of its file. A row is added to the
 * index only after it is flushed to the disk.
 */
import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { SQLInputValue } from 'node:sqlite';
import { damageMark } from './row-reader.ts';

/** The part of the database that the index uses. */
export interface IndexDatabase {
  all<Row>(sql: string, ...values: SQLInputValue[]): Row[];
  get<Row>(sql: string, ...values: SQLInputValue[]): Row | undefined;
  run(sql: string, ...values: SQLInputValue[]): { id: number; changes: number };
  transaction<Result>(work: () => Result): Result;
}

export interface IndexedSet {
  id: number;
  /** Absolute path. */
  file: string;
  /** Milliseconds since 1970. */
  usedAt: number;
}

export interface IndexedRow {
  /** Of the image's file. */
  sha256: string;
  row: number;
  /** CRC-32 of the row; null if an earlier version of Winnow wrote it. */
  checksum: number | null;
}

const fields = 'id, file, used_at AS usedAt';

/** Queries and updates of the index. Its methods throw the errors of SQLite. */
export class RowIndex {
  readonly #db: IndexDatabase;
  readonly #folder: string;

  constructor(db: IndexDatabase, workspaceFolder: string) {
    this.#db = db;
    this.#folder = workspaceFolder;
  }

  /** The set of this kind and these settings, if it exists. */
  find(kind: string, settings: string): IndexedSet | undefined {
    const set = this.#db.get<IndexedSet>(
      `SELECT ${fields} FROM row_sets WHERE kind = ? AND settings = ?`,
      kind,
      settings,
    );
    return set && this.#withAbsolutePath(set);
  }

  /** `file`: relative to the workspace folder. `isKept`: the set is never removed to free space. */
  add(kind: string, settings: string, file: string, isKept: boolean): IndexedSet {
    const usedAt = Date.now();
    const { id } = this.#db.run(
      'INSERT INTO row_sets (kind, settings, file, is_kept, used_at) VALUES (?, ?, ?, ?, ?)',
      kind,
      settings,
      file,
      Number(isKept),
      usedAt,
    );
    return this.#withAbsolutePath({ id, file, usedAt });
  }

  /** All sets, the least recently used first. */
  sets(): (IndexedSet & { isKept: boolean })[] {
    return this.#db
      .all<IndexedSet & { isKept: number }>(`SELECT ${fields}, is_kept AS isKept FROM row_sets ORDER BY used_at, id`)
      .map((set) => ({ ...this.#withAbsolutePath(set), isKept: set.isKept === 1 }));
  }

  /** Records that the set is in use now, to the minute. */
  use(set: IndexedSet): void {
    const now = Date.now();
    if (now - set.usedAt > 60_000) this.#db.run('UPDATE row_sets SET used_at = ? WHERE id = ?', now, set.id);
  }

  /** Removes the set from the index, then its file: a process that is killed in between leaves a file without a set, which the store removes later. */
  remove({ id, file }: IndexedSet): void {
    this.#db.run('DELETE FROM row_sets WHERE id = ?', id);
    rmSync(file, { force: true });
    rmSync(damageMark(file), { force: true });
  }

  /** The row of this image, if it is one of the first `count` rows of the file. */
  row({ id }: IndexedSet, sha256: string, count: number): Omit<IndexedRow, 'sha256'> | undefined {
    return this.#db.get<Omit<IndexedRow, 'sha256'>>(
      'SELECT row, checksum FROM set_rows WHERE set_id = ? AND sha256 = ? AND row < ?',
      id,
      sha256,
      count,
    );
  }

  /** All rows of the set, in the order of the file. */
  rows({ id }: IndexedSet): IndexedRow[] {
    return this.#db.all<IndexedRow>('SELECT sha256, row, checksum FROM set_rows WHERE set_id = ? ORDER BY row', id);
  }

  /** True if the set has rows without a checksum, which an earlier version wrote. */
  hasUnchecked({ id }: IndexedSet): boolean {
    return this.#db.get('SELECT 1 FROM set_rows WHERE set_id = ? AND checksum IS NULL LIMIT 1', id) !== undefined;
  }

  /** Adds rows to the set, or replaces those of the same image. */
  put({ id }: IndexedSet, rows: readonly IndexedRow[]): void {
    this.#db.transaction(() => {
      for (const { sha256, row, checksum } of rows)
        this.#db.run(
          'INSERT OR REPLACE INTO set_rows (set_id, sha256, row, checksum) VALUES (?, ?, ?, ?)',
          id,
          sha256,
          row,
          checksum,
        );
    });
  }

  /** Removes rows from the index, not from the file. */
  forget({ id }: IndexedSet, rows: readonly IndexedRow[]): void {
    this.#db.transaction(() => {
      for (const { sha256 } of rows) this.#db.run('DELETE FROM set_rows WHERE set_id = ? AND sha256 = ?', id, sha256);
    });
  }

  /** Removes the rows of these images from all sets. */
  forgetImages(sha256s: readonly string[]): void {
    this.#db.transaction(() => {
      for (const sha256 of sha256s) this.#db.run('DELETE FROM set_rows WHERE sha256 = ?', sha256);
    });
  }

  /** Forgets this row and all later ones, after the file was removed or truncated: their positions will be reused. */
  forgetFrom({ id }: IndexedSet, row: number): void {
    this.#db.run('DELETE FROM set_rows WHERE set_id = ? AND row >= ?', id, row);
  }

  /** The number of rows of the set; 0 if there is no such set. */
  count(kind: string, settings: string): number {
    return (
      this.#db.get<{ n: number }>(
        'SELECT count(*) AS n FROM set_rows JOIN row_sets ON row_sets.id = set_id WHERE kind = ? AND settings = ?',
        kind,
        settings,
      )?.n ?? 0
    );
  }

  #withAbsolutePath = <Set extends IndexedSet>(set: Set): Set => ({ ...set, file: join(this.#folder, set.file) });
}

/** The size of a file; 0 if it is missing. */
export const fileBytes = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;
