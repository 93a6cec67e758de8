/** The interface of a job type. Each type is a record in its own file. */
import type { JobKind } from '../contract/types.ts';
import type { Report } from '../workspace/report.ts';
import type { paused } from './queue.ts';
import type { JobContext } from './context.ts';

export interface JobType<Request> {
  kind: JobKind;
  /** Checks the request before the job is queued. Throws WinnowError. */
  prepare(request: Request, context: JobContext): PreparedJob;
}

export interface PreparedJob {
  title: string;
  /** The run that it continues, if any. */
  runId?: string;
  /** It runs behind all other jobs: when one is requested, `pause` aborts, and the work returns `paused` as soon as it can. It is run again after the others. */
  isBehind?: boolean;
  /** Does the work and returns a summary message. */
  run(report: Report, jobId: number, pause: AbortSignal): Promise<string | typeof paused>;
}
