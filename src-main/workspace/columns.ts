/**
 * The columns: named numbers by sample id, dense, NaN where there is none. What the scan measures lies in each sample's row and is gathered once; what is
 * written as a whole (scores of checks and runs, the map) is one blob. Kept in memory: a column of 100,000 images is 800 kB.
 */
import { WinnowError } from '../contract/errors.ts';
import { resolveColumn, type ColumnValues } from '../contract/read.ts';
import type { Column } from '../contract/types.ts';
import { measureNames, type Measures } from '../image/measure.ts';
import type { Database } from './database.ts';

type Stored = Omit<Column, 'count'>;

const titleOf = (name: string) =>
  name[0].toUpperCase() + name.slice(1).replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
const bytesOf = (values: Float64Array) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

export class Columns {
  #db: Database;
  #measured: { present: Uint8Array; values: Float64Array[] } | null = null;
  #written = new Map<string, Float64Array>();
  #list: Stored[] | null = null;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Forgets what is in memory: after a transaction that was taken back, or when it is not known what changed. */
  forget() {
    this.#measured = null;
    this.#written.clear();
    this.#list = null;
  }

  list(): Column[] {
    const { present } = this.#measures();
    const count = (values: Float64Array) => {
      let n = 0;
      for (let id = 0; id < values.length; id++) if (present[id] && !Number.isNaN(values[id])) n++;
      return n;
    };
    return this.#stored().map((column) => ({ ...column, count: count(this.#raw(column.name)) }));
  }

  resolve = (name: string): string | null => resolveColumn(this.#stored(), name);

  /** Of samples whose files are there. Throws WinnowError `no-column`. */
  values(name: string): ColumnValues {
    const column = this.resolve(name);
    if (column === null) throw new WinnowError('no-column', `There is no column ‘${name}’.`);
    const { present } = this.#measures();
    const values = new Float64Array(present.length).fill(NaN);
    const raw = this.#raw(column);
    for (let id = 0; id < Math.min(raw.length, values.length); id++) if (present[id]) values[id] = raw[id];
    return values;
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
  }

  /** Inside a write: what was learned of files that have changed since does not hold for them. */
  clear(ids: readonly number[], revision: number) {
    for (const { name, runId } of this.#stored()) {
      if (runId === null) continue;
      const values = this.#raw(name);
      const known = ids.filter((id) => id < values.length && !Number.isNaN(values[id]));
      if (!known.length) continue;
      for (const id of known) values[id] = NaN;
      this.#db.run('UPDATE columns SET data = ?, revision = ? WHERE name = ?', bytesOf(values), revision, name);
      this.#list = null;
    }
  }

  /** Inside a write: replaces a column. */
  put({ name, title, runId, categories, revision }: Stored, values: Float64Array) {
    this.#db.run(
      `INSERT INTO columns (name, title, run_id, categories, revision, data) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET title = excluded.title, run_id = excluded.run_id, categories = excluded.categories, revision = excluded.revision, data = excluded.data`,
      name,
      title,
      runId,
      categories && JSON.stringify(categories),
      revision,
      bytesOf(values),
    );
    this.#written.set(name, values);
    this.#list = null;
  }

  /** Inside a write: measures were put. */
  touchMeasures(revision: number) {
    this.#db.run(
      "INSERT INTO meta (key, value) VALUES ('measuresRevision', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
      String(revision),
    );
    this.#list = null;
  }

  #stored(): Stored[] {
    if (this.#list) return this.#list;
    const revision = Number(
      this.#db.get<{ value: string }>("SELECT value FROM meta WHERE key = 'measuresRevision'")?.value ?? 0,
    );
    const measured = revision
      ? measureNames.map((name) => ({ name, title: titleOf(name), runId: null, categories: null, revision }))
      : [];
    const written = this.#db.all<Omit<Stored, 'categories'> & { categories: string | null }>(
      'SELECT name, title, run_id AS runId, categories, revision FROM columns ORDER BY id',
    );
    return (this.#list = [
      ...measured,
      ...written.map((column) => ({
        ...column,
        categories: column.categories === null ? null : (JSON.parse(column.categories) as string[]),
      })),
    ]);
  }

  #raw(name: string): Float64Array {
    const measure = (measureNames as readonly string[]).indexOf(name);
    if (measure >= 0) return this.#measures().values[measure];
    let values = this.#written.get(name);
    if (!values) {
      const data =
        this.#db.get<{ data: Uint8Array | null }>('SELECT data FROM columns WHERE name = ?', name)?.data ??
        new Uint8Array();
      values = new Float64Array(data.slice().buffer);
      this.#written.set(name, values);
    }
    return values;
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
