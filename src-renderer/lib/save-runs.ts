/** The table of runs as it is shown, as a file: the same rows and columns, in the same order, with full precision. */
import { runTableCsv, runTableJson } from '../../src-main/contract/run-table.ts';
import { type RunColumn, type RunRow } from './run-columns.ts';
import { saveText } from './save-text.ts';

/** Times as ISO 8601. */
const exported = (column: RunColumn, row: RunRow) =>
  column.id === 'started' ? new Date(row.run.createdAt).toISOString() : column.value(row);

export function saveRuns(name: string, columns: readonly RunColumn[], rows: readonly RunRow[], format: 'csv' | 'json') {
  // The id is always written: names need not be unique.
  const ids = columns.some(({ id }) => id === 'id') ? [] : [(row: RunRow) => row.run.id];
  const table = {
    columns: [...ids.map(() => 'id'), ...columns.map(({ id }) => (id === 'started' ? 'created' : id))],
    rows: rows.map((row) => [...ids.map((of) => of(row)), ...columns.map((column) => exported(column, row))]),
  };
  if (format === 'csv') saveText(`${name}-runs.csv`, runTableCsv(table), 'text/csv');
  else saveText(`${name}-runs.json`, runTableJson(table), 'application/json');
}
