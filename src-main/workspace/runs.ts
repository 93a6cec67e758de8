/** The trainings of a workspace, each kept with its settings, curves and report. A run that was cut off can be resumed from its checkpoint. */
import { join } from 'node:path';
import { ComputeError } from '../compute/child.ts';
import type { ComputeErrorCode } from '../compute/protocol.ts';
import type { Trained } from '../compute/train/trained.ts';
import { explain, WinnowError, type ErrorCode } from '../contract/errors.ts';
import type { Run } from '../contract/types.ts';
import type { JobContext } from '../jobs/context.ts';
import type { Database } from './database.ts';
import type { Report } from './jobs.ts';
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
   * The newest unfinished run with this fingerprint (settings and images), which a new one can go on with; of those that failed, one that has a checkpoint.
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

/** What the compute process failed by, in the contract's words; anything else as it is. */
export const inWords = (error: unknown): unknown =>
  error instanceof ComputeError ? new WinnowError(codes[error.code], error.message) : error;
const codes: Record<ComputeErrorCode, ErrorCode> = {
  cancelled: 'cancelled',
  'out-of-memory': 'out-of-memory',
  'bad-parameters': 'bad-request',
  'disk-full': 'disk-full',
  lost: 'compute-lost',
  failed: 'compute-failed',
};

export type PutRun = (change: Partial<Run> | ((run: Run) => Partial<Run>)) => void;

/** The run with a sentence more; each stands there once. */
export const noted =
  (sentence: string) =>
  ({ notes }: Run): Pick<Run, 'notes'> => ({ notes: [...new Set([...notes, sentence])] });

/** Keeps a run while `work` makes it, told at each change. The work says when it is done; what it throws stands in the run, and is thrown in the contract's words. */
export async function keepRun(
  { runs, publishRun }: Pick<JobContext, 'runs' | 'publishRun'>,
  fingerprint: string,
  begun: Run,
  report: Report,
  work: (put: PutRun, run: () => Run) => Promise<void>,
): Promise<Run> {
  let run = begun;
  const put: PutRun = (change) => {
    run = { ...run, ...(typeof change === 'function' ? change(run) : change) };
    runs.put(run, fingerprint);
    publishRun(run);
  };
  put({});
  report.run(run.id);
  try {
    await work(put, () => run);
    return run;
  } catch (cause) {
    const error = inWords(cause);
    const { code, message } = explain(error);
    const isClosed = (report.signal.reason as WinnowError | undefined)?.code === 'engine-gone';
    const state = isClosed
      ? 'interrupted'
      : report.signal.aborted || code === 'cancelled'
        ? 'cancelled'
        : cutOff.includes(code)
          ? 'interrupted'
          : 'failed';
    try {
      put({ state, report: { ...run.report, error: message } });
    } catch {
      publishRun(run); // the workspace cannot be written to either: that is what `error` says
    }
    throw error;
  }
}

/** The run itself is sound: what was around it gave way. */
const cutOff: readonly ErrorCode[] = ['compute-lost', 'disk-full'];

/** What is told of finished trainings: sums of time, means of rates, the most of memory. */
export function trainedFacts(
  results: readonly (Trained & { penalty?: number })[],
): Pick<Run, 'seconds' | 'imagesPerSecond' | 'peakMemoryMiB' | 'backend' | 'device' | 'epochs' | 'report'> {
  const [first] = results;
  const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const { waiting, batch, memory, backend } = first;
  return {
    seconds: results.reduce((sum, { seconds }) => sum + seconds, 0),
    imagesPerSecond: mean(results.map(({ imagesPerSecond }) => imagesPerSecond)),
    peakMemoryMiB: largestOf(results.map(({ peakMemoryMiB }) => peakMemoryMiB)),
    backend: backend.backend,
    device: `${backend.device}, ${backend.version}`,
    epochs: largestOf(results.map(({ epochsRun }) => epochsRun)),
    report: {
      bestEpoch: first.bestEpoch,
      stopped: first.stopped,
      resumedFrom: first.resumedFrom,
      weights: first.parameters,
      ...(waiting !== undefined && { waiting: mean(results.map((result) => result.waiting ?? 0)) }),
      ...(batch && { batch }),
      ...(first.penalty !== undefined && { penalty: first.penalty }),
      ...(memory && { estimatedMiB: memory.totalMiB }),
      ...(backend.warning ? { warning: backend.warning } : {}),
    },
  };
}
