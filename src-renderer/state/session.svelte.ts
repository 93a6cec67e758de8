/**
 * One open folder: samples, columns, runs, jobs, issues, synchronized with the engine by one event stream. Lists are replaced, never changed in
 * place. When the engine restarts, the folder is opened again automatically.
 */
import { columnPath } from '../../src-main/contract/address.ts';
import type { LabelQueue } from '../../src-main/contract/classifier.ts';
import { kindsOf, type ColumnValues, type ReadSource } from '../../src-main/contract/read.ts';
import type { Change } from '../../src-main/contract/schemas.ts';
import {
  jobEnded,
  type CheckState,
  type Column,
  type DuplicateKind,
  type Finding,
  type Group,
  type Issue,
  type Job,
  type JobKind,
  type Journal,
  type Run,
  type RunSummary,
  type Sample,
  type SavedView,
  type Workspace,
  type Edited,
} from '../../src-main/contract/types.ts';
import { connectWorkspace, engine, messageOf, retryOf, type Calls } from '../lib/engine.ts';
import { ColumnCache } from './column-cache.svelte.ts';
import { announceEnd, notices } from './notices.svelte.ts';
import { newestOf, RunRecords } from './run-records.svelte.ts';
import { workspaceKeyOf, Steps } from './steps.svelte.ts';
import { ScoreThresholds } from './threshold.svelte.ts';
import { Trials } from './trials.svelte.ts';
import { Watching } from './watching.svelte.ts';

const retryAfterMs = 700;
const quietMs = 120;
/** The number of samples in the first request, so that tiles appear at once, and in the later ones. */
const firstPart = 1500;
const laterPart = 20_000;
/** The pause between them, so that the pictures of the first tiles do not wait for the other rows. */
const restMs = 300;

export class Session {
  readonly id: string;
  readonly folder: string;
  readonly calls: Calls;
  workspace = $state.raw<Workspace | null>(null);
  /** By path. */
  samples = $state.raw<readonly Sample[]>([]);
  /** Ids of the samples, in order. A new list only when samples are added, removed or moved, not when they are marked. */
  ids = $state.raw<Int32Array>(new Int32Array());
  columns = $state.raw<readonly Column[]>([]);
  /** Summaries of all runs that are not deleted, newest first. */
  runs = $state.raw<readonly RunSummary[]>([]);
  showsArchived = $state(false);
  issues = $state.raw<readonly Issue[]>([]);
  checks = $state.raw<readonly CheckState[]>([]);
  findings = $state.raw<readonly Finding[]>([]);
  groups = $state.raw<readonly Group[]>([]);
  views = $state.raw<readonly SavedView[]>([]);
  /** Probable label errors; null before the first search. */
  labelQueue = $state.raw<LabelQueue | null>(null);
  jobs = $state.raw<readonly Job[]>([]);
  journal = $state.raw<Journal>({ undo: null, redo: null });
  connected = $state(true);
  loaded = $state(false);

  readonly running = $derived(this.jobs.find((job) => job.state === 'running') ?? null);
  /** The queue, in order. */
  readonly queue: readonly Job[] = $derived(
    this.jobs.filter(({ state }) => state === 'queued').sort((a, b) => (a.place ?? 0) - (b.place ?? 0) || a.id - b.id),
  );
  /** The running or queued job of one of these kinds. */
  jobOf = (...kinds: readonly JobKind[]): Job | null =>
    [this.running, ...this.queue].find((job) => job !== null && kinds.includes(job.kind)) ?? null;
  readonly reviewed = $derived(this.samples.reduce((n, sample) => n + (sample.decision === null ? 0 : 1), 0));
  readonly rejected = $derived(this.samples.reduce((n, sample) => n + (sample.decision === 'reject' ? 1 : 0), 0));

  /** Kinds of the duplicate groups that a sample is in. */
  readonly duplicates: ReadonlyMap<number, readonly DuplicateKind[]> = $derived(kindsOf(this.groups));
  /** The runs shown in lists. */
  readonly listedRuns: readonly RunSummary[] = $derived(
    this.showsArchived ? this.runs : this.runs.filter(({ archived }) => !archived),
  );
  /** The columns shown in lists, without those of archived runs. */
  readonly listedColumns: readonly Column[] = $derived.by(() => {
    const hidden = new Set(this.runs.filter(({ archived }) => archived).map(({ id }) => id));
    return this.showsArchived ? this.columns : this.columns.filter(({ runId }) => !runId || !hidden.has(runId));
  });
  /** The data that expressions read; see `readerOf`. */
  readonly source: ReadSource = $derived({
    columns: this.columns,
    values: (name) => this.values(name),
    checks: this.checks,
    duplicates: this.duplicates,
    threshold: (column) => this.thresholds.of(column),
  });

  readonly request: { folder: string; workspace?: string };
  #byId = new Map<number, Sample>();
  #revision = 0;
  #shape = -1;
  /** The shape version that groups and findings belong to. */
  #settledShape = -1;
  #columnCache: ColumnCache;
  #runRecords: RunRecords;
  readonly thresholds = new ScoreThresholds(this);
  #subscription: { unsubscribe(): void } | null = null;
  #closed = false;
  /** The user's steps: decisions, labels, undo. */
  readonly steps: Steps;
  readonly watching: Watching;
  /** Of searches for hyperparameters. */
  readonly trials: Trials;
  /** All samples have been loaded. */
  complete: Promise<void> = Promise.resolve();
  /** The first samples have been loaded. */
  #started = Promise.withResolvers<void>();
  #wanted = false;
  #refreshing: Promise<void> | null = null;
  #reopening = false;
  /** `samples` has been loaded from the engine since the folder was last opened. */
  #isLoaded = false;

  private constructor(id: string, request: { folder: string; workspace?: string }) {
    this.id = id;
    this.folder = request.folder;
    this.request = request;
    this.calls = connectWorkspace(id);
    const fail = (error: unknown) => {
      if (retryOf(error) !== 'later') notices.fail(error);
    };
    this.#columnCache = new ColumnCache((column) => this.#fetchColumn(column), fail);
    this.#runRecords = new RunRecords((runId) => this.calls.runs.get.query({ id: runId }), fail);
    this.watching = new Watching(this.calls);
    this.trials = new Trials((id) => this.calls.search.trials.query({ id }), messageOf);
    this.steps = new Steps(this, {
      put: (list) => this.#put(list),
      untilLoaded: () => this.#untilLoaded(),
      reloadAll: () => this.#reloadAll(),
      reopen: () => void this.#reopen(),
    });
  }

  /** Opens the folder; scans it. Throws the engine's error message. */
  static async open(request: { folder: string; workspace?: string }): Promise<Session> {
    const { id, folder } = await engine.engine.open.mutate(request);
    const session = new Session(id, { ...request, folder });
    session.workspace = await session.calls.workspace.describe.query();
    session.#subscribe();
    session.complete = session.refresh();
    // Sends edits that still wait. It may take long or fail; the folder is open anyway.
    void session.steps.resume();
    await Promise.race([session.complete, session.#started.promise]);
    void session.complete.then(() => session.scan());
    return session;
  }

  close() {
    this.#closed = true;
    this.#subscription?.unsubscribe();
  }

  /** Scans the folder, after the queued jobs. */
  async scan() {
    await this.calls.workspace.scan.mutate().catch((error: unknown) => notices.fail(error));
  }

  #subscribe() {
    this.#subscription = this.calls.workspace.events.subscribe(undefined, {
      onData: (event) => {
        this.connected = true;
        if (event.type === 'job') this.#takeJob(event.job);
        else if (event.type === 'run')
          this.runs = [event.run, ...this.runs.filter((run) => run.id !== event.run.id)].sort(
            (a, b) => b.createdAt - a.createdAt,
          );
        else if (event.type === 'trial') this.trials.take(event.search, event.trial);
        else if (event.type === 'watch') this.watching.take(event.watch);
        else {
          this.journal = event.journal;
          if (event.revision !== this.#revision || this.#shape < 0) void this.refresh();
        }
      },
      onConnectionStateChange: ({ state }) => {
        if (state !== 'connecting') return;
        this.connected = false;
        this.#shape = -1; // events may have been missed
      },
      onError: () => void this.#reopen(),
    });
  }

  /** A restarted engine has no open folder: opens it again. Edits wait meanwhile. */
  async #reopen() {
    if (this.#reopening) return;
    this.#reopening = true;
    this.#subscription?.unsubscribe();
    this.steps.pause();
    this.connected = false;
    let isRecreated = false;
    while (!this.#closed) {
      await new Promise((resume) => setTimeout(resume, retryAfterMs));
      try {
        await engine.engine.open.mutate(this.request);
        const workspace = await this.calls.workspace.describe.query();
        isRecreated = workspaceKeyOf(workspace) !== workspaceKeyOf(this.workspace);
        if (isRecreated) this.#reloadAll(); // it was recreated: the samples are different ones
        this.workspace = workspace;
        this.jobs = [];
        this.#runRecords.clear();
        this.#shape = this.#settledShape = -1;
        this.#isLoaded = false;
        this.#subscribe();
        this.connected = true;
        break;
      } catch {
        // The engine is not up yet.
      }
    }
    this.#reopening = false;
    if (this.#closed) return;
    await this.steps.resume();
    await this.refresh();
    if (isRecreated) await this.scan();
  }

  /** The next refresh requests everything. */
  #reloadAll() {
    this.#columnCache.clear();
    this.#runRecords.clear();
    this.#revision = 0;
    this.#shape = this.#settledShape = -1;
    this.#isLoaded = false;
  }

  #takeJob(job: Job) {
    const before = this.jobs.find(({ id }) => id === job.id);
    const isWatch = job.kind === 'watch'; // one job every few seconds: only the last is kept, and `watching` reports
    this.jobs = [job, ...this.jobs.filter(({ id, kind }) => id !== job.id && !(isWatch && kind === 'watch'))].sort(
      (a, b) => b.id - a.id,
    );
    if (isWatch) {
      if (jobEnded(job.state)) void this.refresh();
      return;
    }
    // A search makes way for other jobs.
    if (job.state === 'queued' && !before && this.running && this.running.kind !== 'search')
      notices.add('info', `${job.title} waits until ${this.running.title} has ended.`);
    if (!jobEnded(job.state) || before?.state === job.state) return;
    void this.refresh();
    if (!before) return; // it ended before this page was loaded
    announceEnd(job);
  }

  /** Fetches the changes since the last call. Calls during a refresh lead to one more refresh. */
  refresh(): Promise<void> {
    return this.#catchUp().catch(() => {}); // reported there
  }

  #catchUp(): Promise<void> {
    this.#wanted = true;
    this.#refreshing ??= (async () => {
      try {
        while (this.#wanted && !this.#closed) {
          this.#wanted = false;
          await this.#refreshOnce();
          if (this.#wanted) await new Promise((resume) => setTimeout(resume, quietMs));
        }
      } catch (error) {
        this.#shape = -1;
        if (this.connected && retryOf(error) !== 'later') notices.fail(error);
        throw error;
      } finally {
        this.#refreshing = null;
      }
    })();
    return this.#refreshing;
  }

  /** Waits until `samples` is complete. Throws if the folder is closed or cannot be loaded. */
  async #untilLoaded(): Promise<void> {
    while (!this.#isLoaded) {
      if (this.#closed) throw new Error('The folder was closed.');
      await (this.#refreshing ?? this.#catchUp()).catch((error: unknown) => {
        if (!this.#isLoaded) throw error;
      });
    }
  }

  async #refreshOnce() {
    // A full reload while samples are shown: they stay until all have arrived.
    const reloaded = this.#revision === 0 && this.samples.length > 0 ? new Map<number, Sample>() : null;
    const into = reloaded ?? this.#byId;
    let changed = reloaded !== null;
    let revision = this.#revision;
    for (let more = true; more;) {
      const changes = await this.calls.samples.changes.query({
        since: revision,
        limit: into.size ? laterPart : firstPart,
      });
      for (const sample of changes.samples) into.set(sample.id, sample);
      for (const id of changes.removed) into.delete(id);
      changed ||= changes.samples.length + changes.removed.length > 0;
      ({ revision, more } = changes);
      if (!reloaded) this.#revision = revision;
      if (more && !this.samples.length) {
        this.#sort(); // the first tiles do not wait for the last
        this.#started.resolve();
        await new Promise((resume) => setTimeout(resume, restMs));
      }
    }
    if (reloaded) [this.#byId, this.#revision] = [reloaded, revision];
    if (changed || !this.loaded) this.#sort();
    this.#isLoaded = true;
    const { calls } = this;
    const workspace = await calls.workspace.describe.query();
    this.workspace = workspace;
    this.journal = workspace.journal;
    if (workspace.shape !== this.#shape) {
      if (this.#shape < 0) this.trials.reload();
      this.#shape = workspace.shape;
      const [runs, columns, issues, checks, views, queue] = await Promise.all([
        calls.runs.list.query(),
        calls.samples.columns.query(),
        calls.samples.issues.query(),
        calls.checks.list.query(),
        calls.views.list.query(),
        calls.labels.queue.query(),
      ]);
      [this.columns, this.issues, this.checks, this.views, this.labelQueue] = [columns, issues, checks, views, queue];
      this.runs = reloaded ? runs : newestOf(this.runs, runs);
    }
    // During a scan, groups and findings are those of the last scan.
    if (workspace.shape !== this.#settledShape && this.running?.kind !== 'scan') {
      [this.groups, this.findings] = await Promise.all([
        calls.duplicates.groups.query(),
        calls.checks.findings.query(),
      ]);
      this.#settledShape = workspace.shape;
    }
    this.loaded = true;
    await this.#columnCache.update(this.columns);
  }

  /** By path. The order is kept while only marks change. */
  #sort() {
    const list = this.samples;
    const isSame = list.length === this.#byId.size && list.every(({ id, path }) => this.#byId.get(id)?.path === path);
    this.samples = isSame
      ? list.map(({ id }) => this.#byId.get(id) as Sample)
      : [...this.#byId.values()].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
    if (!isSame) this.ids = Int32Array.from(this.samples, ({ id }) => id);
  }

  sample = (id: number): Sample | undefined => this.#byId.get(id);

  /** Increases when values of a column have arrived or changed; for code that reads values without subscribing. */
  get valued() {
    return this.#columnCache.version;
  }

  /** Values of a column by sample id, NaN for none; empty until they arrive. Reading subscribes to changes. */
  values = (name: string): ColumnValues => this.#columnCache.values(name);

  async #fetchColumn({ name, revision }: Column): Promise<ColumnValues> {
    const answer = await fetch(columnPath(this.id, name, revision));
    if (!answer.ok) throw new Error(`The column ${name} could not be read.`);
    return new Float64Array(await answer.arrayBuffer());
  }

  /** Settings, curves and results of a run; null until they arrive. Reading subscribes to changes. */
  record(run: RunSummary | null | undefined): Run | null {
    return run ? this.#runRecords.of(run) : null;
  }

  #put(list: readonly Sample[]) {
    for (const sample of list) this.#byId.set(sample.id, sample);
    this.samples = this.samples.map(({ id }) => this.#byId.get(id) as Sample);
  }

  // The user's steps go through `steps`.
  edit = (ids: readonly number[], change: Change): Promise<void> => this.steps.edit(ids, change);
  do = (work: () => Promise<Edited>): Promise<boolean> => this.steps.do(work);
  step = (which: 'undo' | 'redo'): Promise<void> => this.steps.step(which);

  async cancel(jobId: number) {
    await this.calls.jobs.cancel.mutate({ id: jobId }).catch((error: unknown) => notices.fail(error));
  }

  /** Moves a queued job. */
  async move(jobId: number, to: 'next' | 'later') {
    await this.calls.jobs.move.mutate({ id: jobId, to }).catch((error: unknown) => notices.fail(error));
  }
}
