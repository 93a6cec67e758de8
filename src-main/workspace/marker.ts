/** `workspace.json` beside a workspace's database: which workspace this is and how far its journal had come. What the database must hold at least. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const schema = 'winnow/workspace@1';

export interface Marker {
  /** Names the workspace for good, also when it is moved. */
  key: string;
  folder: string;
  revision: number;
  /** The last entry of the journal that is on the disk. */
  journal: number;
  /** The database as it was left; null while it is open, and after a crash. */
  closed: { bytes: number; modifiedMs: number } | null;
  /** The last backup, and how far the journal was. */
  backup: { atMs: number; journal: number } | null;
}

const fileOf = (workspaceFolder: string) => join(workspaceFolder, 'workspace.json');

/** Null where there is none that can be read. */
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

/** One that cannot be written stays as it was: it then asks for less than is there. */
export function writeMarker(workspaceFolder: string, marker: Marker) {
  const part = `${fileOf(workspaceFolder)}.part`;
  try {
    writeFileSync(part, `${JSON.stringify({ schema, ...marker }, null, 1)}\n`, { mode: 0o600 });
    renameSync(part, fileOf(workspaceFolder));
  } catch {
    rmSync(part, { force: true });
  }
}

/** The database was replaced on purpose: it is taken as it is. */
export function removeMarker(workspaceFolder: string) {
  rmSync(fileOf(workspaceFolder), { force: true });
}
