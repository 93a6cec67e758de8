/**
 * Makes a run, whatever its kind: finds the unfinished run that is resumed, prepares the folder, records every change, and ends the run as done, cancelled,
 * interrupted or failed. The kinds of runs only say what they are and do their work.
 */
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { checkpointFile, hasCheckpoint, trainingFolder } from '../compute/run-files.ts';
import { removeParts } from '../compute/tensor-file.ts';
import { explain, type ErrorCode, type WinnowError } from '../contract/errors.ts';
import type { Run } from '../contract/types.ts';
import type { Report } from '../workspace/report.ts';
import { emptyRun, inWords, runFolder } from '../workspace/runs.ts';
import type { JobContext } from './context.ts';

/** What a run is before it begins. Its id is `<name>-<number>`. */
export type RunSpec = Pick<Run, 'kind' | 'method' | 'seed' | 'parameters'> &
  Partial<Pick<Run, 'trainOn' | 'trained' | 'classification' | 'rangeTest'>> & {
    name: string;
    /** The run's main column without its id, as `error`; null: it writes none. */
    mainColumn: string | null;
    /** Hash of everything that the result follows from: an unfinished run with the same one can be resumed. null: it is always a new run. */
    fingerprint: string | null;
    resume: boolean;
  };

export type RunChange = Partial<Run> | ((run: Run) => Partial<Run>);

/** A run that is being made. */
export interface ActiveRun {
  readonly id: string;
  /** As it is now. */
  readonly record: Run;
  /** Stores the change and tells the doors. */
  update(change: RunChange): void;
  /** Adds a sentence to its notes, once. */
  note(sentence: string): void;
  /** Prepares the folder of one training of `count`, and says whether it continues from its checkpoint. */
  openTraining(index?: number, count?: number): { folder: string; resume: boolean };
}

/** What the work ends with. `write` is called in the transaction that marks the run as done. */
export interface RunOutcome {
  facts: Partial<Run>;
  write?(): void;
}

/** Returns the finished run. What the work throws is recorded in the run and thrown as a WinnowError. */
export async function makeRun(
  { runs, table, workspaceFolder, publishRun }: JobContext,
  { name, mainColumn, fingerprint, resume, ...spec }: RunSpec,
  report: Report,
  work: (run: ActiveRun) => Promise<RunOutcome>,
): Promise<Run> {
  const earlier =
    resume && fingerprint !== null
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
    note: (sentence) => update(({ notes }) => ({ notes: [...new Set([...notes, sentence])] })),
    openTraining(index = 0, count = 1) {
      const own = trainingFolder(folder, count, index);
      mkdirSync(own, { recursive: true });
      removeParts(own);
      trainings.add(own);
      // A training that has ended has its last checkpoint still, and is only evaluated again; one that never began has none.
      return { folder: own, resume: earlier !== null && (index === 0 || existsSync(checkpointFile(own))) };
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
    for (const own of trainings) rmSync(checkpointFile(own), { force: true }); // nothing is left to resume
    runs.measure(id);
    return record;
  } catch (cause) {
    const error = inWords(cause);
    const { code, message } = explain(error);
    try {
      update({ state: stateAfter(code, report.signal), report: { ...record.report, error: message } });
      runs.measure(id);
    } catch {
      publishRun(record); // the workspace cannot be written to either: that is what `error` says
    }
    throw error;
  }
}

function stateAfter(code: ErrorCode, signal: AbortSignal): Run['state'] {
  if ((signal.reason as WinnowError | undefined)?.code === 'engine-gone') return 'interrupted';
  if (signal.aborted || code === 'cancelled') return 'cancelled';
  return fromOutside.includes(code) ? 'interrupted' : 'failed';
}

/** Errors of what is around a run: the run itself can be resumed. */
const fromOutside: readonly ErrorCode[] = ['compute-lost', 'disk-full'];
