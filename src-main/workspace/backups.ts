/**
 * Backups of the workspace's database in `backups/`, made while a person works: decisions are hours of work, and a failing disk may lose the one file that
 * stores them. A few backups are kept. A failed backup is reported on stderr and never fails other work.
 */
import { constants, copyFileSync, existsSync, readdirSync, renameSync, rmSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import { explain, WinnowError } from '../contract/errors.ts';
import type { Backup, Restored } from '../contract/folders.ts';
import { backupsFolder, damageOf, newBackup, timestamp } from './database.ts';
import { removeMarker } from './marker.ts';
import type { BackupOrder } from './backup-worker.ts';

const day = 24 * 3600_000;
/** A backup is due after this many journal entries, or, if there is any new entry, this long after the last backup. */
const [everySteps, everyMs] = [500, 30 * 60_000];
/** The newest backups are kept, and for some weeks before them one a week. */
const [keptNewest, keptWeeks] = [5, 4];
/** A backup that takes longer is cancelled. */
const timeoutMs = 120_000;

export const databaseFile = (workspaceFolder: string) => join(workspaceFolder, 'workspace.sqlite');
const backupNamePattern = /^(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d)-(\d{3})Z(?:-version-\d+)?\.sqlite$/;

/** Names and times, the newest first. */
function backupNames(workspaceFolder: string): { name: string; atMs: number }[] {
  const folder = backupsFolder(workspaceFolder);
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return names
    .flatMap((name) => {
      const parts = backupNamePattern.exec(name);
      return parts ? [{ name, atMs: Date.parse(`${parts[1]}T${parts[2]}:${parts[3]}:${parts[4]}.${parts[5]}Z`) }] : [];
    })
    .sort((a, b) => b.atMs - a.atMs);
}

function describe(workspaceFolder: string, { name, atMs }: { name: string; atMs: number }): Backup {
  const file = join(backupsFolder(workspaceFolder), name);
  const { bytes, steps } = { bytes: statSync(file).size, steps: stepsOf(file) };
  return { name, atMs, bytes, steps, isGood: steps !== null };
}

/** Number of steps in the journal; null if the file is damaged. */
function stepsOf(file: string): number | null {
  if (damageOf(file)) return null;
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    return Number(db.prepare("SELECT count(*) AS n FROM journal WHERE kind IN ('edit', 'decide', 'done')").get()?.n);
  } catch {
    return null;
  } finally {
    db.close();
  }
}

/** All backups, the newest first. Reads and checks each file. */
export async function listBackups(workspaceFolder: string): Promise<Backup[]> {
  const list: Backup[] = [];
  for (const backup of backupNames(workspaceFolder)) {
    list.push(describe(workspaceFolder, backup));
    await new Promise((resume) => setImmediate(resume)); // lets the engine answer other requests
  }
  return list;
}

export function newestGoodBackup(workspaceFolder: string): Backup | null {
  for (const backup of backupNames(workspaceFolder)) {
    const described = describe(workspaceFolder, backup);
    if (described.isGood) return described;
  }
  return null;
}

/**
 * Replaces the database with a backup; the replaced file stays beside it under another name. `name` null: accepts the current file
 * if its integrity check passes. The caller has the workspace's lock, and nobody has it open. Throws WinnowError.
 */
export function restoreBackup(workspaceFolder: string, name: string | null): Restored {
  const file = databaseFile(workspaceFolder);
  if (name === null) {
    const damage = existsSync(file) ? damageOf(file) : 'its database file does not exist';
    if (damage)
      throw new WinnowError('workspace-corrupt', `The workspace cannot be used: ${damage}. Restore a backup instead.`);
    removeMarker(workspaceFolder);
    return { backup: null, aside: null, steps: stepsOf(file) ?? 0 };
  }
  const backup = backupNames(workspaceFolder).find((one) => one.name === name);
  if (!backup)
    throw new WinnowError(
      'bad-request',
      `There is no backup ‘${name}’ of this folder. \`winnow restore FOLDER\` lists them.`,
    );
  const { steps } = describe(workspaceFolder, backup);
  if (steps === null)
    throw new WinnowError('workspace-corrupt', `The backup ${name} is damaged too. Choose another one.`);
  const part = `${file}.part`;
  copyFileSync(join(backupsFolder(workspaceFolder), name), part, constants.COPYFILE_FICLONE);
  const aside = `${file}.damaged-${timestamp()}`;
  // The write-ahead log belongs to the replaced file and keeps the name that SQLite expects beside it.
  for (const suffix of ['', '-wal', '-shm']) if (existsSync(file + suffix)) renameSync(file + suffix, aside + suffix);
  removeMarker(workspaceFolder);
  renameSync(part, file);
  return { backup: name, aside: existsSync(aside) ? aside : null, steps };
}

/** Selects the backups to keep, by their times (newest first). */
export function backupsToKeep(times: readonly number[]): Set<number> {
  const kept = new Set(times.slice(0, keptNewest));
  const weeks = new Set<number>();
  for (const at of times.slice(keptNewest)) {
    const week = Math.floor(at / (7 * day));
    if (weeks.size < keptWeeks && !weeks.has(week)) kept.add(at);
    weeks.add(week);
  }
  return kept;
}

export class Backups {
  #workspaceFolder: string;
  #last: { atMs: number; journal: number };
  /** The last attempt, successful or not. */
  #lastAttempt: { atMs: number; journal: number };
  #openedMs = Date.now();
  #making: { worker: Worker; ended: Promise<void> } | null = null;
  #isReported = false;

  /** `last`: when the last backup was made, and the last journal entry in it. */
  constructor(workspaceFolder: string, last: { atMs: number; journal: number } | null) {
    this.#workspaceFolder = workspaceFolder;
    this.#last = last ?? { atMs: backupNames(workspaceFolder)[0]?.atMs ?? 0, journal: 0 };
    this.#lastAttempt = this.#last;
  }

  get last() {
    return this.#last;
  }

  /** Starts a backup if one is due. `journal`: the number of the last entry. Calls `onMade` when the backup is on disk. */
  makeIfDue(journal: number, onMade: () => void) {
    const { atMs, journal: before } = this.#lastAttempt;
    const now = Date.now();
    const isDue =
      journal > before &&
      (now - atMs > day || journal - before >= everySteps || now - Math.max(atMs, this.#openedMs) > everyMs);
    if (!isDue || this.#making) return;
    this.#lastAttempt = { atMs: now, journal };
    this.#make(onMade);
  }

  /** Waits until no backup is being made. */
  async settled() {
    await this.#making?.ended;
  }

  #make(onMade: () => void) {
    const file = databaseFile(this.#workspaceFolder);
    try {
      const { bavail, bsize } = statfsSync(this.#workspaceFolder);
      if (bavail * bsize < 2 * statSync(file).size)
        throw new WinnowError('disk-full', 'The disk is nearly full. Free some space.');
      const order: BackupOrder = { file, to: newBackup(this.#workspaceFolder) };
      const worker = new Worker(new URL('./backup-worker.ts', import.meta.url), {
        workerData: order,
        execArgv: ['--disable-warning=ExperimentalWarning'],
      });
      const ended = new Promise<void>((resolve) => {
        let failure: unknown = null;
        const tooLong = setTimeout(() => {
          failure = new Error('It took too long.');
          void worker.terminate();
        }, timeoutMs).unref();
        worker
          .once('error', (error) => (failure = error))
          .once('exit', () => {
            clearTimeout(tooLong);
            this.#making = null;
            if (failure || !existsSync(order.to)) {
              rmSync(`${order.to}.part`, { force: true });
              this.#reportFailure(failure ?? new Error('It was interrupted.'));
            } else {
              this.#last = this.#lastAttempt;
              this.#prune();
              onMade();
            }
            resolve();
          });
      });
      this.#making = { worker, ended };
    } catch (error) {
      this.#reportFailure(error);
    }
  }

  #prune() {
    const regular = backupNames(this.#workspaceFolder).filter(({ name }) => !name.includes('-version-'));
    const kept = backupsToKeep(regular.map(({ atMs }) => atMs));
    for (const { name, atMs } of regular)
      if (!kept.has(atMs)) rmSync(join(backupsFolder(this.#workspaceFolder), name), { force: true });
  }

  /** Only the first failure is reported. */
  #reportFailure(error: unknown) {
    if (!this.#isReported) process.stderr.write(`No backup of the workspace was made: ${explain(error).message}\n`);
    this.#isReported = true;
  }
}
