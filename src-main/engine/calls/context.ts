/** The parts of an open workspace that its calls use. */
import type { Edited, Job, WorkspaceEvent } from '../../contract/types.ts';
import type { JobContext } from '../../jobs/context.ts';
import type { JobType } from '../../jobs/job-type.ts';
import type { Imports } from '../../workspace/import.ts';
import type { Jobs } from '../../jobs/queue.ts';
import type { Action, Edit } from '../../workspace/journal.ts';
import type { Previews } from '../../jobs/preview.ts';
import type { Watching } from '../../jobs/watch.ts';

export interface CallContext extends JobContext {
  readonly id: string;
  /** Identifies the workspace permanently, also after it was moved. */
  readonly key: string;
  readonly jobs: Jobs;
  readonly previews: Previews;
  readonly imports: Imports;
  readonly watching: Watching;
  /** Queues a job. */
  start<Request>(type: JobType<Request>, request: Request): Job;
  /** Writes a journal entry and notifies the clients. `title` receives the ids of the changed samples. */
  edit(action: Action, edit: Edit, title: (changed: readonly number[]) => string): Edited;
  /** Notifies the clients after a change of the journal. */
  edited(step: { changed: number; title: string }): Edited;
  events(signal: AbortSignal): AsyncGenerator<WorkspaceEvent>;
}
