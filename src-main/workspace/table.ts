/**
 * The one table: samples are rows, and every value computed for them is in a named column. Each write increases the revision, so that a client
 * can fetch only what changed since the revision it has. A sample whose file is gone stays as a hidden row: if the file comes back, so do its marks.
 */
import type { ColumnValues } from '../contract/read.ts';
import type { Changes, Column, Issue, Marks, Sample, ValueRange } from '../contract/types.ts';
import type { Measures } from '../image/measure.ts';
import type { Candidate } from '../duplicate/comparer.ts';
import { Columns } from './columns.ts';
import { FolderPlaces } from './folder-places.ts';
import { isStack, marksOf, sampleFields, toSample, type SampleRow } from './sample-row.ts';
import type { Database } from './database.ts';

/** The scan's result for a file. */
export interface Scanned {
  path: string;
  bytes: number;
  modifiedMs: number;
  width: number;
  height: number;
  format: string;
  frames: number;
  sha256: string;
  notice?: string | null;
  values?: ValueRange | null;
  measures: Measures;
  fingerprint: Uint8Array;
}

export class Table {
  #db: Database;
  #columns: Columns;
  /** The classes and splits of folders. */
  readonly places: FolderPlaces;
  #revision: number;
  /**
   * A version that increases with every change except decisions, reasons, tags and notes. Groups, checks and the client's columns are recomputed only when
   * it changes.
   */
  #shape = 1;

  constructor(db: Database) {
    this.#db = db;
    this.#columns = new Columns(db);
    this.places = new FolderPlaces(db);
    this.#revision = Number(this.meta('revision') ?? 0);
  }

  get revision() {
    return this.#revision;
  }

  get shape() {
    return this.#shape;
  }

  clearCache() {
    this.#columns.clearCache();
  }

  /** Returns free pages of the database to the disk. */
  compact() {
    this.#db.compact();
  }

  /** Increases the shape version. Call this when classes or settings have changed. */
  reshape() {
    this.#shape++;
    this.#columns.invalidateList();
  }

  meta(key: string): string | null {
    return this.#db.get<{ value: string }>('SELECT value FROM meta WHERE key = ?', key)?.value ?? null;
  }

  setMeta(key: string, value: string) {
    this.#db.run(
      'INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
      key,
      value,
    );
  }

  /** Discards measures and fingerprints of another version, so that the next scan reads all images again. Returns whether it discarded anything. */
  discardOldReadings(version: string): boolean {
    if (this.meta('readings') === version) return false;
    this.#db.transaction(() => {
      this.#db.run('UPDATE samples SET modified_ms = -1, measures = NULL, fingerprint = NULL');
      this.#db.run('DELETE FROM verdicts'); // comparisons of images, found again by the next scan
      this.setMeta('readings', version);
    });
    this.#columns.clearCache();
    return true;
  }

  /**
   * Stores a part of the folder's rendering. The images at these paths get other pixels by it: what was computed from their pixels is discarded, and a scan reads them
   * again, also after a cancel or a crash.
   */
  putRendering(part: { levels: object } | { plane: object }, paths: readonly string[]): void {
    this.write((revision) => {
      const ids = this.samplesAt(paths).map(({ id }) => id);
      for (const id of ids)
        this.#db.run('UPDATE samples SET modified_ms = -1, revision = ? WHERE id = ?', revision, id);
      if (ids.length) {
        this.#columns.clear(ids, revision);
        this.#db.run('DELETE FROM verdicts'); // comparisons of images, found again by the next scan
      }
      for (const [key, value] of Object.entries(part)) this.setMeta(key, JSON.stringify(value));
    });
  }

  /** The images whose pixels this version may read differently from an earlier one: 8-bit colours are read as before. */
  hashesOfChangedPixels(): string[] {
    return this.#db
      .all<{ sha256: string }>("SELECT DISTINCT sha256 FROM samples WHERE format NOT IN ('jpeg', 'webp')")
      .map(({ sha256 }) => sha256);
  }

  #writing: number | null = null;

  /** Runs `work` in a transaction with a new revision, which becomes visible after the commit. A nested write joins the outer one. */
  write<Result>(work: (revision: number) => Result): Result {
    if (this.#writing !== null) return work(this.#writing);
    const revision = this.#revision + 1;
    this.#writing = revision;
    try {
      const result = this.#db.transaction(() => {
        const out = work(revision);
        this.#columns.updateCounts();
        this.setMeta('revision', String(revision));
        return out;
      });
      this.#revision = revision;
      return result;
    } catch (error) {
      this.#columns.clearCache();
      throw error;
    } finally {
      this.#writing = null;
    }
  }

  count(): { samples: number; issues: number } {
    return this.#db.get(
      'SELECT (SELECT count(*) FROM samples WHERE gone = 0) AS samples, (SELECT count(*) FROM issues) AS issues',
    ) as { samples: number; issues: number };
  }

  samples = (): Sample[] => this.#samplesWith('TRUE');

  #samplesWith(condition: string): Sample[] {
    return this.#db.map<SampleRow, Sample>(
      `SELECT ${sampleFields} FROM samples WHERE gone = 0 AND ${condition} ORDER BY path`,
      toSample,
    );
  }

  sample = (id: number): Sample | null => {
    const row = this.#db.get<SampleRow>(`SELECT ${sampleFields} FROM samples WHERE id = ? AND gone = 0`, id);
    return row ? toSample(row) : null;
  };

  /** The samples with this content hash, by path: a file and its exact copies. */
  copies(sha256: string): Sample[] {
    return this.#db
      .all<SampleRow>(`SELECT ${sampleFields} FROM samples WHERE sha256 = ? AND gone = 0 ORDER BY path`, sha256)
      .map(toSample);
  }

  changes(since: number, limit: number): Changes {
    const rows = this.#db.all<SampleRow>(
      `SELECT ${sampleFields} FROM samples WHERE revision > ? ORDER BY revision, id LIMIT ?`,
      since,
      limit + 1,
    );
    if (rows.length <= limit) return { revision: this.#revision, more: false, ...split(rows) };
    // Revisions are never divided between two responses.
    const last = rows[limit].revision;
    const whole = rows.filter((row) => row.revision < last);
    if (whole.length) return { revision: last - 1, more: true, ...split(whole) };
    return {
      revision: last,
      more: true,
      ...split(this.#db.all<SampleRow>(`SELECT ${sampleFields} FROM samples WHERE revision = ?`, last)),
    };
  }

  /** Size and time of every known file by path, readable or not. The scan skips files with unchanged size and time. */
  known(): Map<string, { bytes: number; modifiedMs: number }> {
    const rows = this.#db.all<{ path: string; bytes: number; modified_ms: number }>(
      'SELECT path, bytes, modified_ms FROM samples WHERE gone = 0 UNION ALL SELECT path, bytes, modified_ms FROM issues',
    );
    return new Map(rows.map((row) => [row.path, { bytes: row.bytes, modifiedMs: row.modified_ms }]));
  }

  /** Whether there is a sample or an issue with this path. */
  isKnown = (path: string): boolean =>
    this.#db.get(
      'SELECT 1 FROM samples WHERE path = ? AND gone = 0 UNION ALL SELECT 1 FROM issues WHERE path = ?',
      path,
      path,
    ) !== undefined;

  /** The samples at these paths, in no order. */
  samplesAt(paths: readonly string[]): Sample[] {
    return paths.flatMap((path) => {
      const row = this.#db.get<SampleRow>(`SELECT ${sampleFields} FROM samples WHERE path = ? AND gone = 0`, path);
      return row ? [toSample(row)] : [];
    });
  }

  putScanned(list: readonly Scanned[], issues: readonly (Issue & { bytes: number; modifiedMs: number })[]) {
    if (!list.length && !issues.length) return;
    this.write((revision) => {
      const changed: number[] = [];
      for (const s of list) {
        this.#db.run('DELETE FROM issues WHERE path = ?', s.path);
        const before = this.#db.get<{ id: number; sha256: string; gone: number }>(
          'SELECT id, sha256, gone FROM samples WHERE path = ?',
          s.path,
        );
        const place = this.places.of(s.path);
        if (before?.gone) this.#columns.markFound();
        if (before && before.sha256 !== s.sha256) changed.push(before.id);
        const id =
          before?.id ??
          this.#db.run(
            "INSERT INTO samples (path, bytes, modified_ms, width, height, format, frames, sha256, revision) VALUES (?, 0, 0, 0, 0, '', 0, '', 0)",
            s.path,
          ).id;
        this.#db.run(
          `UPDATE samples SET class = ?, split = ?, bytes = ?, modified_ms = ?, width = ?, height = ?, format = ?, frames = ?, sha256 = ?, notice = ?, value_kind = ?, value_low = ?, value_high = ?, gone = 0,
             revision = ?, measures = ?, fingerprint = ?
           WHERE id = ?`,
          place.class,
          place.split,
          s.bytes,
          s.modifiedMs,
          s.width,
          s.height,
          s.format,
          s.frames,
          s.sha256,
          s.notice ?? null,
          s.values?.kind ?? null,
          s.values?.low ?? null,
          s.values?.high ?? null,
          revision,
          this.#columns.putMeasures(id, s.measures),
          s.fingerprint,
          id,
        );
      }
      this.#shape++;
      if (list.length) this.#columns.setMeasuresRevision(revision);
      if (changed.length) this.#columns.clear(changed, revision);
      for (const issue of issues) {
        this.#markGone(issue.path, revision);
        this.#db.run(
          'INSERT OR REPLACE INTO issues (path, code, message, bytes, modified_ms) VALUES (?, ?, ?, ?, ?)',
          issue.path,
          issue.code,
          issue.message,
          issue.bytes,
          issue.modifiedMs,
        );
      }
    });
  }

  /** Gives all images the class and the split that their folders name. Returns whether any changed. */
  assignClasses(): boolean {
    const { changes, choice } = this.places.changes();
    const isOther = JSON.stringify(this.places.choice()) !== JSON.stringify(choice);
    if (!changes.length && !isOther) return false;
    this.#shape++;
    this.write((revision) => {
      for (const { id, place } of changes)
        this.#db.run(
          'UPDATE samples SET class = ?, split = ?, revision = ? WHERE id = ?',
          place.class,
          place.split,
          revision,
          id,
        );
      this.setMeta('classes', JSON.stringify(choice));
    });
    return true;
  }

  /** Records images that can no longer be read since the last scan. The next scan tries them again. */
  putIssues(issues: readonly Issue[]) {
    this.putScanned(
      [],
      issues.map((issue) => ({ ...issue, bytes: -1, modifiedMs: -1 })),
    );
  }

  /** Hides samples and issues that the last scan did not find. */
  markGone(paths: readonly string[]) {
    if (!paths.length) return;
    this.#shape++;
    this.write((revision) => {
      for (const path of paths) {
        this.#markGone(path, revision);
        this.#db.run('DELETE FROM issues WHERE path = ?', path);
      }
    });
  }

  #markGone(path: string, revision: number) {
    const sample = this.#db.get<{ id: number }>('SELECT id FROM samples WHERE path = ? AND gone = 0', path);
    if (!sample) return;
    this.#db.run('UPDATE samples SET gone = 1, revision = ? WHERE id = ?', revision, sample.id);
    this.#columns.markGone(sample.id);
  }

  /** The images of measurements, by path. */
  measured = () => this.#samplesWith('value_kind IS NOT NULL') as (Sample & { values: ValueRange })[];

  /** The images of which one of several planes or pages is shown. */
  stacks = (): Sample[] => this.samples().filter(isStack);

  issues(): Issue[] {
    return this.#db.all<Issue>('SELECT path, code, message FROM issues ORDER BY path');
  }

  /** The input of the duplicate search. */
  fingerprints(): Candidate[] {
    return this.#db.map<Candidate & { notice: string | null }, Candidate>(
      'SELECT id, sha256, width, height, frames, notice, fingerprint FROM samples WHERE gone = 0 AND fingerprint IS NOT NULL ORDER BY path',
      ({ notice, ...candidate }) => ({ ...candidate, isPartial: notice !== null }),
    );
  }

  /** Inside a write. */
  putMarks(id: number, { decision, reason, tags, label, note }: Marks, revision: number) {
    this.#db.run(
      'UPDATE samples SET decision = ?, reason = ?, tags = ?, label = ?, note = ?, revision = ? WHERE id = ?',
      decision,
      reason,
      tags.length ? JSON.stringify(tags) : null,
      label,
      note,
      revision,
      id,
    );
  }

  /** Also for a sample whose file is gone. */
  pathOf = (id: number): string | undefined =>
    this.#db.get<{ path: string }>('SELECT path FROM samples WHERE id = ?', id)?.path;

  /** Also for a sample whose file is gone. */
  marks(id: number): Marks | null {
    const row = this.#db.get<SampleRow>(`SELECT ${sampleFields} FROM samples WHERE id = ?`, id);
    return row ? marksOf(row) : null;
  }

  columns = (): Column[] => this.#columns.list();
  resolveColumn = (name: string) => this.#columns.resolve(name);
  /** By sample id. Throws WinnowError `no-column`. */
  values = (name: string): ColumnValues => this.#columns.values(name);

  /** One sample's value in each of these columns; null for no value. */
  valuesOf = (id: number, columns: readonly string[]): (number | null)[] => this.#columns.valuesOf(id, columns);

  /** Inside a write: permanently removes the columns of a run. */
  removeColumnsOf(runId: string) {
    this.#columns.remove(runId);
  }

  /** Sets the values of these samples in a column of a run; other samples keep theirs. Values that are not finite become NaN. */
  addToColumn(name: string, ids: readonly number[], values: ArrayLike<number>) {
    const finite = new Map(ids.map((id, i) => [id, Number.isFinite(values[i]) ? values[i] : NaN]));
    this.#shape++;
    this.write((revision) => this.#columns.set(name, finite, revision));
  }

  /** Writes or replaces a column. Values that are not finite become NaN. `categories`: the names, if the values are indices of names. */
  putColumn(
    name: string,
    title: string,
    runId: string | null,
    ids: readonly number[],
    values: ArrayLike<number>,
    categories: readonly string[] | null = null,
  ) {
    const data = new Float64Array(ids.reduce((most, id) => Math.max(most, id), 0) + 1).fill(NaN);
    ids.forEach((id, i) => Number.isFinite(values[i]) && (data[id] = values[i]));
    this.#shape++;
    this.write((revision) => this.#columns.put({ name, title, runId, categories, revision }, data));
  }
}

const split = (rows: readonly SampleRow[]) => ({
  samples: rows.filter((row) => !row.gone).map(toSample),
  removed: rows.filter((row) => row.gone).map((row) => row.id),
});
