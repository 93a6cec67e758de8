/** The data that expressions read: columns, checks with their thresholds, kinds of duplicates. */
import type { ReadSource } from '../contract/read.ts';
import { thresholdOfColumn } from './placed-threshold.ts';
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
  threshold: (column) => thresholdOfColumn({ table, runs }, column),
});
