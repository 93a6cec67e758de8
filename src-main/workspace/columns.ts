/**
 * The columns: named numbers by sample id, NaN where there is none. What the scan measures lies in each sample's row and is gathered once. What is
 * written as a whole (scores of checks and runs, the map) is one blob, which is read when its values are asked for; the list of columns reads none. The
 * columns used last are kept in memory: one of 100,000 images is 800 kB.
 */
import { WinnowError } from '../contract/errors.ts';
import { resolveColumn, type ColumnValues } from '../contract/read.ts';
import type { Column } from '../contract/types.ts';
import { measureNames, type Measures } from '../image/measure.ts';
import type { Database } from './database.ts';
import { runPlace } from './settings.ts';

/** Where the columns used last are kept. */
const memoryBytes = 128 * 2 ** 20;

const titleOf = (name: string) =>
  name[0].toUpperCase() + name.slice(1).replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
const bytesOf = (values: Float64Array) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
/** SQL: does a column belong to its run, and not only follow from it, as the map does? */
const isOwn = "substr(name, 1, length(run_id) + 1) = run_id || '.'";

export class Columns {
  #db: Database;
  #memoryBytes: number;
  #measured: { present: Uint8Array; values: Float64Array[] } | null = null;
  /** By name, the one used last at the end. */
  #kept = new Map<string, Float64Array>();
  #keptBytes = 0;
  #list: Column[] | null = null;
  /** Samples have gone or come back since the counts were made. */
  #isMiscounted = false;

  constructor(db: Database, limitBytes = memoryBytes) {
    this.#db = db;
    this.#memoryBytes = limitBytes;
    // Workspaces of earlier versions have no counts.
    if (db.get('SELECT 1 FROM columns WHERE count IS NULL LIMIT 1')) db.transaction(() => this.#count());
  }

  /** Forgets what is in memory: after a transaction that was rolled back, or when it is not known what changed. */
  forget() {
    this.#measured = null;
    this.#kept.clear();
    this.#keptBytes = 0;
    this.#list = null;
    this.#isMiscounted = false;
  }

  /** To be called when runs were deleted or brought back: their columns go and come with them. */
  forgetList() {
    this.#list = null;
  }

  /** All but those of deleted runs. Reads no values. */
  list(): Column[] {
    if (this.#list) return this.#list;
    const revision = Number(
      this.#db.get<{ value: string }>("SELECT value FROM meta WHERE key = 'measuresRevision'")?.value ?? 0,
    );
    const measured = revision ? this.#measuredCount() : 0;
    const written = this.#db.all<Omit<Column, 'categories'> & { categories: string | null }>(
      `SELECT name, title, run_id AS runId, categories, count, revision FROM columns
       WHERE run_id IS NULL OR NOT (${isOwn} AND ${runPlace('run_id')} IS 'deleted') ORDER BY id`,
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
      ...written.map((column) => ({
        ...column,
        categories: column.categories === null ? null : (JSON.parse(column.categories) as string[]),
      })),
    ]);
  }

  resolve = (name: string): string | null => resolveColumn(this.list(), name);

  /** Of samples whose files are there. Throws WinnowError `no-column`. */
  values(name: string): ColumnValues {
    const column = this.#known(name);
    const { present } = this.#measures();
    const values = new Float64Array(present.length).fill(NaN);
    const raw = this.#raw(column);
    for (let id = 0; id < Math.min(raw.length, values.length); id++) if (present[id]) values[id] = raw[id];
    return values;
  }

  /** One sample's value in each of these columns; null where there is none. */
  valuesOf(id: number, names: readonly string[]): (number | null)[] {
    const isPresent = this.#measures().present[id] === 1;
    return names.map((name) => {
      const value = this.#raw(this.#known(name))[id];
      return !isPresent || value === undefined || Number.isNaN(value) ? null : value;
    });
  }

  /** Inside a write: a sample was read. */
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
  retire(id: number) {
    if (this.#measured && id < this.#measured.present.length) this.#measured.present[id] = 0;
    this.#isMiscounted = true;
  }

  /** Inside a write: the file of a sample that was gone is there again. */
  restore() {
    this.#isMiscounted = true;
  }

  /** Inside a write: its last step. */
  settle() {
    if (!this.#isMiscounted) return;
    this.#count();
    this.#isMiscounted = false;
  }

  /** Inside a write: what was learned of files that have changed since does not hold for them. */
  clear(ids: readonly number[], revision: number) {
    const columns = this.#db.all<{ id: number; name: string }>('SELECT id, name FROM columns WHERE run_id IS NOT NULL');
    for (const column of columns) {
      const values = this.#raw(column.name);
      const known = ids.filter((id) => id < values.length && !Number.isNaN(values[id]));
      if (!known.length) continue;
      for (const id of known) values[id] = NaN;
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
    this.#keep(name, values);
    this.#list = null;
  }

  /** Inside a write: removes the columns of a run for good. */
  remove(runId: string) {
    this.#db.run(`DELETE FROM columns WHERE run_id = ? AND ${isOwn}`, runId);
    this.forget();
  }

  /** Inside a write: measures were put. */
  touchMeasures(revision: number) {
    this.#db.run(
      "INSERT INTO meta (key, value) VALUES ('measuresRevision', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
      String(revision),
    );
    this.#list = null;
  }

  #known(name: string): string {
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

  /** Counts the values of every column anew. */
  #count() {
    for (const { id, name } of this.#db.all<{ id: number; name: string }>('SELECT id, name FROM columns'))
      this.#db.run(
        'UPDATE columns SET count = ? WHERE id = ?',
        this.#countOf(this.#kept.get(name) ?? this.#read(name)),
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
    const values = this.#kept.get(name) ?? this.#read(name);
    this.#keep(name, values);
    return values;
  }

  #read(name: string): Float64Array {
    const data = this.#db.get<{ data: Uint8Array }>(
      'SELECT data FROM column_values WHERE column_id = (SELECT id FROM columns WHERE name = ?)',
      name,
    )?.data;
    return new Float64Array(data?.slice().buffer ?? new ArrayBuffer());
  }

  #keep(name: string, values: Float64Array) {
    this.#keptBytes += values.byteLength - (this.#kept.get(name)?.byteLength ?? 0);
    this.#kept.delete(name);
    this.#kept.set(name, values);
    for (const [oldest, { byteLength }] of this.#kept) {
      if (this.#keptBytes <= this.#memoryBytes || oldest === name) break;
      this.#kept.delete(oldest);
      this.#keptBytes -= byteLength;
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
