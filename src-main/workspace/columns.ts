/**
 * The columns: a named Float64 array by sample id; NaN means no value. The scan's measures are stored in each sample's row and gathered once.
 * Scores of checks and runs, and the map, are written as one blob per column, which is read only when its values are needed; listing the columns
 * reads no values. Recently used columns are cached: a column of 100,000 images takes 800 kB.
 */
import { WinnowError } from '../contract/errors.ts';
import { resolveColumn, type ColumnValues } from '../contract/read.ts';
import type { Column } from '../contract/types.ts';
import { measureNames, type Measures } from '../image/measure.ts';
import type { Database } from './database.ts';
import { runVisibility } from './settings.ts';

const cacheBytes = 128 * 2 ** 20;

const titleOf = (name: string) =>
  name[0].toUpperCase() + name.slice(1).replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
const bytesOf = (values: Float64Array) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
/** SQL: whether a column is a result of its run (`<run>.error`). The map's columns name a run too, but stay when that run is deleted. */
const isResultOfRun = "substr(name, 1, length(run_id) + 1) = run_id || '.'";

export class Columns {
  #db: Database;
  #limitBytes: number;
  #measured: { present: Uint8Array; values: Float64Array[] } | null = null;
  /** By name, in the order of use. */
  #cache = new Map<string, Float64Array>();
  #cachedBytes = 0;
  #list: Column[] | null = null;
  /** Files of samples have disappeared or come back since the values were counted. */
  #areCountsStale = false;

  constructor(db: Database, limitBytes = cacheBytes) {
    this.#db = db;
    this.#limitBytes = limitBytes;
    // Earlier versions stored no counts.
    if (db.get('SELECT 1 FROM columns WHERE count IS NULL LIMIT 1')) db.transaction(() => this.#count());
  }

  /** Clears the cache: after a rollback, or when it is unknown what changed. */
  clearCache() {
    this.#measured = null;
    this.#cache.clear();
    this.#cachedBytes = 0;
    this.#list = null;
    this.#areCountsStale = false;
  }

  /** Call this after runs were deleted or restored: their columns leave or enter the list. */
  invalidateList() {
    this.#list = null;
  }

  /** All columns except results of deleted runs. Reads no values. */
  list(): Column[] {
    if (this.#list) return this.#list;
    const revision = Number(
      this.#db.get<{ value: string }>("SELECT value FROM meta WHERE key = 'measuresRevision'")?.value ?? 0,
    );
    const measured = revision ? this.#measuredCount() : 0;
    const stored = this.#db.all<Omit<Column, 'categories'> & { categories: string | null }>(
      `SELECT name, title, run_id AS runId, categories, count, revision FROM columns
       WHERE run_id IS NULL OR NOT (${isResultOfRun} AND ${runVisibility('run_id')} IS 'deleted') ORDER BY id`,
    );
    return (this.#list = [
      ...(revision ? measureNames : []).map((name) => ({
        name,
        title: titleOf(name),
        runId: null,
        categories: null,
        count: measured,
        revision,
      })),
      ...stored.map((column) => ({
        ...column,
        categories: column.categories === null ? null : (JSON.parse(column.categories) as string[]),
      })),
    ]);
  }

  resolve = (name: string): string | null => resolveColumn(this.list(), name);

  /** By sample id; NaN also for samples whose files are gone. Throws WinnowError `no-column`. */
  values(name: string): ColumnValues {
    const column = this.#resolveOrThrow(name);
    const { present } = this.#measures();
    const values = new Float64Array(present.length).fill(NaN);
    const raw = this.#raw(column);
    for (let id = 0; id < Math.min(raw.length, values.length); id++) if (present[id]) values[id] = raw[id];
    return values;
  }

  /** One sample's value in each of these columns; null for no value. */
  valuesOf(id: number, names: readonly string[]): (number | null)[] {
    const isPresent = this.#measures().present[id] === 1;
    return names.map((name) => {
      const value = this.#raw(this.#resolveOrThrow(name))[id];
      return !isPresent || value === undefined || Number.isNaN(value) ? null : value;
    });
  }

  /** Inside a write: caches a sample's measures, and returns them as bytes for its row. */
  putMeasures(id: number, measures: Measures): Uint8Array {
    const row = Float64Array.from(measureNames, (name) => measures[name]);
    if (this.#measured) {
      this.#grow(id + 1);
      this.#measured.present[id] = 1;
      row.forEach((value, i) => ((this.#measured as { values: Float64Array[] }).values[i][id] = value));
    }
    return bytesOf(row);
  }

  /** Inside a write: a sample's file is gone. */
  markGone(id: number) {
    if (this.#measured && id < this.#measured.present.length) this.#measured.present[id] = 0;
    this.#areCountsStale = true;
  }

  /** Inside a write: a file that was gone has come back. */
  markFound() {
    this.#areCountsStale = true;
  }

  /** Call this at the end of each write. */
  updateCounts() {
    if (!this.#areCountsStale) return;
    this.#count();
    this.#areCountsStale = false;
  }

  /** Inside a write: removes the values of runs for samples whose files have changed. */
  clear(ids: readonly number[], revision: number) {
    const columns = this.#db.all<{ id: number; name: string }>('SELECT id, name FROM columns WHERE run_id IS NOT NULL');
    for (const column of columns) {
      const values = this.#raw(column.name);
      const outdated = ids.filter((id) => id < values.length && !Number.isNaN(values[id]));
      if (!outdated.length) continue;
      for (const id of outdated) values[id] = NaN;
      this.#db.run('UPDATE column_values SET data = ? WHERE column_id = ?', bytesOf(values), column.id);
      this.#db.run(
        'UPDATE columns SET count = ?, revision = ? WHERE id = ?',
        this.#countOf(values),
        revision,
        column.id,
      );
      this.#list = null;
    }
  }

  /** Inside a write: replaces a column. */
  put({ name, title, runId, categories, revision }: Omit<Column, 'count'>, values: Float64Array) {
    this.#db.run(
      `INSERT INTO columns (name, title, run_id, categories, count, revision) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET title = excluded.title, run_id = excluded.run_id, categories = excluded.categories, count = excluded.count, revision = excluded.revision`,
      name,
      title,
      runId,
      categories && JSON.stringify(categories),
      this.#countOf(values),
      revision,
    );
    this.#db.run(
      'INSERT OR REPLACE INTO column_values (column_id, data) SELECT id, ? FROM columns WHERE name = ?',
      bytesOf(values),
      name,
    );
    this.#addToCache(name, values);
    this.#list = null;
  }

  /** Inside a write: sets the values of these samples; other samples keep theirs. */
  set(name: string, values: ReadonlyMap<number, number>, revision: number) {
    const column = this.list().find((known) => known.name === name);
    if (!column) throw new WinnowError('no-column', `There is no column ‘${name}’.`);
    const before = this.#raw(name);
    const data = new Float64Array([...values.keys()].reduce((most, id) => Math.max(most, id + 1), before.length)).fill(
      NaN,
    );
    data.set(before);
    for (const [id, value] of values) data[id] = value;
    this.put({ ...column, revision }, data);
  }

  /** Inside a write: permanently removes the columns of a run. */
  remove(runId: string) {
    this.#db.run(`DELETE FROM columns WHERE run_id = ? AND ${isResultOfRun}`, runId);
    this.clearCache();
  }

  /** Inside a write: stores the revision at which measures last changed. */
  setMeasuresRevision(revision: number) {
    this.#db.run(
      "INSERT INTO meta (key, value) VALUES ('measuresRevision', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
      String(revision),
    );
    this.#list = null;
  }

  #resolveOrThrow(name: string): string {
    const column = this.resolve(name);
    if (column === null) throw new WinnowError('no-column', `There is no column ‘${name}’.`);
    return column;
  }

  #measuredCount = (): number =>
    Number(
      this.#db.get<{ n: number }>(
        'SELECT count(*) AS n FROM samples WHERE gone = 0 AND length(measures) = ?',
        measureNames.length * 8,
      )?.n,
    );

  /** Counts the values of every column again. */
  #count() {
    for (const { id, name } of this.#db.all<{ id: number; name: string }>('SELECT id, name FROM columns'))
      this.#db.run(
        'UPDATE columns SET count = ? WHERE id = ?',
        this.#countOf(this.#cache.get(name) ?? this.#read(name)),
        id,
      );
    this.#list = null;
  }

  #countOf(values: Float64Array): number {
    const { present } = this.#measures();
    let n = 0;
    for (let id = 0; id < values.length; id++) if (present[id] && !Number.isNaN(values[id])) n++;
    return n;
  }

  #raw(name: string): Float64Array {
    const measure = (measureNames as readonly string[]).indexOf(name);
    if (measure >= 0) return this.#measures().values[measure];
    const values = this.#cache.get(name) ?? this.#read(name);
    this.#addToCache(name, values);
    return values;
  }

  #read(name: string): Float64Array {
    const data = this.#db.get<{ data: Uint8Array }>(
      'SELECT data FROM column_values WHERE column_id = (SELECT id FROM columns WHERE name = ?)',
      name,
    )?.data;
    return new Float64Array(data?.slice().buffer ?? new ArrayBuffer());
  }

  #addToCache(name: string, values: Float64Array) {
    this.#cachedBytes += values.byteLength - (this.#cache.get(name)?.byteLength ?? 0);
    this.#cache.delete(name);
    this.#cache.set(name, values);
    for (const [oldest, { byteLength }] of this.#cache) {
      if (this.#cachedBytes <= this.#limitBytes || oldest === name) break;
      this.#cache.delete(oldest);
      this.#cachedBytes -= byteLength;
    }
  }

  #measures() {
    if (this.#measured) return this.#measured;
    const rows = this.#db.all<{ id: number; gone: number; measures: Uint8Array | null }>(
      'SELECT id, gone, measures FROM samples',
    );
    const length = rows.reduce((most, { id }) => Math.max(most, id), 0) + 1;
    const present = new Uint8Array(length);
    const values = measureNames.map(() => new Float64Array(length).fill(NaN));
    for (const { id, gone, measures } of rows) {
      present[id] = gone ? 0 : 1;
      if (measures?.byteLength !== measureNames.length * 8) continue;
      const view = new DataView(measures.buffer, measures.byteOffset, measures.byteLength);
      for (let i = 0; i < values.length; i++) values[i][id] = view.getFloat64(i * 8, true);
    }
    return (this.#measured = { present, values });
  }

  #grow(length: number) {
    const measured = this.#measured as { present: Uint8Array; values: Float64Array[] };
    if (measured.present.length >= length) return;
    const capacity = Math.max(length, Math.ceil(measured.present.length * 1.5));
    const present = new Uint8Array(capacity);
    present.set(measured.present);
    const values = measured.values.map((old) => {
      const grown = new Float64Array(capacity).fill(NaN);
      grown.set(old);
      return grown;
    });
    this.#measured = { present, values };
  }
}
