/** Exports: the plan, the job, and its result. */
import type { WorkspaceCalls } from '../../contract/procedures.ts';
import type { ExportResult } from '../../contract/export-types.ts';
import { planExport } from '../../export/export.ts';
import { exportInput, exportJob } from '../../export/export-job.ts';
import type { CallContext } from './context.ts';

export function exportCalls(context: CallContext) {
  /** By job id, for as long as the job is listed. */
  const results = new Map<number, ExportResult>();
  const keep = (jobId: number, result: ExportResult) => {
    const listed = new Set(context.jobs.list().map(({ id }) => id));
    for (const id of results.keys()) if (!listed.has(id)) results.delete(id);
    results.set(jobId, result);
  };
  return {
    plan: (request) => planExport(exportInput(context, request), request),
    start: (request) => context.start(exportJob(keep), request),
    result: ({ jobId }) => results.get(jobId) ?? null,
  } satisfies WorkspaceCalls['exports'];
}
