/** The job that exports a dataset. It collects the images, and for the manifest the scores of checks and finished runs. */
import { predicateOf } from '../contract/read.ts';
import type { ExportRequest } from '../contract/schemas.ts';
import type { ExportResult } from '../contract/export-types.ts';
import { plural } from '../contract/words.ts';
import type { JobContext } from '../jobs/context.ts';
import type { JobType } from '../jobs/job-type.ts';
import { readSource } from '../workspace/read-source.ts';
import { exportSet, type ExportInput } from './export.ts';

/** `keep` receives the result. */
export const exportJob = (keep: (jobId: number, result: ExportResult) => void): JobType<ExportRequest> => ({
  kind: 'export',
  prepare: (request, context) => ({
    title: 'Export',
    async run(report, jobId) {
      const result = await exportSet(exportInput(context, request), request, report);
      keep(jobId, result);
      context.journal.record({ do: 'export', request }, `export to ${result.to}`);
      return sentenceOf(result);
    },
  }),
});

function sentenceOf({ copied, to, trashed, failed }: ExportResult): string {
  const parts = [`${plural(copied, 'image')} exported to ${to}`];
  if (trashed) parts.push(`${plural(trashed, 'original')} moved to the trash`);
  if (failed.length) parts.push(`${plural(failed.length, 'file')} could not be exported`);
  return parts.join(', ');
}

/** Collects the images and the scores of an export. `drop`: a filter; its images are left out. */
export function exportInput(context: JobContext, { drop }: ExportRequest): ExportInput {
  const { folder, table, runs, groups, quality } = context;
  const done = runs
    .list()
    .filter(({ state, column }) => state === 'done' && table.resolveColumn(column) === column)
    .map(({ id }) => runs.get(id))
    .reverse(); // oldest first
  const scored = quality.list().filter(({ id }) => table.resolveColumn(id) !== null);
  return {
    folder,
    samples: table.samples(),
    isDropped: drop ? predicateOf(drop, readSource(context)) : () => false,
    unreadable: table.count().issues,
    runs: done,
    groups: groups.list(),
    columns: [...scored.map(({ id }) => id), ...done.map(({ column }) => column)].map((name) => ({
      name,
      values: table.values(name),
    })),
  };
}
