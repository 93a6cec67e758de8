/** The page as a whole: the open folder and the open dialog. */
import type { EngineInfo } from '../../src-main/contract/machine.ts';
import type { ExportFormat } from '../../src-main/contract/export-types.ts';
import type { Model, Run, RunSummary, ScorerMethod, ScorerOutputs } from '../../src-main/contract/types.ts';
import { codeOf, engine, messageOf, shell } from '../lib/engine.ts';
import type { Place } from './place.ts';
import { Session } from './session.svelte.ts';
import { settings } from './settings.svelte.ts';
import { Training } from './training.svelte.ts';
import { View } from './view.svelte.ts';

class App {
  /** Set by `main.ts`: records of places import panels, and panels import this. */
  places: readonly Place[] = [];
  session = $state.raw<Session | null>(null);
  view = $state.raw<View | null>(null);
  training = $state.raw<Training | null>(null);
  info = $state.raw<EngineInfo | null>(null);
  /** Descriptions of the scorers. */
  methods = $state.raw<readonly ScorerMethod[]>([]);
  /** Descriptions of the classifier architectures. */
  models = $state.raw<readonly Model[]>([]);
  exportFormats = $state.raw<readonly ExportFormat[]>([]);
  opening = $state<string | null>(null);
  /** The error message if the last folder could not be opened. */
  problem = $state<string | null>(null);
  /** The folder whose workspace is damaged; a backup can be restored. */
  damaged = $state.raw<{ folder: string; workspace?: string } | null>(null);
  dialog = $state<
    | 'export'
    | 'import'
    | 'keys'
    | 'jobs'
    | 'history'
    | 'palette'
    | 'export-model'
    | 'export-maps'
    | 'export-detector'
    | 'saved-detector'
    | 'not-applied'
    | 'keep-best'
    | null
  >(null);

  /** The outputs of a ranking for each image; null if this version does not know the method. */
  outputsOf({ method }: Pick<Run, 'method'>): ScorerOutputs | null {
    return this.methods.find(({ id }) => id === method)?.gives ?? null;
  }

  /** The ranking whose error maps are shown and exported: the chosen one, if its method has maps. */
  get mapRun(): RunSummary | null {
    const run = this.view?.scored ?? null;
    return run && this.outputsOf(run)?.map ? run : null;
  }

  /** The ranking whose normal patches are shown beside a place: the chosen one, if its method keeps them. */
  get unlikeRun(): RunSummary | null {
    const run = this.mapRun;
    return run && this.outputsOf(run)?.nearestPatch ? run : null;
  }

  async start() {
    try {
      [this.info, this.methods, this.models, this.exportFormats] = await Promise.all([
        engine.engine.info.query(),
        engine.engine.methods.query(),
        engine.engine.models.query(),
        engine.engine.exportFormats.query(),
      ]);
    } catch (error) {
      this.problem = messageOf(error);
    }
    const query = new URLSearchParams(location.search);
    const folder = query.get('folder');
    if (folder) await this.open(folder, query.get('workspace') ?? undefined);
  }

  async open(folder: string, workspace?: string) {
    this.opening = folder;
    this.problem = null;
    this.damaged = null;
    try {
      const session = await Session.open({ folder, workspace });
      this.session?.close();
      this.session = session;
      this.view = new View(session, this.places);
      this.training = new Training(session, this.view, () => this.models);
      const { view } = this;
      void session.complete.then(() => view.resume());
      history.replaceState(
        null,
        '',
        `?${new URLSearchParams({ folder: session.folder, ...(workspace ? { workspace } : {}) })}`,
      );
      void shell?.setTitle(`${session.workspace?.name} · Winnow`);
      document.title = `${session.workspace?.name} · Winnow`;
      // The sample images are part of the program and always on the start page.
      if (session.folder !== this.info?.sampleFolder) await settings.addRecent(session.folder);
    } catch (error) {
      this.problem = messageOf(error);
      if (codeOf(error) === 'workspace-corrupt') this.damaged = { folder, ...(workspace ? { workspace } : {}) };
    } finally {
      this.opening = null;
    }
  }

  async choose() {
    const folder = await shell?.chooseFolder();
    if (folder) await this.open(folder);
  }

  closeFolder() {
    this.session?.close();
    this.session = null;
    this.view = null;
    this.training = null;
    history.replaceState(null, '', '/');
    document.title = 'Winnow';
  }
}

export const app = new App();
