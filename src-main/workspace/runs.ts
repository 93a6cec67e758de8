/**
 * The runs of a workspace. The list has a summary of each run; its record, with settings, curves and results, is read when the run is viewed. An
 * interrupted run can be resumed from its checkpoint. Archiving and deleting are settings in the journal, so that they can be undone. A deleted run
 * is not listed, and its id is not used again.
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ComputeError } from '../compute/child.ts';
import type { ComputeErrorCode } from '../compute/protocol.ts';
import { WinnowError, type ErrorCode } from '../contract/errors.ts';
import { largestOf } from '../contract/numbers.ts';
import type { RuleChoice } from '../contract/threshold.ts';
import type { Run, RunSummary } from '../contract/types.ts';
import type { Database } from './database.ts';
import { keptRule, runVisibility, type RunDescription, runDescription } from './settings.ts';

export const runsFolder = (workspaceFolder: string) => join(workspaceFolder, 'runs');
export const runFolder = (workspaceFolder: string, runId: string) => join(runsFolder(workspaceFolder), runId);

type StoredSummary = Omit<RunSummary, 'bytes' | 'archived' | 'rule' | 'version' | keyof RunDescription>;
interface Row {
  id: string;
  summary: string;
  bytes: number | null;
  version: number;
  visibility: string | null;
  rule: string | null;
  description: string | null;
}
const fields = `id, summary, bytes, version, ${runVisibility('id')} AS visibility, ${keptRule('id')} AS rule, ${runDescription('id')} AS description`;

export class Runs {
  #db: Database;
  #workspaceFolder: string;

  constructor(db: Database, workspaceFolder: string) {
    this.#db = db;
    this.#workspaceFolder = workspaceFolder;
    // Earlier versions stored no summaries. A run that is 'running' when a workspace is opened was interrupted by the end of its process.
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
      .filter(({ visibility }) => visibility !== 'deleted')
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

  /** The records of these runs, in this order, without those that do not exist or are deleted. */
  records(ids: readonly string[]): Run[] {
    const found = this.#db.all<{ id: string; record: string }>(
      `SELECT run_id AS id, record FROM run_records WHERE run_id IN (SELECT value FROM json_each(?)) AND ${runVisibility('run_id')} IS NOT 'deleted'`,
      JSON.stringify(ids),
    );
    const byId = new Map(found.map((row) => [row.id, row]));
    return ids.flatMap((id) => {
      const row = byId.get(id);
      return row ? [runOf(row)] : [];
    });
  }

  /** The summary of a run in progress, whose latest state may not be stored yet. */
  summaryOf(run: Run): RunSummary {
    const row = this.#db.get<Row>(`SELECT ${fields} FROM runs WHERE id = ?`, run.id);
    return {
      ...toStoredSummary(run),
      bytes: row?.bytes ?? null,
      archived: row?.visibility === 'archived',
      rule: ruleOf(row?.rule ?? null),
      ...descriptionOf(row?.description ?? null),
      version: row?.version ?? 0,
    };
  }

  /** `conv-ae-1`, `conv-ae-2`. Ids of deleted runs are not used again. */
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
   * The newest unfinished run with this fingerprint (settings and images), which a new run can resume. A failed run needs a checkpoint. A run that is
   * still 'running' counts as unfinished, since jobs run one at a time: its end could not be written. Archived and deleted runs are not resumed.
   */
  resumable(fingerprint: string, hasCheckpoint: (run: Run) => boolean): Run | null {
    const rows = this.#db.all<{ record: string }>(
      `SELECT record FROM runs JOIN run_records ON run_id = id
       WHERE fingerprint = ? AND state <> 'done' AND ${runVisibility('id')} IS NULL ORDER BY created_at DESC, runs.rowid DESC`,
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
        JSON.stringify(toStoredSummary(run)),
      );
      this.#db.run(
        'INSERT INTO run_records (run_id, record) VALUES (?, ?) ON CONFLICT (run_id) DO UPDATE SET record = excluded.record',
        run.id,
        JSON.stringify(run),
      );
    });
  }

  /** Stores the size of a run's folder. Call this when the run has ended, and when its files have changed later. */
  measure(id: string) {
    this.#db.run('UPDATE runs SET bytes = ? WHERE id = ?', bytesIn(runFolder(this.#workspaceFolder, id)), id);
  }

  /** Ids of deleted runs that are still on disk. */
  deleted(): string[] {
    return this.#db
      .all<{ id: string }>(`SELECT id FROM runs WHERE ${runVisibility('id')} IS 'deleted'`)
      .map(({ id }) => id);
  }

  /** Ids of deleted runs that were permanently removed. */
  purged(): string[] {
    return this.#db
      .all<{ id: string }>(
        `SELECT id FROM (SELECT substr(key, 5) AS id FROM settings WHERE key LIKE 'run:%')
         WHERE ${runVisibility('id')} IS 'deleted' AND id NOT IN (SELECT id FROM runs)`,
      )
      .map(({ id }) => id);
  }

  /** Inside a write: permanently removes a run. Its setting stays, so that its id is not used again. */
  remove(id: string) {
    this.#db.run('DELETE FROM runs WHERE id = ?', id);
  }

  #row(id: string): Row {
    const row = this.#db.get<Row>(`SELECT ${fields} FROM runs WHERE id = ?`, id);
    if (!row) throw new WinnowError('no-run', `There is no run ‘${id}’.`);
    if (row.visibility === 'deleted') throw new WinnowError('no-run', `The run ‘${id}’ was deleted.`);
    return row;
  }
}

const ruleOf = (json: string | null) => (json === null ? null : (JSON.parse(json) as RuleChoice));

const noDescription: RunDescription = { title: null, note: null, pinned: false };
const descriptionOf = (json: string | null): RunDescription =>
  json === null ? noDescription : { ...noDescription, ...(JSON.parse(json) as Partial<RunDescription>) };

const summaryOf = ({ summary, bytes, version, visibility, rule, description }: Row): RunSummary => ({
  ...(JSON.parse(summary) as StoredSummary),
  bytes,
  archived: visibility === 'archived',
  rule: ruleOf(rule),
  ...descriptionOf(description),
  version,
});

/** The size of all files in a folder; 0 if it does not exist. */
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

function toStoredSummary(run: Run): StoredSummary {
  const { id, kind, method, state, seed, trainOn, trained, column, createdAt, seconds, epochs } = run;
  return {
    ...{ id, kind, method, state, seed, trainOn, trained, column, createdAt, seconds, epochs },
    parent: run.parent ?? null,
    headline: headlineOf(run),
    epoch: run.history.at(-1)?.epoch ?? null,
    dividedBy: run.classification?.by ?? null,
  };
}

function headlineOf({ classification, rangeTest, search }: Run): RunSummary['headline'] {
  const accuracy = classification?.evaluation?.accuracy.value;
  if (accuracy !== undefined) return { name: 'accuracy', value: accuracy };
  if (search?.best != null && search.bestValue !== null) return { name: 'best', value: search.bestValue };
  return rangeTest?.suggested ? { name: 'rate', value: rangeTest.suggested } : null;
}

/** The result fields of a run that has no results yet. */
export const emptyRun = {
  trainOn: null,
  origin: null,
  trainOnBy: 'given',
  trainTags: { added: [], leftOut: [] },
  seconds: null,
  imagesPerSecond: null,
  peakMemoryMiB: null,
  backend: null,
  device: null,
  history: [],
  epochs: null,
  normals: [],
  report: {},
  notes: [],
  classification: null,
  rangeTest: null,
  search: null,
} satisfies Partial<Run>;

/** Records of earlier versions lack fields that were added later. */
export const runOf = ({ record }: { record: string }): Run =>
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
