/**
 * The runs of a workspace. The list has a summary of each; settings, curves and results are a record that is read when a run is looked at. A run
 * that was cut off can be resumed from its checkpoint. A person's archiving and deleting of runs are settings, so that they can be undone; a deleted run
 * is not listed, and no new run gets its id.
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ComputeError } from '../compute/child.ts';
import type { ComputeErrorCode } from '../compute/protocol.ts';
import { WinnowError, type ErrorCode } from '../contract/errors.ts';
import { largestOf } from '../contract/numbers.ts';
import type { Run, RunSummary } from '../contract/types.ts';
import type { Database } from './database.ts';
import { runPlace } from './settings.ts';

export const runFolder = (workspaceFolder: string, runId: string) => join(workspaceFolder, 'runs', runId);

type Facts = Omit<RunSummary, 'bytes' | 'archived' | 'version'>;
interface Row {
  id: string;
  summary: string;
  bytes: number | null;
  version: number;
  place: string | null;
}
const fields = `id, summary, bytes, version, ${runPlace('id')} AS place`;

export class Runs {
  #db: Database;
  #workspaceFolder: string;

  constructor(db: Database, workspaceFolder: string) {
    this.#db = db;
    this.#workspaceFolder = workspaceFolder;
    // Workspaces of earlier versions have no summaries. Whatever is 'running' when a workspace is opened was cut off with its process.
    const records = db.all<{ record: string }>(
      "SELECT record FROM runs JOIN run_records ON run_id = id WHERE summary IS NULL OR state = 'running'",
    );
    db.transaction(() => {
      for (const run of records.map(runOf)) this.put(run.state === 'running' ? { ...run, state: 'interrupted' } : run);
      for (const { id } of db.all<{ id: string }>('SELECT id FROM runs WHERE bytes IS NULL')) this.measure(id);
    });
  }

  /** The newest first. */
  list(): RunSummary[] {
    return this.#db
      .all<Row>(`SELECT ${fields} FROM runs ORDER BY created_at DESC, rowid DESC`)
      .filter(({ place }) => place !== 'deleted')
      .map(summaryOf);
  }

  /** Throws WinnowError `no-run`, as `get` does. */
  summary(id: string): RunSummary {
    return summaryOf(this.#row(id));
  }

  get(id: string): Run {
    this.#row(id);
    return runOf(
      this.#db.get<{ record: string }>('SELECT record FROM run_records WHERE run_id = ?', id) as { record: string },
    );
  }

  /** The summary of a run as it is being made, whether or not it could be stored. */
  summaryOf(run: Run): RunSummary {
    const row = this.#db.get<Row>(`SELECT ${fields} FROM runs WHERE id = ?`, run.id);
    return {
      ...factsOf(run),
      bytes: row?.bytes ?? null,
      archived: row?.place === 'archived',
      version: row?.version ?? 0,
    };
  }

  /** Ids read well and never return: `conv-ae-1`, `conv-ae-2`. */
  nextId(method: string): string {
    const numbers = this.#db
      .all<{ id: string }>(
        "SELECT id FROM (SELECT id FROM runs UNION SELECT substr(key, 5) FROM settings WHERE key LIKE 'run:%') WHERE id LIKE ?",
        `${method}-%`,
      )
      .map(({ id }) => Number(id.slice(method.length + 1)) || 0);
    return `${method}-${largestOf(numbers, 0) + 1}`;
  }

  /**
   * The newest unfinished run with this fingerprint (settings and images), which a new run can resume; of those that failed, one that has a checkpoint.
   * Jobs take turns: a run that is still 'running' when the next one begins is one whose end could not be written. What was archived or deleted is left alone.
   */
  resumable(fingerprint: string, hasCheckpoint: (run: Run) => boolean): Run | null {
    const rows = this.#db.all<{ record: string }>(
      `SELECT record FROM runs JOIN run_records ON run_id = id
       WHERE fingerprint = ? AND state <> 'done' AND ${runPlace('id')} IS NULL ORDER BY created_at DESC, runs.rowid DESC`,
      fingerprint,
    );
    return rows.map(runOf).find((run) => run.state !== 'failed' || hasCheckpoint(run)) ?? null;
  }

  put(run: Run, fingerprint?: string) {
    this.#db.transaction(() => {
      this.#db.run(
        `INSERT INTO runs (id, created_at, state, fingerprint, summary, version) VALUES (?, ?, ?, ?, ?, 1)
         ON CONFLICT (id) DO UPDATE SET state = excluded.state, summary = excluded.summary, bytes = NULL, version = version + 1`,
        run.id,
        run.createdAt,
        run.state,
        fingerprint ?? '',
        JSON.stringify(factsOf(run)),
      );
      this.#db.run(
        'INSERT INTO run_records (run_id, record) VALUES (?, ?) ON CONFLICT (run_id) DO UPDATE SET record = excluded.record',
        run.id,
        JSON.stringify(run),
      );
    });
  }

  /** Stores the size of a run's folder: of a run that has ended. */
  measure(id: string) {
    this.#db.run('UPDATE runs SET bytes = ? WHERE id = ?', bytesIn(runFolder(this.#workspaceFolder, id)), id);
  }

  /** Ids of the deleted runs that are still on the disk. */
  deleted(): string[] {
    return this.#db.all<{ id: string }>(`SELECT id FROM runs WHERE ${runPlace('id')} IS 'deleted'`).map(({ id }) => id);
  }

  /** Inside a write: removes a run for good. Its setting stays, so that its id does not return. */
  remove(id: string) {
    this.#db.run('DELETE FROM runs WHERE id = ?', id);
  }

  #row(id: string): Row {
    const row = this.#db.get<Row>(`SELECT ${fields} FROM runs WHERE id = ?`, id);
    if (!row) throw new WinnowError('no-run', `There is no run ‘${id}’.`);
    if (row.place === 'deleted') throw new WinnowError('no-run', `The run ‘${id}’ was deleted.`);
    return row;
  }
}

const summaryOf = ({ summary, bytes, version, place }: Row): RunSummary => ({
  ...(JSON.parse(summary) as Facts),
  bytes,
  archived: place === 'archived',
  version,
});

/** Of the files in a folder, which need not be there. */
export function bytesIn(folder: string): number {
  try {
    return readdirSync(folder, { withFileTypes: true, recursive: true }).reduce(
      (sum, file) => sum + (file.isFile() ? statSync(join(file.parentPath, file.name)).size : 0),
      0,
    );
  } catch {
    return 0;
  }
}

function factsOf(run: Run): Facts {
  const { id, kind, method, state, seed, trainOn, trained, column, createdAt, seconds, epochs } = run;
  return {
    ...{ id, kind, method, state, seed, trainOn, trained, column, createdAt, seconds, epochs },
    parent: run.parent ?? null,
    headline: headlineOf(run),
    epoch: run.history.at(-1)?.epoch ?? null,
    dividedBy: run.classification?.by ?? null,
  };
}

function headlineOf({ classification, rangeTest }: Run): RunSummary['headline'] {
  const accuracy = classification?.evaluation?.accuracy.value;
  if (accuracy !== undefined) return { name: 'accuracy', value: accuracy };
  return rangeTest?.suggested ? { name: 'rate', value: rangeTest.suggested } : null;
}

/** What a run has before anything has come of it. */
export const emptyRun = {
  trainOn: null,
  seconds: null,
  imagesPerSecond: null,
  peakMemoryMiB: null,
  backend: null,
  device: null,
  history: [],
  epochs: null,
  report: {},
  notes: [],
  classification: null,
  rangeTest: null,
} satisfies Partial<Run>;

/** Records from before something was kept have nothing of it. */
const runOf = ({ record }: { record: string }): Run =>
  ({ ...emptyRun, kind: 'rank', ...(JSON.parse(record) as Partial<Run>) }) as Run;

/** Converts an error of the compute process to a WinnowError; other errors stay unchanged. */
export const toWinnowError = (error: unknown): unknown =>
  error instanceof ComputeError ? new WinnowError(codes[error.code], error.message) : error;
const codes: Record<ComputeErrorCode, ErrorCode> = {
  cancelled: 'cancelled',
  'out-of-memory': 'out-of-memory',
  'bad-parameters': 'bad-request',
  'disk-full': 'disk-full',
  lost: 'compute-lost',
  failed: 'compute-failed',
};
