/** What the implementations of a workspace's calls use of it. */
import type { Edited, Job, WorkspaceEvent } from '../../contract/types.ts';
import type { JobContext } from '../../jobs/context.ts';
import type { JobType } from '../../jobs/job-type.ts';
import type { Imports } from '../../workspace/import.ts';
import type { Jobs } from '../../jobs/queue.ts';
import type { Action, Edit } from '../../workspace/journal.ts';
import type { Previews } from '../../jobs/preview.ts';

export interface CallContext extends JobContext {
  readonly id: string;
  /** The workspace's own, wherever it lies. */
  readonly key: string;
  readonly jobs: Jobs;
  readonly previews: Previews;
  readonly imports: Imports;
  /** Queues a job. */
  start<Request>(type: JobType<Request>, request: Request): Job;
  /** Writes a journal entry and tells the doors; `title` is given the ids of the samples that change. */
  edit(action: Action, edit: Edit, title: (changed: readonly number[]) => string): Edited;
  /** Tells the doors what the journal has just done. */
  edited(done: { changed: number; title: string }): Edited;
  events(signal: AbortSignal): AsyncGenerator<WorkspaceEvent>;
}
