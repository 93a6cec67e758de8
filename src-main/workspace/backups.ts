/**
 * Copies of the workspace's database in `backups/`, made while a person works: decisions are hours of work, and a disk that fails takes the one file that
 * holds them. A handful is kept. A failed backup is reported on stderr and never fails other work.
 */
import { constants, copyFileSync, existsSync, readdirSync, renameSync, rmSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import { explain, WinnowError } from '../contract/errors.ts';
import type { Backup, Restored } from '../contract/types.ts';
import { backupsFolder, faultOf, newBackup, stamp } from './database.ts';
import { removeMarker } from './marker.ts';
import type { BackupOrder } from './backup-worker.ts';

const day = 24 * 3600_000;
/** After so many steps, or so long after the last backup where there were any, the next one is made. */
const [everySteps, everyMs] = [500, 30 * 60_000];
/** Kept: the newest, and one a week of those before. */
const [keptNewest, keptWeeks] = [5, 4];
/** One that takes longer is given up. */
const longestMs = 120_000;

export const databaseFile = (workspaceFolder: string) => join(workspaceFolder, 'workspace.sqlite');
const named = /^(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d)-(\d{3})Z(?:-version-\d+)?\.sqlite$/;
/** Names and times, the newest first. */
function backupNames(workspaceFolder: string): { name: string; atMs: number }[] {
  const folder = backupsFolder(workspaceFolder);
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return names
    .flatMap((name) => {
      const parts = named.exec(name);
      return parts ? [{ name, atMs: Date.parse(`${parts[1]}T${parts[2]}:${parts[3]}:${parts[4]}.${parts[5]}Z`) }] : [];
    })
    .sort((a, b) => b.atMs - a.atMs);
}

function describe(workspaceFolder: string, { name, atMs }: { name: string; atMs: number }): Backup {
  const file = join(backupsFolder(workspaceFolder), name);
  const { bytes, steps } = { bytes: statSync(file).size, steps: stepsOf(file) };
  return { name, atMs, bytes, steps, isGood: steps !== null };
}

/** Steps of the journal; null where the file is damaged. */
function stepsOf(file: string): number | null {
  if (faultOf(file)) return null;
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    return Number(db.prepare("SELECT count(*) AS n FROM journal WHERE kind IN ('edit', 'decide', 'done')").get()?.n);
  } catch {
    return null;
  } finally {
    db.close();
  }
}

/** Every backup, the newest first; each is read and checked. */
export async function listBackups(workspaceFolder: string): Promise<Backup[]> {
  const list: Backup[] = [];
  for (const backup of backupNames(workspaceFolder)) {
    list.push(describe(workspaceFolder, backup));
    await new Promise((resume) => setImmediate(resume)); // others are answered meanwhile
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
 * Puts a backup in the database's place; the file that was there is kept beside it under another name. Without a backup, the file that is there is taken
 * as it is, where it is whole. The caller holds the lock of the workspace, which nobody has open. Throws WinnowError.
 */
export function restoreBackup(workspaceFolder: string, name: string | null): Restored {
  const file = databaseFile(workspaceFolder);
  if (name === null) {
    const fault = existsSync(file) ? faultOf(file) : 'it is not there';
    if (fault)
      throw new WinnowError('workspace-corrupt', `The workspace cannot be used: ${fault}. Restore a backup instead.`);
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
  const aside = `${file}.damaged-${stamp()}`;
  // With what belongs to it, under the names by which SQLite would find that.
  for (const suffix of ['', '-wal', '-shm']) if (existsSync(file + suffix)) renameSync(file + suffix, aside + suffix);
  removeMarker(workspaceFolder);
  renameSync(part, file);
  return { backup: name, aside: existsSync(aside) ? aside : null, steps };
}

/** Which of these are kept, of backups by their times, newest first. */
export function keptOf(times: readonly number[]): Set<number> {
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
  #done: { atMs: number; journal: number };
  /** The last try, also one that failed. */
  #tried: { atMs: number; journal: number };
  #openedMs = Date.now();
  #making: { worker: Worker; ended: Promise<void> } | null = null;
  #isReported = false;

  /** `done`: when the last one was made and how far the journal was. */
  constructor(workspaceFolder: string, done: { atMs: number; journal: number } | null) {
    this.#workspaceFolder = workspaceFolder;
    this.#done = done ?? { atMs: backupNames(workspaceFolder)[0]?.atMs ?? 0, journal: 0 };
    this.#tried = this.#done;
  }

  get done() {
    return this.#done;
  }

  /** Begins a backup where one is due, the journal being so far. `after` is called once it stands. */
  consider(journal: number, after: () => void) {
    const { atMs, journal: before } = this.#tried;
    const now = Date.now();
    const isDue =
      journal > before &&
      (now - atMs > day || journal - before >= everySteps || now - Math.max(atMs, this.#openedMs) > everyMs);
    if (!isDue || this.#making) return;
    this.#tried = { atMs: now, journal };
    this.#make(after);
  }

  /** Waits for the one that is being made. */
  async settle() {
    await this.#making?.ended;
  }

  #make(after: () => void) {
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
        let fault: unknown = null;
        const tooLong = setTimeout(() => {
          fault = new Error('It took too long.');
          void worker.terminate();
        }, longestMs).unref();
        worker
          .once('error', (error) => (fault = error))
          .once('exit', () => {
            clearTimeout(tooLong);
            this.#making = null;
            if (fault || !existsSync(order.to)) {
              rmSync(`${order.to}.part`, { force: true });
              this.#skip(fault ?? new Error('It was interrupted.'));
            } else {
              this.#done = this.#tried;
              this.#prune();
              after();
            }
            resolve();
          });
      });
      this.#making = { worker, ended };
    } catch (error) {
      this.#skip(error);
    }
  }

  #prune() {
    const regular = backupNames(this.#workspaceFolder).filter(({ name }) => !name.includes('-version-'));
    const kept = keptOf(regular.map(({ atMs }) => atMs));
    for (const { name, atMs } of regular)
      if (!kept.has(atMs)) rmSync(join(backupsFolder(this.#workspaceFolder), name), { force: true });
  }

  /** Reported once. */
  #skip(error: unknown) {
    if (!this.#isReported) process.stderr.write(`No backup of the workspace was made: ${explain(error).message}\n`);
    this.#isReported = true;
  }
}
