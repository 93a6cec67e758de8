/** The data that one expression reads: columns, checks with their thresholds, kinds of duplicates. Made anew for each request, as thresholds are placed once. */
import type { ReadSource } from '../contract/read.ts';
import { thresholdsOfColumns } from './placed-threshold.ts';
import type { Groups } from './groups.ts';
import type { Quality } from './quality.ts';
import type { Runs } from './runs.ts';
import type { Table } from './table.ts';

export const readSource = ({
  table,
  runs,
  quality,
  groups,
}: {
  table: Table;
  runs: Runs;
  quality: Quality;
  groups: Groups;
}): ReadSource => ({
  columns: table.columns(),
  values: table.values,
  checks: quality.list(),
  duplicates: groups.kinds(),
  threshold: thresholdsOfColumns({ table, runs }),
});
