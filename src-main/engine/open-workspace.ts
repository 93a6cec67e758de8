/** An open folder: its stores, its jobs, and the events for its clients. The calls of the contract are in `calls/`. The folder itself is only read. */
import { EventEmitter, on } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Compute } from '../compute/child.ts';
import type { Edited, Job, Run, WorkspaceEvent } from '../contract/types.ts';
import type { JobType } from '../jobs/job-type.ts';
import type { Database } from '../workspace/database.ts';
import { Groups } from '../workspace/groups.ts';
import { Imports } from '../workspace/import.ts';
import { Jobs } from '../jobs/queue.ts';
import { Journal, type Action, type Edit } from '../workspace/journal.ts';
import { Previews } from '../jobs/preview.ts';
import { Watching } from '../jobs/watch.ts';
import { Quality } from '../workspace/quality.ts';
import { deletedForMs, purgeRuns } from '../workspace/purge-runs.ts';
import { Runs } from '../workspace/runs.ts';
import type { Plane } from '../contract/plane.ts';
import type { Levels } from '../image/levels.ts';
import { setFolderRendering } from '../image/rendering.ts';
import { readingsVersion } from '../jobs/scan.ts';
import { Settings } from '../workspace/settings.ts';
import { RowStore } from '../rows/row-store.ts';
import { Table } from '../workspace/table.ts';
import { Trials } from '../workspace/trials.ts';
import type { RunningSearches } from '../jobs/search/running.ts';
import type { Trial } from '../contract/search.ts';
import { WorkspaceFile } from '../workspace/workspace-file.ts';
import type { CallContext } from './calls/context.ts';
import { callsOf } from './calls/index.ts';
import { insideArrays } from './calls/inside-arrays.ts';
import type { InsideCalls } from '../contract/inside-procedures.ts';

export class OpenWorkspace implements CallContext {
  readonly id: string;
  readonly folder: string;
  readonly workspaceFolder: string;
  readonly compute: Compute;
  readonly db: Database;
  readonly table: Table;
  readonly rows: RowStore;
  readonly settings: Settings;
  readonly journal: Journal;
  readonly quality: Quality;
  readonly groups: Groups;
  readonly runs: Runs;
  readonly trials: Trials;
  readonly searches: RunningSearches = new Map();
  readonly jobs: Jobs;
  readonly imports = new Imports();
  readonly previews: Previews;
  readonly watching: Watching;
  /** The calls that the router serves for this folder. */
  readonly calls: ReturnType<typeof callsOf>;
  /** The calls that answer with arrays (`door/inside.ts`). */
  readonly inside: InsideCalls;
  #file: WorkspaceFile;
  #events = new EventEmitter<{ event: [WorkspaceEvent] }>().setMaxListeners(0);

  constructor(id: string, folder: string, workspaceFolder: string, compute: Compute) {
    this.id = id;
    this.folder = folder;
    this.workspaceFolder = workspaceFolder;
    this.compute = compute;
    this.#file = new WorkspaceFile(workspaceFolder, folder);
    this.db = this.#file.db;
    this.table = new Table(this.db);
    this.rows = new RowStore(this.db, workspaceFolder);
    if (this.table.discardOldReadings(readingsVersion)) {
      // Thumbnails of other pixels, and those that the first version stored; the next scan makes them again.
      for (const name of ['thumbs', 'thumb']) rmSync(join(workspaceFolder, name), { recursive: true, force: true });
      this.rows.forget(this.table.hashesOfChangedPixels());
    }
    setFolderRendering(folder, {
      levels: JSON.parse(this.table.meta('levels') ?? '{}') as Levels,
      plane: JSON.parse(this.table.meta('plane') ?? '{}') as Plane,
    });
    this.settings = new Settings(this.db);
    this.journal = new Journal(this.db, this.table, this.settings, () => this.#file.afterStep());
    this.groups = new Groups(this.db, this.table, this.settings);
    this.quality = new Quality(this.table, this.settings, this.groups);
    this.runs = new Runs(this.db, workspaceFolder);
    this.trials = new Trials(this.db);
    let published = this.table.revision;
    this.jobs = new Jobs((job) => {
      if (this.table.revision !== published) {
        published = this.table.revision;
        this.#publish(this.#changed());
      }
      this.#publish({ type: 'job', job });
    });
    this.previews = new Previews(this);
    this.watching = new Watching(this, this.jobs, (watch) => this.#publish({ type: 'watch', watch }));
    this.calls = callsOf(this);
    this.inside = insideArrays(this);
    purgeRuns(this, Date.now() - deletedForMs);
    if (this.table.places.choice() === null && this.table.count().samples) this.table.assignClasses(); // of an earlier version
    if (this.table.meta('folder') === null) this.table.setMeta('folder', folder);
  }

  get key(): string {
    return this.#file.key;
  }

  /** The folder that this workspace was created for. */
  get firstFolder(): string {
    return this.table.meta('folder') as string;
  }

  start<Request>(type: JobType<Request>, request: Request): Job {
    const { title, run, isBehind, runId } = type.prepare(request, this);
    return this.jobs.start(type.kind, title, run, { isBehind, runId });
  }

  publishRun = (run: Run): void => this.#publish({ type: 'run', run: this.runs.summaryOf(run) });

  publishTrial = (search: string, trial: Trial): void => this.#publish({ type: 'trial', search, trial });

  edit = (action: Action, edit: Edit, titleOf: (changed: readonly number[]) => string): Edited => {
    let title = '';
    const changed = this.journal.edit(action, edit, (ids) => (title = titleOf(ids)));
    return this.edited({ changed, title });
  };

  edited = (step: { changed: number; title: string }): Edited => {
    this.#publish(this.#changed());
    return { ...step, journal: this.journal.state() };
  };

  async *events(signal: AbortSignal): AsyncGenerator<WorkspaceEvent> {
    const changes = on(this.#events, 'event', { signal });
    try {
      yield this.#changed();
      for (const job of this.jobs.list()) yield { type: 'job', job };
      yield { type: 'watch', watch: this.watching.state };
      for await (const [event] of changes) yield event as WorkspaceEvent;
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** Stops all work and closes the database. */
  async close() {
    this.imports.close();
    await this.watching.stop();
    await this.jobs.close();
    await this.#file.close();
    this.table.clearCache();
  }

  #changed = (): WorkspaceEvent => ({ type: 'changed', revision: this.table.revision, journal: this.journal.state() });
  #publish = (event: WorkspaceEvent): void => void this.#events.emit('event', event);
}
