/** The parts of an open folder that jobs use. */
import type { Compute } from '../compute/child.ts';
import type { Trial } from '../contract/search.ts';
import type { Run } from '../contract/types.ts';
import type { RowStore } from '../rows/row-store.ts';
import type { Groups } from '../workspace/groups.ts';
import type { Journal } from '../workspace/journal.ts';
import type { Quality } from '../workspace/quality.ts';
import type { Runs } from '../workspace/runs.ts';
import type { Settings } from '../workspace/settings.ts';
import type { Table } from '../workspace/table.ts';
import type { Trials } from '../workspace/trials.ts';
import type { RunningSearches } from './search/running.ts';

export interface JobContext {
  readonly folder: string;
  readonly workspaceFolder: string;
  readonly compute: Compute;
  readonly table: Table;
  readonly rows: RowStore;
  readonly settings: Settings;
  readonly journal: Journal;
  readonly groups: Groups;
  readonly quality: Quality;
  readonly runs: Runs;
  readonly trials: Trials;
  /** The searches whose jobs run now. */
  readonly searches: RunningSearches;
  /** Publishes a changed run to the clients. */
  publishRun(run: Run): void;
  publishTrial(search: string, trial: Trial): void;
}
