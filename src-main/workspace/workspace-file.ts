/**
 * The workspace's folder and database, and the check that they are complete. The marker `workspace.json` beside the database records the workspace's
 * identity and the length of its journal. A database that is missing, empty, truncated, or older than the marker is refused with an error message; it is
 * never treated as a new workspace.
 */
import { randomUUID } from 'node:crypto';
import { accessSync, chmodSync, constants, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { WinnowError } from '../contract/errors.ts';
import { plural, quoteWord, whole } from '../contract/words.ts';
import { isInside, nearestExisting } from '../file/output.ts';
import { Backups, databaseFile, newestGoodBackup } from './backups.ts';
import { Database, isDamage } from './database.ts';
import { readMarker, writeMarker, type Marker } from './marker.ts';

/** Folders that show that a workspace was used, even if its database is missing. */
const traces = ['backups', 'thumbs', 'rows', 'pixels', 'embeddings', 'runs'];
const ownFiles =
  /^(workspace\.(sqlite|json).*|lock\.sqlite.*|engine\.(lock|sock).*|thumbs?|rows|pixels|embeddings|runs|backups|map\.tensors.*|\.DS_Store|desktop\.ini)$/;

/** Creates the folder, accessible only to its owner. Throws WinnowError if it contains other files or cannot be created. */
export function prepareFolder(workspaceFolder: string, folder: string) {
  try {
    mkdirSync(workspaceFolder, { recursive: true, mode: 0o700 });
    if (isInside(workspaceFolder, folder))
      throw new WinnowError(
        'bad-request',
        `The images are inside the workspace ${workspaceFolder}. Choose another place for it with --workspace.`,
      );
    const entries = readdirSync(workspaceFolder, { withFileTypes: true });
    const foreign = entries.find(({ name }) => !ownFiles.test(name));
    if (foreign && !entries.some(({ name }) => name === 'workspace.sqlite' || name === 'workspace.json')) {
      throw new WinnowError(
        'bad-request',
        `${workspaceFolder} contains other files (${foreign.name}), so it is not used as a workspace. Choose a new or empty folder with --workspace.`,
      );
    }
    const link = entries.find((entry) => entry.isSymbolicLink() && isInside(folder, join(workspaceFolder, entry.name)));
    if (link)
      throw new WinnowError(
        'bad-request',
        `${join(workspaceFolder, link.name)} is a link into the opened folder, which is never written to. Remove the link.`,
      );
    const { uid, mode } = statSync(workspaceFolder);
    if (!foreign && uid === process.getuid?.() && (mode & 0o077) !== 0) chmodSync(workspaceFolder, 0o700);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (
      error instanceof WinnowError ||
      !['EROFS', 'EACCES', 'EPERM', 'ENOTDIR', 'EEXIST', 'ENOENT'].includes(code as string)
    )
      throw error;
    throw new WinnowError(
      'target-unwritable',
      `Winnow cannot write its workspace ${workspaceFolder}: ${whyNot(workspaceFolder, code as string)}. Choose another place with --workspace DIR, or set WINNOW_DATA to a writable folder.`,
      { cause: error },
    );
  }
}

/** The system reports a folder inside a read-only one only as missing, so this looks at the nearest existing folder. */
function whyNot(folder: string, code: string): string {
  const above = nearestExisting(folder);
  if (!statSync(above).isDirectory()) return `${above} is a file`;
  try {
    accessSync(above, constants.W_OK);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EROFS'
      ? 'its disk is read-only'
      : `there is no permission for ${above}`;
  }
  return code === 'EROFS' ? 'its disk is read-only' : 'there is no permission';
}

export class WorkspaceFile {
  readonly db: Database;
  readonly key: string;
  #workspaceFolder: string;
  #marker: Marker;
  #backups: Backups;

  /** Opens the database. Throws WinnowError `workspace-corrupt` if it is damaged or does not fit the marker. */
  constructor(workspaceFolder: string, folder: string) {
    this.#workspaceFolder = workspaceFolder;
    const file = databaseFile(workspaceFolder);
    const marker = readMarker(workspaceFolder);
    const damaged = (why: string, cause?: unknown) =>
      new WinnowError('workspace-corrupt', damageMessage(workspaceFolder, folder, why), { cause });
    const info = statSync(file, { throwIfNoEntry: false });
    if (!info?.size && (marker || traces.some((name) => existsSync(join(workspaceFolder, name)))))
      throw damaged(`its file workspace.sqlite is ${info ? 'empty' : 'missing'}`);
    const isUnchanged =
      info && marker?.closed && marker.closed.bytes === info.size && marker.closed.modifiedMs === info.mtimeMs;
    try {
      this.db = new Database(file);
    } catch (error) {
      throw isDamage(error) ? damaged('its file workspace.sqlite is not a complete database', error) : error;
    }
    try {
      // Checking a large database takes half a second, so this happens only after a crash, or if another program wrote to the file.
      const damage = info && !isUnchanged ? this.db.damage() : null;
      if (damage) throw damaged('its file workspace.sqlite is not a complete database', damage);
      const { key, journal } = this.#state();
      if (marker && key !== null && key !== marker.key)
        throw damaged('its file workspace.sqlite belongs to another workspace');
      if (marker && journal < marker.journal)
        throw damaged(
          `${whole(marker.journal - journal)} of ${plural(marker.journal, 'entry', 'entries')} of its journal are missing. The file workspace.sqlite, or workspace.sqlite-wal beside it, was removed or replaced by an older one`,
        );
      this.key = key ?? marker?.key ?? randomUUID();
      if (key === null) this.db.run("INSERT INTO meta (key, value) VALUES ('key', ?)", this.key);
    } catch (error) {
      this.db.close();
      throw !(error instanceof WinnowError) && isDamage(error)
        ? damaged('its file workspace.sqlite is not a complete database', error)
        : error;
    }
    this.#backups = new Backups(workspaceFolder, marker?.backup ?? null);
    this.#marker = { key: this.key, folder, revision: 0, journal: 0, closed: null, backup: marker?.backup ?? null };
    this.afterStep();
  }

  #state(): { key: string | null; revision: number; journal: number } {
    return this.db.get<{ key: string | null; revision: number; journal: number }>(
      `SELECT (SELECT value FROM meta WHERE key = 'key') AS key, (SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'revision') AS revision,
       (SELECT coalesce(max(seq), 0) FROM journal) AS journal`,
    ) as { key: string | null; revision: number; journal: number };
  }

  /** Updates the marker, and makes a backup if one is due. Call this after each journal entry. */
  afterStep() {
    const { journal } = this.#updateMarker(null);
    this.#backups.makeIfDue(journal, () => this.#updateMarker(null));
  }

  /** Makes a backup if one is due, and records in the marker that the database was closed cleanly. */
  async close() {
    if (!this.db.isOpen) return;
    this.#backups.makeIfDue(this.#marker.journal, () => undefined);
    await this.#backups.settled();
    if (!this.db.isOpen) return;
    try {
      this.db.script('PRAGMA wal_checkpoint(TRUNCATE)');
      const { size, mtimeMs } = statSync(databaseFile(this.#workspaceFolder));
      this.#updateMarker({ bytes: size, modifiedMs: mtimeMs });
    } catch {
      // Without the record of a clean close, the next opening checks the database's integrity.
    }
    this.db.close();
  }

  #updateMarker(closed: Marker['closed']): Marker {
    const { revision, journal } = this.#state();
    this.#marker = { ...this.#marker, revision: revision ?? 0, journal, closed, backup: this.#backups.last };
    writeMarker(this.#workspaceFolder, this.#marker);
    return this.#marker;
  }
}

function damageMessage(workspaceFolder: string, folder: string, why: string): string {
  const command = `winnow restore ${quoteWord(folder)} --workspace ${quoteWord(workspaceFolder)}`;
  const backup = newestGoodBackup(workspaceFolder);
  const way = backup
    ? `The newest good backup was made at ${when(backup.atMs)}, with ${plural(backup.steps ?? 0, 'step')}. \`${command} --backup ${backup.name}\` restores it; the damaged file is kept.`
    : `There is no backup. \`${command} --as-it-is\` accepts the file as it is, if it can be read.`;
  return `The workspace of ${folder}, which holds your decisions, is damaged: ${why}. Your images are untouched. ${way} To start from scratch, move the folder ${workspaceFolder}.`;
}

const when = (atMs: number) => new Date(atMs).toISOString().slice(0, 16).replace('T', ' ') + ' UTC';
