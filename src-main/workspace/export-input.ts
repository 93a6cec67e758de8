/** What an export is told of the folder: its images, and the scores of checks and finished runs that the manifest tells. */
import type { CheckState, Group, Run, Sample } from '../contract/types.ts';
import type { ExportInput } from '../export/export.ts';
import type { Table } from './table.ts';

interface Known {
  isDropped(sample: Sample): boolean;
  runs: readonly Run[];
  groups: readonly Group[];
  checks: readonly CheckState[];
}

/** `runs` come newest first. */
export function exportInput(folder: string, table: Table, { isDropped, runs, groups, checks }: Known): ExportInput {
  const done = runs.filter((run) => run.state === 'done' && table.resolveColumn(run.column) === run.column).reverse();
  const scored = checks.filter(({ id }) => table.resolveColumn(id) !== null);
  return {
    folder,
    samples: table.samples(),
    isDropped,
    unreadable: table.count().issues,
    runs: done,
    groups,
    columns: [...scored.map(({ id }) => id), ...done.map(({ column }) => column)].map((name) => ({
      name,
      values: table.values(name),
    })),
  };
}
