/** The marker `workspace.json` beside a workspace's database: the workspace's identity and the last entry of its journal. The database must have that entry. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeAtomicallySync } from '../file/write-atomically.ts';

const schema = 'winnow/workspace@1';

export interface Marker {
  /** Identifies the workspace permanently, also after it was moved. */
  key: string;
  folder: string;
  revision: number;
  /** The number of the journal's last entry on disk. */
  journal: number;
  /** Size and time of the database when it was closed; null while it is open, and after a crash. */
  closed: { bytes: number; modifiedMs: number } | null;
  /** The last backup, and the journal's last entry in it. */
  backup: { atMs: number; journal: number } | null;
}

const fileOf = (workspaceFolder: string) => join(workspaceFolder, 'workspace.json');

/** Null if the marker is missing or unreadable. */
export function readMarker(workspaceFolder: string): Marker | null {
  try {
    const marker = JSON.parse(readFileSync(fileOf(workspaceFolder), 'utf8')) as Marker & { schema: string };
    return marker.schema === schema && typeof marker.key === 'string' && Number.isSafeInteger(marker.journal)
      ? marker
      : null;
  } catch {
    return null;
  }
}

/** A failed write is ignored: the old marker stays valid, since it requires fewer journal entries. */
export function writeMarker(workspaceFolder: string, marker: Marker) {
  try {
    writeAtomicallySync(fileOf(workspaceFolder), `${JSON.stringify({ schema, ...marker }, null, 1)}\n`, 0o600);
  } catch {
    // The old marker stays.
  }
}

/** After the database was replaced on purpose, the old marker would refuse it. */
export function removeMarker(workspaceFolder: string) {
  rmSync(fileOf(workspaceFolder), { force: true });
}
