/** The page as a whole: which folder is open, which dialog is up. */
import type { EngineInfo } from '../../src-main/contract/machine.ts';
import type { ExportFormat, Model, Run, ScorerMethod, ScorerOutputs } from '../../src-main/contract/types.ts';
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
  /** The scorers. */
  methods = $state.raw<readonly ScorerMethod[]>([]);
  /** The architectures that classify. */
  models = $state.raw<readonly Model[]>([]);
  exportFormats = $state.raw<readonly ExportFormat[]>([]);
  opening = $state<string | null>(null);
  /** Why the last folder could not be opened. */
  problem = $state<string | null>(null);
  /** The folder whose workspace is damaged: a backup can be brought back. */
  damaged = $state.raw<{ folder: string; workspace?: string } | null>(null);
  dialog = $state<'export' | 'import' | 'keys' | 'jobs' | 'history' | 'palette' | 'export-model' | 'aside' | null>(
    null,
  );

  /** What a ranking gives for each image; null where its method is not known here. */
  outputsOf({ method }: Pick<Run, 'method'>): ScorerOutputs | null {
    return this.methods.find(({ id }) => id === method)?.gives ?? null;
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
      // The images that come with the program lie inside it; they are always on the start page.
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
