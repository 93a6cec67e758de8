/**
 * Executes a run of any kind: finds the unfinished run to resume, prepares the folder, stores every change, and ends the run as done, cancelled,
 * interrupted or failed. Each kind of run only supplies its specification and its work.
 */
import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { checkpointFile, hasCheckpoint, trainingFolder } from '../compute/run-files.ts';
import { removeParts } from '../compute/tensor-file.ts';
import { explain, type ErrorCode, type WinnowError } from '../contract/errors.ts';
import type { Run } from '../contract/types.ts';
import type { Report } from '../workspace/report.ts';
import { emptyRun, toWinnowError, runFolder } from '../workspace/runs.ts';
import type { JobContext } from './context.ts';

/** Specification of a run. Its id is `<name>-<number>`. */
export type RunSpec = Pick<Run, 'kind' | 'method' | 'seed' | 'parameters'> &
  Partial<
    Pick<Run, 'trainOn' | 'trainOnBy' | 'trainTags' | 'origin' | 'trained' | 'classification' | 'rangeTest' | 'search'>
  > & {
    name: string;
    /** The main column without the run's id, for example `error`; null if it writes none. */
    mainColumn: string | null;
    /** Hash of everything that determines the result: an unfinished run with the same hash can be resumed. null: always a new run. */
    fingerprint: string | null;
    resume: boolean;
    /** The id of a run that continues, whatever its state is. */
    continues?: string | null;
  };

export type RunChange = Partial<Run> | ((run: Run) => Partial<Run>);

/** A run in progress. */
export interface ActiveRun {
  readonly id: string;
  /** Its current state. */
  readonly record: Run;
  /** Stores and publishes the change. */
  update(change: RunChange): void;
  /** Adds a message to its notes, once. */
  note(message: string): void;
  /**
   * Prepares the folder of one training of `count`; `resume` is whether it continues from its checkpoint. `checkpoint`: of the same training elsewhere, which is copied if it has
   * none of its own.
   */
  openTraining(of?: { index?: number; count?: number; checkpoint?: string | null }): {
    folder: string;
    resume: boolean;
  };
}

/** Result of the work. `write` is called in the transaction that marks the run as done. */
export interface RunOutcome {
  facts: Partial<Run>;
  write?(): void;
}

/** Returns the finished run. What the work throws is recorded in the run and thrown as a WinnowError. */
export async function makeRun(
  { runs, table, workspaceFolder, publishRun }: JobContext,
  { name, mainColumn, fingerprint, resume, continues = null, ...spec }: RunSpec,
  report: Report,
  work: (run: ActiveRun) => Promise<RunOutcome>,
): Promise<Run> {
  const earlier =
    continues !== null
      ? runs.get(continues)
      : resume && fingerprint !== null
        ? runs.resumable(fingerprint, ({ id }) => hasCheckpoint(runFolder(workspaceFolder, id)))
        : null;
  const id = earlier?.id ?? runs.nextId(name);
  const folder = runFolder(workspaceFolder, id);
  if (!earlier) rmSync(folder, { recursive: true, force: true });
  let record: Run = {
    ...emptyRun,
    id,
    trained: 0,
    column: mainColumn === null ? '' : `${id}.${mainColumn}`,
    createdAt: Date.now(),
    ...spec,
    ...earlier,
    state: 'running',
    report: {},
  };
  const update = (change: RunChange): void => {
    record = { ...record, ...(typeof change === 'function' ? change(record) : change) };
    runs.put(record, fingerprint ?? '');
    publishRun(record);
  };
  const trainings = new Set<string>();
  const active: ActiveRun = {
    id,
    get record() {
      return record;
    },
    update,
    note: (message) => update(({ notes }) => ({ notes: [...new Set([...notes, message])] })),
    openTraining({ index = 0, count = 1, checkpoint = null } = {}) {
      const trainingPath = trainingFolder(folder, count, index);
      mkdirSync(trainingPath, { recursive: true });
      removeParts(trainingPath);
      trainings.add(trainingPath);
      const own = checkpointFile(trainingPath);
      if (checkpoint !== null && !existsSync(own)) {
        copyFileSync(checkpoint, own);
        return { folder: trainingPath, resume: true };
      }
      // A finished training still has its last checkpoint and is only evaluated again; one that never started has none.
      return {
        folder: trainingPath,
        resume: earlier !== null && (index === 0 || existsSync(own)),
      };
    },
  };
  update({});
  report.run(id);
  try {
    const { facts, write } = await work(active);
    table.write(() => {
      write?.();
      update({ ...facts, state: 'done' });
    });
    for (const trainingPath of trainings) rmSync(checkpointFile(trainingPath), { force: true }); // nothing is left to resume
    runs.measure(id);
    return record;
  } catch (cause) {
    const error = toWinnowError(cause);
    const { code, message } = explain(error);
    try {
      update({ state: stateAfter(code, report.signal), report: { ...record.report, error: message } });
      runs.measure(id);
    } catch {
      publishRun(record); // the workspace cannot be written either, as `error` reports
    }
    throw error;
  }
}

function stateAfter(code: ErrorCode, signal: AbortSignal): Run['state'] {
  if ((signal.reason as WinnowError | undefined)?.code === 'engine-gone') return 'interrupted';
  if (signal.aborted || code === 'cancelled') return 'cancelled';
  return fromOutside.includes(code) ? 'interrupted' : 'failed';
}

/** Errors with an external cause: the run can be resumed. */
const fromOutside: readonly ErrorCode[] = ['compute-lost', 'disk-full', 'job-running'];
