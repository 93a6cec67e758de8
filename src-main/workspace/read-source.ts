/** The data that expressions read: columns, checks with their thresholds, kinds of duplicates. */
import type { ReadSource } from '../contract/read.ts';
import type { Groups } from './groups.ts';
import type { Quality } from './quality.ts';
import type { Table } from './table.ts';

export const readSource = ({
  table,
  quality,
  groups,
}: {
  table: Table;
  quality: Quality;
  groups: Groups;
}): ReadSource => ({
  columns: table.columns(),
  values: table.values,
  checks: quality.list(),
  duplicates: groups.kinds(),
});
