/**
 * Removes deleted runs from the disk: their rows, columns and folders. This happens when the workspace is opened 30 days or more after the deletion, or when a person
 * frees disk space. Until then the deletion can be undone.
 */
import { rmSync } from 'node:fs';
import type { Purged } from '../contract/types.ts';
import { plural } from '../contract/words.ts';
import type { Journal } from './journal.ts';
import { bytesIn, runFolder, type Runs } from './runs.ts';
import type { Table } from './table.ts';

/** For how long a deletion can be undone. */
export const deletedForMs = 30 * 24 * 3600 * 1000;

interface Context {
  table: Table;
  journal: Journal;
  runs: Runs;
  workspaceFolder: string;
}

/** Removes the runs that were deleted before a time. */
export function purgeRuns({ table, journal, runs, workspaceFolder }: Context, beforeMs: number): Purged {
  const deleted = new Set(runs.deleted());
  if (!deleted.size) return { runs: [], bytes: 0 };
  const purged: string[] = [];
  table.write(() => {
    for (const { seq, at, action } of journal.undoable('delete-runs')) {
      if (action.do !== 'delete-runs' || at > beforeMs) continue;
      const ids = action.runs.filter((id) => deleted.delete(id));
      for (const id of ids) {
        runs.remove(id);
        table.removeColumnsOf(id);
      }
      journal.finalize(seq, { do: 'purge-runs', runs: ids }, `free the disk space of ${nameRuns(ids)}`);
      for (const id of ids) purged.push(id);
    }
  });
  const folders = purged.map((id) => runFolder(workspaceFolder, id));
  const bytes = folders.reduce((sum, folder) => sum + bytesIn(folder), 0);
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  return { runs: purged, bytes };
}

/** For titles: one id, or the number of runs. */
export const nameRuns = (ids: readonly string[]): string => (ids.length === 1 ? ids[0] : plural(ids.length, 'run'));
