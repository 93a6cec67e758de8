/**
 * The engine: opens folders, each with its own workspace, and forwards to another engine if that one has the folder open. Heavy work runs in
 * one compute process.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { homedir, hostname } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { scorers } from '../compute/anomaly/index.ts';
import { ComputeError, startCompute, type Compute } from '../compute/child.ts';
import { classifiers } from '../compute/classify/index.ts';
import { z } from 'zod';
import { WinnowError } from '../contract/errors.ts';
import type { ModelSummary } from '../contract/classifier.ts';
import type { estimateSchema, summarySchema } from '../contract/schemas.ts';
import type { EngineCalls } from '../contract/procedures.ts';
import type { BackendChoice, BackendState, Component, EngineInfo, MemoryEstimate } from '../contract/machine.ts';
import type {
  Backup,
  ExportFormat,
  FolderList,
  Method,
  Model,
  ScorerMethod,
  Opened,
  Restored,
} from '../contract/types.ts';
import { formats } from '../export/index.ts';
import { examine } from '../doctor/doctor.ts';
import { dataFolder } from '../setup/folders.mjs';
import { chosenBackend, keepBackend } from '../compute/backend-choice.ts';
import { askDisk } from '../file/gate.ts';
import { isInside, isMissing } from '../file/output.ts';
import { askLockOwner, attach, silentError, unreachableError, type Attachment } from './lock-owner.ts';
import { announce, networkDisk, readLockOwner, takeLock, type LockOwner, type Lock } from './lock.ts';
import { listBackups, restoreBackup } from '../workspace/backups.ts';
import { checkRank, checkTrain } from '../workspace/check-request.ts';
import { toWinnowError } from '../workspace/runs.ts';
import { OpenWorkspace } from './open-workspace.ts';
import { prepareFolder } from '../workspace/workspace-file.ts';

export const root = resolve(import.meta.dirname, '..', '..');
export const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };

/** A workspace that another engine holds. */
export interface RemoteWorkspace {
  owner: LockOwner;
  /** Null where that engine was closing the folder when it was asked. */
  attachment: Attachment | null;
}

/** A workspace that this engine holds, and who uses it. */
interface LocalWorkspace {
  workspace: OpenWorkspace;
  lock: Lock;
  users: number;
  /** Since when nobody does. */
  idleSince: number;
}

interface Place {
  folder: string;
  workspaceFolder: string;
}

const askAgainMs = 40;
/** A folder that no page and no command has used for so long, and in which nothing runs, is closed; the next request opens it again. */
const closeIdleAfterMs = 60_000;

export class Engine implements EngineCalls {
  #self: LockOwner;
  #compute: Compute = startCompute({ env: () => ({ WINNOW_BACKEND: chosenBackend().choice }) });
  #local = new Map<string, LocalWorkspace>();
  #remote = new Map<string, RemoteWorkspace>();
  /** Of every workspace that was opened here: what is needed to open it again. */
  #places = new Map<string, Place>();
  #opening = new Map<string, Promise<Opened>>();
  #idle: NodeJS.Timeout;
  #closing = false;

  readonly #giveUpAfterMs: number;

  /** `pipe` must be listening: other engines come there. `giveUpAfterMs`: what another engine may take to open or to close a folder before it is told as not reachable. */
  constructor(pipe: string, { giveUpAfterMs = 15_000 }: { giveUpAfterMs?: number } = {}) {
    this.#giveUpAfterMs = giveUpAfterMs;
    this.#self = { pid: process.pid, pipe, host: hostname(), since: Date.now() };
    this.#idle = setInterval(() => void this.closeIdle(), closeIdleAfterMs / 2).unref();
  }

  info(): EngineInfo {
    const sampleFolder = join(root, 'assets', 'sample', 'cookies');
    return { version, platform: process.platform, sampleFolder: existsSync(sampleFolder) ? sampleFolder : null };
  }

  async backend(): Promise<BackendState> {
    const running = await this.#compute.call('backend', undefined).catch((error: ComputeError) => error);
    const isUp = !(running instanceof ComputeError);
    return { ...chosenBackend(), running: isUp ? running : null, problem: isUp ? null : running.message };
  }

  async chooseBackend({ choice }: { choice: BackendChoice }): Promise<BackendState> {
    const { choice: before, fixed } = chosenBackend();
    if (fixed)
      throw new WinnowError(
        'bad-request',
        `Winnow was started with the backend ‘${before}’ (WINNOW_BACKEND or --backend). Start it without this setting to choose here.`,
      );
    const job = [...this.#local.values()]
      .flatMap(({ workspace }) => workspace.jobs.list())
      .find(({ state }) => state === 'running');
    if (job)
      throw new WinnowError('job-running', `${job.title} is still running. Cancel it or wait until it is finished.`);
    keepBackend(choice);
    await this.#compute.stop(); // the next call starts one on what is kept
    const state = await this.backend();
    if (state.running) return state;
    keepBackend(before);
    await this.#compute.stop();
    throw new WinnowError('compute-failed', state.problem ?? 'The compute process does not start.');
  }

  doctor = (): Promise<Component[]> => examine();

  async estimate({ method, parameters }: z.infer<typeof estimateSchema>): Promise<MemoryEstimate | null> {
    const checked = checkRank({ method, parameters });
    return this.#compute.call('estimate', { method, params: checked.parameters }).catch((error: unknown) => {
      throw toWinnowError(error);
    });
  }

  methods = (): ScorerMethod[] =>
    scorers.map((record) => ({ ...methodOf(record), short: record.short, inputs: record.inputs, gives: record.gives }));
  models = (): Model[] =>
    classifiers.map((record) => ({
      ...methodOf(record),
      modes: Object.fromEntries(Object.entries(record.modes).map(([mode, schema]) => [mode, jsonSchemaOf(schema)])),
    }));

  async summary({ model, mode, parameters, classes }: z.infer<typeof summarySchema>): Promise<ModelSummary> {
    const checked = checkTrain({ model, mode, parameters });
    return this.#compute
      .call('summarise', { model, mode, params: checked.parameters, classes })
      .catch((error: unknown) => {
        throw toWinnowError(error);
      });
  }

  exportFormats = (): ExportFormat[] => formats.map(({ id, title, summary }) => ({ id, title, summary }));

  async folders({ path }: { path: string | null }): Promise<FolderList> {
    const at = resolve(path?.replace(/^~(?=$|[\\/])/, homedir()) ?? homedir());
    try {
      const entries = await readdir(at, { withFileTypes: true });
      const folders = entries
        .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
        .map(({ name }) => ({ name, path: join(at, name) }));
      return {
        path: at,
        parent: dirname(at) === at ? null : dirname(at),
        folders: folders.sort((a, b) => a.name.localeCompare(b.name)),
      };
    } catch (error) {
      throw new WinnowError('no-folder', `The folder ${at} cannot be listed: ${(error as Error).message}`);
    }
  }

  async open({ folder, workspace }: { folder: string; workspace?: string }): Promise<Opened> {
    const real = await realFolder(folder);
    const workspaceFolder = workspace ? resolve(workspace) : defaultWorkspace(real);
    if (isInside(real, workspaceFolder)) {
      throw new WinnowError(
        'bad-request',
        'The workspace is inside the opened folder, which Winnow never writes to. Choose another place with --workspace.',
      );
    }
    const id = hash(workspaceFolder);
    const known = this.#places.get(id);
    if (known && known.folder !== real) throw belongsTo(known);
    return this.#open(id, { folder: real, workspaceFolder });
  }

  /** Two clients may open the same folder at once. */
  #open(id: string, place: Place): Promise<Opened> {
    let opening = this.#opening.get(id);
    if (!opening) {
      opening = this.#take(id, place).finally(() => this.#opening.delete(id));
      this.#opening.set(id, opening);
    }
    return opening;
  }

  /** Returns when the workspace is open here, or another engine that answers has it open. */
  async #take(id: string, place: Place): Promise<Opened> {
    const { folder, workspaceFolder } = place;
    const warning = networkDisk(workspaceFolder)
      ? `The workspace ${workspaceFolder} is on a network disk. Open it on only one machine at a time, or choose a place on a local disk with --workspace.`
      : null;
    const opened: Opened = { id, folder, warning };
    if (this.#local.has(id)) return opened;
    if (this.#closing) throw new WinnowError('engine-gone', 'Winnow is closing. Start it again.');
    prepareFolder(workspaceFolder, folder);
    for (const began = Date.now(); ; await delay(askAgainMs)) {
      const lock = takeLock(workspaceFolder, this.#self);
      const owner = readLockOwner(workspaceFolder);
      const isOwn = owner?.pipe === this.#self.pipe;
      // Asked even with the lock in hand: somebody may have deleted the file that another engine has locked.
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
        this.#hold(id, place, lock);
        return opened;
      }
      if (state !== 'opening' && Date.now() - began > this.#giveUpAfterMs) throw unreachableError(owner);
    }
  }

  #hold(id: string, place: Place, lock: Lock) {
    const { folder, workspaceFolder } = place;
    let workspace: OpenWorkspace | null = null;
    try {
      announce(workspaceFolder, this.#self);
      workspace = new OpenWorkspace(id, folder, workspaceFolder, this.#compute);
      if (workspace.firstFolder !== folder) throw belongsTo({ folder: workspace.firstFolder, workspaceFolder });
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
    this.#placeOf(folder, workspace).then(listBackups);

  async restore({
    folder,
    workspace,
    backup,
  }: {
    folder: string;
    workspace?: string;
    backup: string | null;
  }): Promise<Restored> {
    const workspaceFolder = await this.#placeOf(folder, workspace);
    const id = hash(workspaceFolder);
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

  async #placeOf(folder: string, workspace?: string): Promise<string> {
    const workspaceFolder = workspace ? resolve(workspace) : defaultWorkspace(await realFolder(folder));
    if (!existsSync(workspaceFolder))
      throw new WinnowError('no-workspace', `Winnow has no workspace for ${folder}: there is nothing to restore.`);
    return workspaceFolder;
  }

  /** For `/alive`: the answer for another process. */
  stateOf(id: string): 'open' | 'opening' | 'closed' {
    return this.#opening.has(id) ? 'opening' : this.#local.has(id) && !this.#closing ? 'open' : 'closed';
  }

  /** The workspace where this engine has it; the engine that has it; or null where it was never opened here. Opens again what was closed meanwhile. */
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

  /** To be called when another engine is found to have ended or to be closing: the next `reach` looks again. */
  forget(id: string) {
    this.#remote.get(id)?.attachment?.detach();
    this.#remote.delete(id);
  }

  /** Somebody uses the workspace until the returned function is called. */
  use(id: string): () => void {
    const local = this.#local.get(id);
    if (!local) return () => undefined;
    local.users++;
    let used = true;
    return () => {
      if (!used) return;
      used = false;
      local.users--;
      local.idleSince = Date.now();
    };
  }

  /** Closes what nobody has used for a while: file, lock and columns are free again. */
  async closeIdle(afterMs = closeIdleAfterMs) {
    for (const [id, { workspace, users, idleSince }] of this.#local) {
      const isAtWork = workspace.jobs.list().some(({ endedAt }) => endedAt === null);
      if (!users && !isAtWork && Date.now() - idleSince >= afterMs) await this.#close(id);
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
    clearInterval(this.#idle);
    await Promise.allSettled(this.#opening.values());
    await Promise.allSettled([...this.#local.keys()].map((id) => this.#close(id)));
    for (const { attachment } of this.#remote.values()) attachment?.detach();
    this.#remote.clear();
    await this.#compute.stop();
  }
}

const belongsTo = ({ folder, workspaceFolder }: Place) =>
  new WinnowError(
    'bad-request',
    `The workspace ${workspaceFolder} belongs to the folder ${folder}. Name another with --workspace.`,
  );

const jsonSchemaOf = (schema: z.ZodType): Record<string, unknown> => z.toJSONSchema(schema, { io: 'input' });
const methodOf = ({ id, title, summary, schema }: Omit<Method, 'schema'> & { schema: z.ZodType }): Method => ({
  id,
  title,
  summary,
  schema: jsonSchemaOf(schema),
});

/** Asked through the gate: a network folder that does not answer holds up nobody else. */
async function realFolder(folder: string): Promise<string> {
  const path = resolve(folder.replace(/^~(?=$|[\\/])/, homedir()));
  const info = await askDisk(() => stat(path)).catch((error: unknown) => {
    if (isMissing(error)) throw new WinnowError('no-folder', `There is no folder ${path}.`, { cause: error });
    throw error;
  });
  if (!info.isDirectory()) throw new WinnowError('no-folder', `${path} is a file. Open the folder that holds it.`);
  return askDisk(() => realpath(path));
}

const hash = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 16);

const defaultWorkspace = (folder: string) =>
  join(
    dataFolder(),
    'workspaces',
    `${
      basename(folder)
        .replace(/[^\p{L}\p{N}._-]/gu, '_')
        .slice(0, 40) || 'root'
    }-${hash(folder)}`,
  );
