/**
 * The engine: opens folders, each into its own workspace, and knows the engines of others where they came first. Everything heavy goes to
 * one compute process.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { methods } from '../compute/anomaly/index.ts';
import { ComputeError, startCompute, type Compute } from '../compute/child.ts';
import { classifiers } from '../compute/classify/index.ts';
import { z } from 'zod';
import { WinnowError } from '../contract/errors.ts';
import type { ModelSummary } from '../contract/classifier.ts';
import type { estimateSchema, summarySchema } from '../contract/schemas.ts';
import type { EngineService } from '../contract/services.ts';
import type { BackendChoice, BackendState, Component, EngineInfo, ExportFormat, MemoryEstimate, Method, Model } from '../contract/types.ts';
import { formats } from '../export/index.ts';
import { examine } from '../setup/doctor.ts';
import { dataFolder } from '../setup/folders.mjs';
import { chosenBackend, keepBackend } from './backend-choice.ts';
import { isInside } from '../file/output.ts';
import { lock, unlock, type Holder } from './lock.ts';
import { checkRank } from './rank.ts';
import { inWords } from './runs.ts';
import { checkTrain } from './train.ts';
import { OpenWorkspace } from './workspace.ts';

export const root = resolve(import.meta.dirname, '..', '..');
export const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };

interface Foreign { holder: Holder; folder: string; workspaceFolder: string }

export class Engine implements EngineService {
  #self: Holder;
  #compute: Compute = startCompute({ env: () => ({ WINNOW_BACKEND: chosenBackend().choice }) });
  #open = new Map<string, OpenWorkspace>();
  #foreign = new Map<string, Foreign>();
  #opening = new Map<string, Promise<{ id: string; folder: string }>>();

  /** `pipe` must be listening: other engines come there. */
  constructor(pipe: string) {
    this.#self = { pid: process.pid, pipe };
  }

  info(): EngineInfo {
    const sampleFolder = join(root, 'assets', 'sample', 'cookies');
    return { version, platform: process.platform, sampleFolder: existsSync(sampleFolder) ? sampleFolder : null };
  }

  async backend(): Promise<BackendState> {
    const running = await this.#compute.backend().catch((error: ComputeError) => error);
    const isUp = !(running instanceof ComputeError);
    return { ...chosenBackend(), running: isUp ? running : null, problem: isUp ? null : running.message };
  }

  async chooseBackend(choice: BackendChoice): Promise<BackendState> {
    const { choice: before, fixed } = chosenBackend();
    if (fixed) throw new WinnowError('bad-request', `Winnow was started with the backend ‘${before}’ (WINNOW_BACKEND or --backend). Start it without to choose here.`);
    const job = [...this.#open.values()].flatMap((workspace) => workspace.jobs()).find(({ state }) => state === 'running');
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
    return this.#compute.estimate({ method, params: checked.parameters }).catch((error: unknown) => { throw inWords(error); });
  }

  methods = (): Method[] => methods.map(methodOf);
  models = (): Model[] => classifiers.map((record) => ({ ...methodOf(record), modes: Object.fromEntries(Object.entries(record.modes).map(([mode, schema]) => [mode, jsonSchemaOf(schema)])) }));

  async summary({ model, mode, parameters, classes }: z.infer<typeof summarySchema>): Promise<ModelSummary> {
    const checked = checkTrain({ model, mode, parameters });
    return this.#compute.summarise({ model, mode, params: checked.parameters, classes }).catch((error: unknown) => { throw inWords(error); });
  }

  exportFormats = (): ExportFormat[] => formats.map(({ id, title, summary }) => ({ id, title, summary }));

  async listFolders(path: string | null) {
    const at = resolve(path?.replace(/^~(?=$|[\\/])/, homedir()) ?? homedir());
    try {
      const entries = await readdir(at, { withFileTypes: true });
      const folders = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => ({ name, path: join(at, name) }));
      return { path: at, parent: dirname(at) === at ? null : dirname(at), folders: folders.sort((a, b) => a.name.localeCompare(b.name)) };
    } catch (error) {
      throw new WinnowError('no-folder', `The folder ${at} cannot be listed: ${(error as Error).message}`);
    }
  }

  open({ folder, workspace }: { folder: string; workspace?: string }): Promise<{ id: string; folder: string }> {
    const real = realFolder(folder);
    const workspaceFolder = workspace ? resolve(workspace) : defaultWorkspace(real);
    if (isInside(real, workspaceFolder)) {
      return Promise.reject(new WinnowError('bad-request', 'The workspace lies inside the opened folder, which is never written to. Choose another place for it.'));
    }
    const id = hash(workspaceFolder);
    // Two doors may ask for the same folder at once.
    let opening = this.#opening.get(id);
    if (!opening) {
      opening = this.#take(id, real, workspaceFolder).finally(() => this.#opening.delete(id));
      this.#opening.set(id, opening);
    }
    return opening;
  }

  async #take(id: string, folder: string, workspaceFolder: string): Promise<{ id: string; folder: string }> {
    const open = this.#open.get(id);
    if (open) {
      if (open.folder !== folder) throw new WinnowError('bad-request', `The workspace ${workspaceFolder} belongs to the folder ${open.folder}.`);
      return { id, folder };
    }
    mkdirSync(workspaceFolder, { recursive: true, mode: 0o700 });
    const holder = await lock(workspaceFolder, this.#self);
    if (holder) {
      this.#foreign.set(id, { holder, folder, workspaceFolder });
      return { id, folder };
    }
    this.#foreign.delete(id);
    try {
      const opened = new OpenWorkspace(id, folder, workspaceFolder, this.#compute);
      const owner = opened.firstFolder;
      if (owner !== folder) {
        await opened.close();
        throw new WinnowError('bad-request', `The workspace ${workspaceFolder} belongs to the folder ${owner}. Name another with --workspace.`);
      }
      this.#open.set(id, opened);
    } catch (error) {
      unlock(workspaceFolder, this.#self);
      throw error;
    }
    return { id, folder };
  }

  /** The workspace where this engine has it; the pipe of the engine that has it; or null. */
  find(id: string): OpenWorkspace | { pipe: string } | null {
    return this.#open.get(id) ?? this.#foreign.get(id)?.holder ?? null;
  }

  /** To be called when another engine no longer answers: takes the workspace over. */
  async takeOver(id: string): Promise<OpenWorkspace | null> {
    const foreign = this.#foreign.get(id);
    if (!foreign) return this.#open.get(id) ?? null;
    await this.open({ folder: foreign.folder, workspace: foreign.workspaceFolder });
    return this.#open.get(id) ?? null;
  }

  async close() {
    for (const workspace of this.#open.values()) {
      await workspace.close();
      unlock(workspace.workspaceFolder, this.#self);
    }
    this.#open.clear();
    await this.#compute.stop();
  }
}

const jsonSchemaOf = (schema: z.ZodType): Record<string, unknown> => z.toJSONSchema(schema, { io: 'input' });
const methodOf = ({ id, title, summary, schema }: Omit<Method, 'schema'> & { schema: z.ZodType }): Method => ({ id, title, summary, schema: jsonSchemaOf(schema) });

function realFolder(folder: string): string {
  const path = resolve(folder.replace(/^~(?=$|[\\/])/, homedir()));
  if (!existsSync(path)) throw new WinnowError('no-folder', `There is no folder ${path}.`);
  if (!statSync(path).isDirectory()) throw new WinnowError('no-folder', `${path} is a file. Open the folder that holds it.`);
  return realpathSync(path);
}

const hash = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 16);

const defaultWorkspace = (folder: string) => join(dataFolder(), 'workspaces', `${basename(folder).replace(/[^\p{L}\p{N}._-]/gu, '_').slice(0, 40) || 'root'}-${hash(folder)}`);
