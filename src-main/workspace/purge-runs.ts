/**
 * Removes deleted runs from the disk: their rows, columns and folders. This happens when the workspace is opened 30 days or more after the deletion, or
 * when a person frees disk space. Until then the deletion can be undone.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import type { Purged } from '../contract/types.ts';
import { plural } from '../contract/words.ts';
import type { Journal } from './journal.ts';
import { bytesIn, runFolder, runsFolder, type Runs } from './runs.ts';
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
export function purgeRuns(context: Context, beforeMs: number): Purged {
  return { runs: removeRows(context, beforeMs), bytes: removeFolders(context) };
}

/** Returns the ids of the runs. */
function removeRows({ table, journal, runs }: Context, beforeMs: number): string[] {
  const deleted = new Set(runs.deleted());
  const removed: string[] = [];
  if (!deleted.size) return removed;
  table.write(() => {
    for (const { seq, at, action } of journal.undoable('delete-runs')) {
      if (action.do !== 'delete-runs' || at > beforeMs) continue;
      const ids = action.runs.filter((id) => deleted.delete(id));
      for (const id of ids) {
        runs.remove(id);
        table.removeColumnsOf(id);
      }
      journal.finalize(seq, { do: 'purge-runs', runs: ids }, `free the disk space of ${nameRuns(ids)}`);
      for (const id of ids) removed.push(id);
    }
  });
  return removed;
}

/**
 * Removes the folders of all purged runs, also those that an earlier purge left because Winnow crashed between rows and folders. Keeps every other
 * folder without a row: it may belong to a run that a restored backup does not know. Returns the freed bytes.
 */
function removeFolders({ runs, workspaceFolder }: Context): number {
  const parent = runsFolder(workspaceFolder);
  if (!existsSync(parent)) return 0;
  const purged = new Set(runs.purged());
  let freed = 0;
  for (const id of readdirSync(parent).filter((name) => purged.has(name))) {
    const folder = runFolder(workspaceFolder, id);
    const bytes = bytesIn(folder);
    try {
      rmSync(folder, { recursive: true });
      freed += bytes;
    } catch {
      // Another program has a file open. The next purge tries again.
    }
  }
  return freed;
}

/** For titles: one id, or the number of runs. */
export const nameRuns = (ids: readonly string[]): string => (ids.length === 1 ? ids[0] : plural(ids.length, 'run'));
