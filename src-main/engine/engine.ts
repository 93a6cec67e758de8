/**
 * The engine: opens folders, each into its own workspace, and knows the engines of others where they came first. Everything heavy goes to
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
import { isInside } from '../file/output.ts';
import { askHolder, attach, silentError, unreachableError, type Attachment } from './holder.ts';
import { announce, networkDisk, readHolder, takeLock, type Holder, type Lock } from './lock.ts';
import { listBackups, restoreBackup } from '../workspace/backups.ts';
import { checkRank, checkTrain } from '../workspace/check-request.ts';
import { inWords } from '../workspace/runs.ts';
import { OpenWorkspace } from './open-workspace.ts';
import { prepareFolder } from '../workspace/workspace-file.ts';

export const root = resolve(import.meta.dirname, '..', '..');
export const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };

/** A workspace that another engine holds. */
export interface Elsewhere {
  holder: Holder;
  /** Null where that engine was closing the folder when it was asked. */
  attachment: Attachment | null;
}

/** A workspace that this engine holds, and who uses it. */
interface Held {
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
  #self: Holder;
  #compute: Compute = startCompute({ env: () => ({ WINNOW_BACKEND: chosenBackend().choice }) });
  #held = new Map<string, Held>();
  #elsewhere = new Map<string, Elsewhere>();
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
        `Winnow was started with the backend ‘${before}’ (WINNOW_BACKEND or --backend). Start it without to choose here.`,
      );
    const job = [...this.#held.values()]
      .flatMap(({ workspace }) => workspace.jobs.list())
      .find(({ state }) => state === 'running');
    if (job) throw new WinnowError('job-running', `${job.title} is still running. Cancel it or wait for it to end.`);
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
      throw inWords(error);
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
        throw inWords(error);
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
        'The workspace lies inside the opened folder, which is never written to. Choose another place for it.',
      );
    }
    const id = hash(workspaceFolder);
    const known = this.#places.get(id);
    if (known && known.folder !== real) throw belongsTo(known);
    return this.#open(id, { folder: real, workspaceFolder });
  }

  /** Two doors may ask for the same folder at once. */
  #open(id: string, place: Place): Promise<Opened> {
    let opening = this.#opening.get(id);
    if (!opening) {
      opening = this.#take(id, place).finally(() => this.#opening.delete(id));
      this.#opening.set(id, opening);
    }
    return opening;
  }

  /** Ends with the workspace held here, or known to be held by another engine that answers. */
  async #take(id: string, place: Place): Promise<Opened> {
    const { folder, workspaceFolder } = place;
    const warning = networkDisk(workspaceFolder)
      ? `The workspace ${workspaceFolder} lies on a network disk. Open it on one machine at a time, or choose a place on a local disk with --workspace.`
      : null;
    const opened: Opened = { id, folder, warning };
    if (this.#held.has(id)) return opened;
    if (this.#closing) throw new WinnowError('engine-gone', 'Winnow is closing. Start it again.');
    prepareFolder(workspaceFolder, folder);
    for (const began = Date.now(); ; await delay(askAgainMs)) {
      const lock = takeLock(workspaceFolder, this.#self);
      const holder = readHolder(workspaceFolder);
      const isOwn = holder?.pipe === this.#self.pipe;
      // Asked even with the lock in hand: somebody may have deleted the file that another engine has locked.
      const state = holder && !isOwn ? await askHolder(holder, id) : 'gone';
      if (state === 'silent' || (state === 'open' && holder)) {
        lock?.release();
        if (state === 'silent') throw silentError(holder as Holder);
        const attachment = await attach(holder as Holder, id, { guest: false });
        this.#elsewhere.get(id)?.attachment?.detach();
        this.#elsewhere.set(id, { holder: holder as Holder, attachment });
        this.#places.set(id, place);
        return opened;
      }
      if (lock) {
        this.#hold(id, place, lock);
        return opened;
      }
      if (state !== 'opening' && Date.now() - began > this.#giveUpAfterMs) throw unreachableError(holder);
    }
  }

  #hold(id: string, place: Place, lock: Lock) {
    const { folder, workspaceFolder } = place;
    let workspace: OpenWorkspace | null = null;
    try {
      announce(workspaceFolder, this.#self);
      workspace = new OpenWorkspace(id, folder, workspaceFolder, this.#compute);
      if (workspace.firstFolder !== folder) throw belongsTo({ folder: workspace.firstFolder, workspaceFolder });
      this.#elsewhere.get(id)?.attachment?.detach();
      this.#elsewhere.delete(id);
      this.#places.set(id, place);
      this.#held.set(id, { workspace, lock, users: 0, idleSince: Date.now() });
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
      const holder = readHolder(workspaceFolder);
      throw new WinnowError(
        'workspace-busy',
        `Another Winnow${holder ? ` (process ${holder.pid})` : ''} has this folder open. Close it, then restore the backup.`,
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
      throw new WinnowError('no-workspace', `Winnow has not worked on ${folder} yet: there is nothing to restore.`);
    return workspaceFolder;
  }

  /** For `/alive`: what another process is told. */
  stateOf(id: string): 'open' | 'opening' | 'closed' {
    return this.#opening.has(id) ? 'opening' : this.#held.has(id) && !this.#closing ? 'open' : 'closed';
  }

  /** The workspace where this engine has it; the engine that has it; or null where it was never opened here. Opens again what was closed meanwhile. */
  async reach(id: string): Promise<OpenWorkspace | Elsewhere | null> {
    await this.#opening.get(id)?.catch(() => undefined);
    const held = this.#held.get(id);
    if (held) return held.workspace;
    const elsewhere = this.#elsewhere.get(id);
    if (elsewhere?.attachment && !elsewhere.attachment.lost.aborted) return elsewhere;
    const place = this.#places.get(id);
    if (!place) return null;
    await this.#open(id, place);
    return this.#held.get(id)?.workspace ?? this.#elsewhere.get(id) ?? null;
  }

  /** To be called when another engine is found to have ended or to be closing: the next `reach` looks again. */
  forget(id: string) {
    this.#elsewhere.get(id)?.attachment?.detach();
    this.#elsewhere.delete(id);
  }

  /** Somebody uses the workspace until the returned function is called. */
  use(id: string): () => void {
    const held = this.#held.get(id);
    if (!held) return () => undefined;
    held.users++;
    let used = true;
    return () => {
      if (!used) return;
      used = false;
      held.users--;
      held.idleSince = Date.now();
    };
  }

  /** Closes what nobody has used for a while: file, lock and columns are free again. */
  async closeIdle(afterMs = closeIdleAfterMs) {
    for (const [id, { workspace, users, idleSince }] of this.#held) {
      const isAtWork = workspace.jobs.list().some(({ endedAt }) => endedAt === null);
      if (!users && !isAtWork && Date.now() - idleSince >= afterMs) await this.#close(id);
    }
  }

  async #close(id: string) {
    const held = this.#held.get(id);
    if (!held) return;
    this.#held.delete(id);
    try {
      await held.workspace.close();
    } finally {
      held.lock.release();
    }
  }

  async close() {
    this.#closing = true;
    clearInterval(this.#idle);
    await Promise.allSettled(this.#opening.values());
    await Promise.allSettled([...this.#held.keys()].map((id) => this.#close(id)));
    for (const { attachment } of this.#elsewhere.values()) attachment?.detach();
    this.#elsewhere.clear();
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
  const info = await askDisk(() => stat(path)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR')
      throw new WinnowError('no-folder', `There is no folder ${path}.`, { cause: error });
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
