/**
 * The engine: opens folders, each with its own workspace, or attaches to another engine that has the folder open. Heavy work runs in one
 * compute process. The calls of the contract are in `calls/`.
 */
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { chosenBackend } from '../compute/backend-choice.ts';
import { startCompute, type Compute } from '../compute/child.ts';
import { WinnowError } from '../contract/errors.ts';
import type { EngineCalls } from '../contract/procedures.ts';
import type { Job } from '../contract/types.ts';
import type { Backup, Opened, Restored } from '../contract/folders.ts';
import { isInside } from '../file/output.ts';
import { listBackups, restoreBackup } from '../workspace/backups.ts';
import { existingWorkspace, realFolder, shortHash, workspaceAt } from '../workspace/folders.ts';
import { prepareFolder } from '../workspace/workspace-file.ts';
import { engineCalls, type EngineContext } from './calls/engine.ts';
import { announce, isOnNetworkDisk, readLockOwner, takeLock, type Lock, type LockOwner } from './lock.ts';
import { askLockOwner, attach, silentError, unreachableError, type Attachment } from './lock-owner.ts';
import { OpenWorkspace } from './open-workspace.ts';

/** A workspace that another engine has open. */
export interface RemoteWorkspace {
  owner: LockOwner;
  /** Null if that engine was closing the folder when it was asked. */
  attachment: Attachment | null;
}

/** A workspace that this engine has open, and the number of its users. */
interface LocalWorkspace {
  workspace: OpenWorkspace;
  lock: Lock;
  users: number;
  /** When the last user left. */
  idleSince: number;
}

/** A folder and its workspace. */
interface Place {
  folder: string;
  workspaceFolder: string;
}

const retryMs = 40;
/** A folder without users and jobs that is not watched is closed after this time; the next request opens it again. */
const closeIdleAfterMs = 60_000;

export class Engine implements EngineContext {
  /** The calls that the router serves without an open folder. */
  readonly calls: EngineCalls;
  readonly compute: Compute = startCompute({ env: () => ({ WINNOW_BACKEND: chosenBackend().choice }) });
  #self: LockOwner;
  #local = new Map<string, LocalWorkspace>();
  #remote = new Map<string, RemoteWorkspace>();
  /** By workspace id: the folders of every workspace that was opened here, so that it can be opened again. */
  #places = new Map<string, Place>();
  #opening = new Map<string, Promise<Opened>>();
  #idleTimer: NodeJS.Timeout;
  #closing = false;

  readonly #giveUpAfterMs: number;

  /** `pipe`: a listening pipe, where other engines connect. `giveUpAfterMs`: how long to wait for an engine that is opening or closing a folder. */
  constructor(pipe: string, { giveUpAfterMs = 15_000 }: { giveUpAfterMs?: number } = {}) {
    this.#giveUpAfterMs = giveUpAfterMs;
    this.calls = engineCalls(this);
    this.#self = { pid: process.pid, pipe, host: hostname(), since: Date.now() };
    this.#idleTimer = setInterval(() => void this.closeIdle(), closeIdleAfterMs / 2).unref();
  }

  runningJob(): Job | undefined {
    return [...this.#local.values()]
      .flatMap(({ workspace }) => workspace.jobs.list())
      .find(({ state }) => state === 'running');
  }

  async open({ folder, workspace }: { folder: string; workspace?: string }): Promise<Opened> {
    const real = await realFolder(folder);
    const workspaceFolder = await workspaceAt(() => real, workspace);
    if (isInside(real, workspaceFolder)) {
      throw new WinnowError(
        'bad-request',
        'The workspace is inside the opened folder, which Winnow never writes to. Choose another place with --workspace.',
      );
    }
    const id = shortHash(workspaceFolder);
    const known = this.#places.get(id);
    if (known && known.folder !== real) throw otherFolderError(known);
    return this.#open(id, { folder: real, workspaceFolder });
  }

  /** Concurrent requests for the same folder share one attempt. */
  #open(id: string, place: Place): Promise<Opened> {
    let opening = this.#opening.get(id);
    if (!opening) {
      opening = this.#openOrAttach(id, place).finally(() => this.#opening.delete(id));
      this.#opening.set(id, opening);
    }
    return opening;
  }

  /** Returns when the workspace is open here, or in another engine that responds. */
  async #openOrAttach(id: string, place: Place): Promise<Opened> {
    const { folder, workspaceFolder } = place;
    const warning = isOnNetworkDisk(workspaceFolder)
      ? `The workspace ${workspaceFolder} is on a network disk. Open it on only one machine at a time, or choose a place on a local disk with --workspace.`
      : null;
    const opened: Opened = { id, folder, warning };
    if (this.#local.has(id)) return opened;
    if (this.#closing) throw new WinnowError('engine-gone', 'Winnow is closing. Start it again.');
    prepareFolder(workspaceFolder, folder);
    for (const startedAt = Date.now(); ; await delay(retryMs)) {
      const lock = takeLock(workspaceFolder, this.#self);
      const owner = readLockOwner(workspaceFolder);
      const isOwn = owner?.pipe === this.#self.pipe;
      // Also asks if this engine got the lock: somebody may have deleted the file that another engine has locked.
      const state = owner && !isOwn ? await askLockOwner(owner, id) : 'gone';
      if (state === 'silent' || (state === 'open' && owner)) {
        lock?.release();
        if (state === 'silent') throw silentError(owner as LockOwner);
        const attachment = await attach(owner as LockOwner, id, { client: false });
        this.#remote.get(id)?.attachment?.detach();
        this.#remote.set(id, { owner: owner as LockOwner, attachment });
        this.#places.set(id, place);
        return opened;
      }
      if (lock) {
        this.#openHere(id, place, lock);
        return opened;
      }
      if (state !== 'opening' && Date.now() - startedAt > this.#giveUpAfterMs) throw unreachableError(owner);
    }
  }

  #openHere(id: string, place: Place, lock: Lock) {
    const { folder, workspaceFolder } = place;
    let workspace: OpenWorkspace | null = null;
    try {
      announce(workspaceFolder, this.#self);
      workspace = new OpenWorkspace(id, folder, workspaceFolder, this.compute);
      if (workspace.firstFolder !== folder) throw otherFolderError({ folder: workspace.firstFolder, workspaceFolder });
      this.#remote.get(id)?.attachment?.detach();
      this.#remote.delete(id);
      this.#places.set(id, place);
      this.#local.set(id, { workspace, lock, users: 0, idleSince: Date.now() });
    } catch (error) {
      void workspace?.close();
      lock.release();
      throw error;
    }
  }

  backups = ({ folder, workspace }: { folder: string; workspace?: string }): Promise<Backup[]> =>
    existingWorkspace({ folder, workspace }, 'there is nothing to restore.').then(listBackups);

  async restore({
    folder,
    workspace,
    backup,
  }: {
    folder: string;
    workspace?: string;
    backup: string | null;
  }): Promise<Restored> {
    const workspaceFolder = await existingWorkspace({ folder, workspace }, 'there is nothing to restore.');
    const id = shortHash(workspaceFolder);
    await this.#close(id);
    const lock = takeLock(workspaceFolder, this.#self);
    if (!lock) {
      const owner = readLockOwner(workspaceFolder);
      throw new WinnowError(
        'workspace-busy',
        `Another Winnow${owner ? ` (process ${owner.pid})` : ''} has this folder open. Close it, then restore the backup.`,
      );
    }
    try {
      return restoreBackup(workspaceFolder, backup);
    } finally {
      lock.release();
    }
  }

  /** The answer to another process that asks at `/alive`. */
  stateOf(id: string): 'open' | 'opening' | 'closed' {
    return this.#opening.has(id) ? 'opening' : this.#local.has(id) && !this.#closing ? 'open' : 'closed';
  }

  /** Returns the workspace, or the other engine that has it open, or null if it was never opened here. Opens a workspace again that was closed as idle. */
  async reach(id: string): Promise<OpenWorkspace | RemoteWorkspace | null> {
    await this.#opening.get(id)?.catch(() => undefined);
    const local = this.#local.get(id);
    if (local) return local.workspace;
    const remote = this.#remote.get(id);
    if (remote?.attachment && !remote.attachment.lost.aborted) return remote;
    const place = this.#places.get(id);
    if (!place) return null;
    await this.#open(id, place);
    return this.#local.get(id)?.workspace ?? this.#remote.get(id) ?? null;
  }

  /** Call this when another engine has ended or is closing the workspace: the next `reach` tries again. */
  detach(id: string) {
    this.#remote.get(id)?.attachment?.detach();
    this.#remote.delete(id);
  }

  /** Keeps the workspace open until the returned function is called. */
  keepOpen(id: string): () => void {
    const local = this.#local.get(id);
    if (!local) return () => undefined;
    local.users++;
    let isUsed = true;
    return () => {
      if (!isUsed) return;
      isUsed = false;
      local.users--;
      local.idleSince = Date.now();
    };
  }

  /** Closes folders that nobody has used for a while, which frees their lock and their memory. */
  async closeIdle(afterMs = closeIdleAfterMs) {
    for (const [id, { workspace, users, idleSince }] of this.#local) {
      const hasJobs = workspace.jobs.list().some(({ endedAt }) => endedAt === null);
      if (!users && !hasJobs && !workspace.watching.state && Date.now() - idleSince >= afterMs) await this.#close(id);
    }
  }

  async #close(id: string) {
    const local = this.#local.get(id);
    if (!local) return;
    this.#local.delete(id);
    try {
      await local.workspace.close();
    } finally {
      local.lock.release();
    }
  }

  async close() {
    this.#closing = true;
    clearInterval(this.#idleTimer);
    await Promise.allSettled(this.#opening.values());
    await Promise.allSettled([...this.#local.keys()].map((id) => this.#close(id)));
    for (const { attachment } of this.#remote.values()) attachment?.detach();
    this.#remote.clear();
    await this.compute.stop();
  }
}

const otherFolderError = ({ folder, workspaceFolder }: Place) =>
  new WinnowError(
    'bad-request',
    `The workspace ${workspaceFolder} belongs to the folder ${folder}. Choose another workspace with --workspace.`,
  );
