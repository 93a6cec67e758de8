/**
 * One engine per workspace, ensured by SQLite's exclusive lock on `lock.sqlite`. The operating system releases it when the process ends, also after
 * a crash, and it works even if two processes cannot connect to each other. The file `engine.lock` beside it is only information: the lock's
 * owner, since when, and the pipe where that engine answers.
 */
import { readFileSync, rmSync, statfsSync, statSync, utimesSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { writeAtomicallySync } from '../file/write-atomically.ts';
import { WinnowError } from '../contract/errors.ts';

export interface LockOwner {
  pid: number;
  pipe: string;
  host: string;
  /** When its engine started, milliseconds since 1970. */
  since: number;
}

export interface Lock {
  release(): void;
}

const infoFile = (workspaceFolder: string) => join(workspaceFolder, 'engine.lock');
const sqliteBusy = 5;
/**
 * On a network disk the owner touches `engine.lock` at this interval as a sign of life, because some network file systems do not share locks between
 * machines.
 */
const touchEveryMs = 30_000;
const staleAfterMs = 4 * touchEveryMs;

/** Takes the lock; null if another process, or another engine in this process, has it. Throws WinnowError if the disk does not support locks. */
export function takeLock(workspaceFolder: string, self: LockOwner): Lock | null {
  const db = exclusive(join(workspaceFolder, 'lock.sqlite'));
  if (!db) return null;
  let touching: NodeJS.Timeout | undefined;
  try {
    if (isOnNetworkDisk(workspaceFolder)) {
      refuseOtherMachine(workspaceFolder, self);
      touching = setInterval(() => touch(workspaceFolder), touchEveryMs).unref();
    }
  } catch (error) {
    db.close();
    throw error;
  }
  return {
    release() {
      clearInterval(touching);
      const owner = readLockOwner(workspaceFolder);
      if (owner?.pid === self.pid && owner.pipe === self.pipe) rmSync(infoFile(workspaceFolder), { force: true });
      db.close();
    },
  };
}

/** Writes `engine.lock`, for other processes. Call this with the lock taken. */
export function announce(workspaceFolder: string, self: LockOwner) {
  writeAtomicallySync(infoFile(workspaceFolder), JSON.stringify(self));
}

/** The last owner of the lock; its process may have ended. */
export function readLockOwner(workspaceFolder: string): LockOwner | null {
  try {
    const {
      pid,
      pipe,
      host = hostname(),
      since = 0,
    } = JSON.parse(readFileSync(infoFile(workspaceFolder), 'utf8')) as Partial<LockOwner>;
    return typeof pid === 'number' && typeof pipe === 'string' ? { pid, pipe, host, since } : null;
  } catch {
    return null;
  }
}

/** Opens an exclusive transaction; null if another process has one. Nothing is ever written, so a killed process leaves nothing to repair. */
function exclusive(file: string, isRetry = false): DatabaseSync | null {
  const db = new DatabaseSync(file, { timeout: 0 });
  try {
    db.exec('BEGIN EXCLUSIVE');
    return db;
  } catch (error) {
    db.close();
    const { errcode = 0, message } = error as Error & { errcode?: number };
    if ((errcode & 0xff) === sqliteBusy) return null;
    const isForeign = errcode === 26; // SQLITE_NOTADB: not our file
    if (isForeign && !isRetry) {
      rmSync(file, { force: true });
      return exclusive(file, true);
    }
    throw new WinnowError(
      'workspace-busy',
      `The workspace cannot be locked, so two programs could write to it at once (${message}). Choose a place on a local disk with --workspace.`,
      { cause: error },
    );
  }
}

function refuseOtherMachine(workspaceFolder: string, self: LockOwner) {
  const owner = readLockOwner(workspaceFolder);
  if (!owner || owner.host === self.host) return;
  if (Date.now() - statSync(infoFile(workspaceFolder)).mtimeMs > staleAfterMs) return;
  throw new WinnowError(
    'workspace-busy',
    `Winnow on the machine ${owner.host} (process ${owner.pid}) has this folder open. Close it there, or wait two minutes after it has ended.`,
  );
}

function touch(workspaceFolder: string) {
  try {
    utimesSync(infoFile(workspaceFolder), new Date(), new Date());
  } catch {
    // The disk is not reachable; the next write to the workspace reports it.
  }
}

/** Magic numbers of statfs(2) on Linux: NFS, CIFS, SMB, SMB2, AFS, Coda, 9p, Ceph, FUSE (sshfs). */
const networkDisks = new Set([
  0x6969, 0xff534d42, 0x517b, 0xfe534d42, 0x5346414f, 0x73757245, 0x01021997, 0x00c36400, 0x65735546,
]);

/** Whether a folder is on a network file system. Detected on Linux only. */
export function isOnNetworkDisk(folder: string): boolean {
  try {
    return process.platform === 'linux' && networkDisks.has(statfsSync(folder).type);
  } catch {
    return false;
  }
}
