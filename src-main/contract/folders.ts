/** Folders of the machine, opening them, and backups of their workspaces. Plain JSON data. */

export interface FolderEntry {
  name: string;
  path: string;
}

export interface FolderList {
  path: string;
  parent: string | null;
  folders: FolderEntry[];
}

/** An opened folder. */
export interface Opened {
  id: string;
  folder: string;
  /** A message for the user, for example that the workspace is on a network disk. */
  warning: string | null;
}

/** A copy of a workspace's database. */
export interface Backup {
  name: string;
  atMs: number;
  bytes: number;
  /** Steps in its journal; null if it is damaged. */
  steps: number | null;
  isGood: boolean;
}

export interface Restored {
  backup: string | null;
  /** Path of the replaced database, which is kept. */
  aside: string | null;
  steps: number;
}
