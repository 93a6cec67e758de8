/**
 * The interface behind which trials run. A task is a plain record: it can be sent to another process or another machine. Today one executor exists (`local-executor.ts`): the
 * compute process of this machine, and further ones like it. Another one could put tasks into a queue.
 */
import type { SearchSubject } from '../../contract/search-schemas.ts';

export interface TrialTask {
  /** `<search>/<number>`. */
  id: string;
  subject: SearchSubject;
  /** All parameters of the training, checked. */
  parameters: Record<string, unknown>;
  seed: number;
  /** Hash of the images, classes and splits: the executor refuses other data. */
  dataHash: string;
  /** Cross-validation of the subject with so many folds, of which this is one; null: the subject's own split. */
  fold: { of: number; index: number } | null;
  objective: string;
  /** Continue from the checkpoint of an earlier attempt, if there is one. */
  resume: boolean;
}

/** The objective with its 95 % interval; null where it is unknown. */
export interface TrialResult {
  value: number | null;
  low: number | null;
  high: number | null;
  /** Why there is no value. */
  reason: string | null;
  epochs: number | null;
}

export interface TrialOptions {
  /** Interrupts the trial. Its checkpoint stays, and it has no result. */
  signal: AbortSignal;
  /** Ends the trial early: its result is the best one so far. */
  stop: AbortSignal;
  /** Called after each epoch with the objective after each of them; empty if the objective is known only at the end. */
  onEpoch(curve: readonly (number | null)[], allEpochs: number): void;
}

export interface Executor {
  /** How many trials can run at once. */
  readonly slots: number;
  /** Throws WinnowError: `cancelled` after an abort, `disk-full`, `compute-lost`; what else it throws says that these parameters do not work. */
  run(task: TrialTask, options: TrialOptions): Promise<TrialResult>;
  /** The size of a trial's files. */
  bytesOf(id: string): number;
  removeFiles(id: string): void;
  close(): Promise<void>;
}
