/** The shape of a kind of job: each is a record in a file of its own. */
import type { JobKind } from '../contract/types.ts';
import type { Report } from '../workspace/report.ts';
import type { JobContext } from './context.ts';

export interface JobType<Request> {
  kind: JobKind;
  /** Checks the request before the job is queued. Throws WinnowError. */
  prepare(request: Request, context: JobContext): PreparedJob;
}

export interface PreparedJob {
  title: string;
  /** Does the work and returns a sentence that sums it up. */
  run(report: Report, jobId: number): Promise<string>;
}
