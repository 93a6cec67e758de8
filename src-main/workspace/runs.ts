/** The trainings of a workspace, each kept with its settings, curves and report. A run that was cut off can be resumed from its checkpoint. */
import { join } from 'node:path';
import { ComputeError } from '../compute/child.ts';
import type { ComputeErrorCode } from '../compute/protocol.ts';
import { WinnowError, type ErrorCode } from '../contract/errors.ts';
import type { Run } from '../contract/types.ts';
import type { Database } from './database.ts';
import { largestOf } from '../contract/numbers.ts';

export const runFolder = (workspaceFolder: string, runId: string) => join(workspaceFolder, 'runs', runId);

export class Runs {
  #db: Database;

  constructor(db: Database) {
    this.#db = db;
    // Whatever says 'running' when a workspace is opened was cut off with its process.
    for (const run of this.list()) if (run.state === 'running') this.put({ ...run, state: 'interrupted' });
  }

  list(): Run[] {
    return this.#db.all<{ record: string }>('SELECT record FROM runs ORDER BY created_at DESC, rowid DESC').map(runOf);
  }

  get(id: string): Run {
    const row = this.#db.get<{ record: string }>('SELECT record FROM runs WHERE id = ?', id);
    if (!row) throw new WinnowError('no-run', `There is no run ‘${id}’.`);
    return runOf(row);
  }

  /** Ids read well and never return: `conv-ae-1`, `conv-ae-2`. */
  nextId(method: string): string {
    const numbers = this.#db
      .all<{ id: string }>('SELECT id FROM runs WHERE id LIKE ?', `${method}-%`)
      .map(({ id }) => Number(id.slice(method.length + 1)) || 0);
    return `${method}-${largestOf(numbers, 0) + 1}`;
  }

  /**
   * The newest unfinished run with this fingerprint (settings and images), which a new run can resume; of those that failed, one that has a checkpoint.
   * Jobs take turns: a run that still says 'running' when the next one begins is one whose end could not be written.
   */
  resumable(fingerprint: string, hasCheckpoint: (run: Run) => boolean): Run | null {
    const rows = this.#db.all<{ record: string }>(
      "SELECT record FROM runs WHERE fingerprint = ? AND state <> 'done' ORDER BY created_at DESC, rowid DESC",
      fingerprint,
    );
    return rows.map(runOf).find((run) => run.state !== 'failed' || hasCheckpoint(run)) ?? null;
  }

  put(run: Run, fingerprint?: string) {
    this.#db.run(
      `INSERT INTO runs (id, created_at, state, fingerprint, record) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET state = excluded.state, record = excluded.record`,
      run.id,
      run.createdAt,
      run.state,
      fingerprint ?? '',
      JSON.stringify(run),
    );
  }
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
