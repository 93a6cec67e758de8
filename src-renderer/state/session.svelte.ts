/**
 * One open folder as the page sees it: samples, columns, runs, jobs, issues, kept in step with the engine by one event stream. Lists are
 * replaced, never changed in place. When the engine restarts, the folder is opened again and nothing is asked of the person.
 */
import { columnPath } from '../../src-main/contract/address.ts';
import type { LabelQueue } from '../../src-main/contract/classifier.ts';
import { kindsOf, type ColumnValues, type ReadSource } from '../../src-main/contract/read.ts';
import type { Change } from '../../src-main/contract/schemas.ts';
import type { Edited } from '../../src-main/contract/services.ts';
import type { CheckState, Column, DuplicateKind, Finding, Group, Issue, Job, Journal, Run, Sample, SavedView, Workspace } from '../../src-main/contract/types.ts';
import { codeOf, connectWorkspace, engine, sentenceOf, type Calls } from '../lib/engine.ts';
import { keepForLater, sendWaiting } from './outbox.ts';
import { notices } from './notices.svelte.ts';

const retryAfterMs = 700;
const quietMs = 120;
/** What is asked for first, so that tiles are seen at once; then the rest, in large parts. */
const firstPart = 1500;
const laterPart = 20_000;
/** Between the two, so that the first tiles' pictures need not wait for the rest of the rows. */
const restMs = 300;

export class Session {
  readonly id: string;
  readonly folder: string;
  readonly calls: Calls;
  workspace = $state.raw<Workspace | null>(null);
  /** By path. */
  samples = $state.raw<readonly Sample[]>([]);
  /** Ids of the samples, in their order; a new list only when samples come, go or move, not when they are marked. */
  ids = $state.raw<Int32Array>(new Int32Array());
  columns = $state.raw<readonly Column[]>([]);
  runs = $state.raw<readonly Run[]>([]);
  issues = $state.raw<readonly Issue[]>([]);
  checks = $state.raw<readonly CheckState[]>([]);
  findings = $state.raw<readonly Finding[]>([]);
  groups = $state.raw<readonly Group[]>([]);
  views = $state.raw<readonly SavedView[]>([]);
  /** Labels that are likely wrong; null before they were judged. */
  labelQueue = $state.raw<LabelQueue | null>(null);
  jobs = $state.raw<readonly Job[]>([]);
  journal = $state.raw<Journal>({ undo: null, redo: null });
  connected = $state(true);
  loaded = $state(false);

  readonly running = $derived(this.jobs.find((job) => job.state === 'running') ?? null);
  readonly reviewed = $derived(this.samples.reduce((n, sample) => n + (sample.decision === null ? 0 : 1), 0));
  readonly rejected = $derived(this.samples.reduce((n, sample) => n + (sample.decision === 'reject' ? 1 : 0), 0));

  /** Kinds of the duplicate groups that a sample is in. */
  readonly duplicates: ReadonlyMap<number, readonly DuplicateKind[]> = $derived(kindsOf(this.groups));
  /** What expressions read; see `readerOf`. */
  readonly source: ReadSource = $derived({ columns: this.columns, values: (name) => this.values(name), checks: this.checks, duplicates: this.duplicates });

  #request: { folder: string; workspace?: string };
  #byId = new Map<number, Sample>();
  #revision = 0;
  #shape = -1;
  #values = new Map<string, { revision: number; values: ColumnValues }>();
  /** Moves on when the values of some column have. */
  #valuesVersion = $state(0);
  #subscription: { unsubscribe(): void } | null = null;
  #closed = false;
  #saying = new Set<Promise<unknown>>();
  /** What was said and is not answered yet. */
  saying = $state(0);
  /** All samples are there for the first time. */
  complete: Promise<void> = Promise.resolve();
  /** The first samples are there. */
  #begun = Promise.withResolvers<void>();
  #wanted = false;
  #refreshing: Promise<void> | null = null;

  private constructor(id: string, request: { folder: string; workspace?: string }) {
    this.id = id;
    this.folder = request.folder;
    this.#request = request;
    this.calls = connectWorkspace(id);
  }

  /** Opens the folder; scans it. Throws the engine's sentence. */
  static async open(request: { folder: string; workspace?: string }): Promise<Session> {
    const { id, folder } = await engine.engine.open.mutate(request);
    const session = new Session(id, { ...request, folder });
    await session.#sendWaiting();
    session.workspace = await session.calls.workspace.describe.query();
    session.#subscribe();
    session.complete = session.refresh();
    await Promise.race([session.complete, session.#begun.promise]);
    void session.complete.then(() => session.scan());
    return session;
  }

  close() {
    this.#closed = true;
    this.#subscription?.unsubscribe();
  }

  /** Reads the folder anew. A job already running is no reason to complain. */
  async scan() {
    try {
      await this.calls.workspace.scan.mutate();
    } catch (error) {
      if (codeOf(error) !== 'job-running') notices.fail(error);
    }
  }

  #subscribe() {
    this.#subscription = this.calls.workspace.events.subscribe(undefined, {
      onData: (event) => {
        this.connected = true;
        if (event.type === 'job') this.#takeJob(event.job);
        else if (event.type === 'run') this.runs = [event.run, ...this.runs.filter((run) => run.id !== event.run.id)].sort((a, b) => b.createdAt - a.createdAt);
        else {
          this.journal = event.journal;
          if (event.revision !== this.#revision) void this.refresh();
        }
      },
      onConnectionStateChange: ({ state }) => {
        if (state === 'connecting') this.connected = false;
      },
      onError: () => void this.#reopen(),
    });
  }

  /** After the engine was restarted it knows no folder: open it again there. */
  async #reopen() {
    this.#subscription?.unsubscribe();
    this.connected = false;
    while (!this.#closed) {
      await new Promise((resume) => setTimeout(resume, retryAfterMs));
      try {
        await engine.engine.open.mutate(this.#request);
        await this.#sendWaiting();
        this.jobs = [];
        this.#shape = -1;
        this.#subscribe();
        await this.refresh();
        this.connected = true;
        return;
      } catch {
        // Not there yet.
      }
    }
  }

  #takeJob(job: Job) {
    const before = this.jobs.find(({ id }) => id === job.id);
    this.jobs = [job, ...this.jobs.filter(({ id }) => id !== job.id)].sort((a, b) => b.id - a.id);
    if (job.state === 'running' || before?.state === job.state) return;
    void this.refresh();
    if (!before) return; // it ended before this page looked
    if (job.state === 'failed' && job.error) notices.add('error', `${job.title}: ${job.error.message}`);
    if (job.state === 'cancelled') notices.add('info', `${job.title} cancelled.`);
    if (job.state === 'done' && job.kind !== 'scan' && job.summary) notices.add('done', `${job.summary}.`);
  }

  /** Fetches what changed since the last time. Calls that come while it runs lead to one more round. */
  refresh(): Promise<void> {
    this.#wanted = true;
    this.#refreshing ??= (async () => {
      try {
        while (this.#wanted && !this.#closed) {
          this.#wanted = false;
          await this.#refreshOnce();
          if (this.#wanted) await new Promise((resume) => setTimeout(resume, quietMs));
        }
      } catch (error) {
        if (this.connected) notices.fail(error);
      } finally {
        this.#refreshing = null;
      }
    })();
    return this.#refreshing;
  }

  async #refreshOnce() {
    let changed = false;
    for (let more = true; more; ) {
      const changes = await this.calls.samples.changes.query({ since: this.#revision, limit: this.#byId.size ? laterPart : firstPart });
      for (const sample of changes.samples) this.#byId.set(sample.id, sample);
      for (const id of changes.removed) this.#byId.delete(id);
      changed ||= changes.samples.length + changes.removed.length > 0;
      ({ revision: this.#revision, more } = changes);
      if (more && !this.samples.length) {
        this.#sort(); // the first tiles need not wait for the last
        this.#begun.resolve();
        await new Promise((resume) => setTimeout(resume, restMs));
      }
    }
    if (changed || !this.loaded) this.#sort();
    const { calls } = this;
    const [workspace, runs] = await Promise.all([calls.workspace.describe.query(), calls.runs.list.query()]);
    this.workspace = workspace;
    this.journal = workspace.journal;
    this.runs = runs;
    if (workspace.shape !== this.#shape) {
      const [columns, issues, checks, views, queue] = await Promise.all([calls.samples.columns.query(), calls.samples.issues.query(), calls.checks.list.query(), calls.views.list.query(), calls.labels.queue.query()]);
      [this.columns, this.issues, this.checks, this.views, this.labelQueue] = [columns, issues, checks, views, queue];
      // While a scan runs, groups and findings are those of the last.
      const isSettled = this.running?.kind !== 'scan';
      if (isSettled) [this.groups, this.findings] = await Promise.all([calls.duplicates.groups.query(), calls.checks.findings.query()]);
      this.#shape = isSettled ? workspace.shape : -1;
    }
    this.loaded = true;
    for (const name of this.#values.keys()) await this.#load(name);
  }

  /** By path. The order is kept while only marks change. */
  #sort() {
    const list = this.samples;
    const isSame = list.length === this.#byId.size && list.every(({ id, path }) => this.#byId.get(id)?.path === path);
    this.samples = isSame ? list.map(({ id }) => this.#byId.get(id) as Sample) : [...this.#byId.values()].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
    if (!isSame) this.ids = Int32Array.from(this.samples, ({ id }) => id);
  }

  sample = (id: number): Sample | undefined => this.#byId.get(id);

  /** Moves on when values of a column have come or changed; for what reads values without being told. */
  get valued() {
    return this.#valuesVersion;
  }

  /** Values of a column by sample id, NaN for none; empty until they have come. Reading it subscribes to it. */
  values(name: string): ColumnValues {
    void this.#valuesVersion;
    const kept = this.#values.get(name);
    if (kept) return kept.values;
    const empty = { revision: -1, values: new Float64Array() };
    this.#values.set(name, empty);
    void this.#load(name).catch((error: unknown) => notices.fail(error));
    return empty.values;
  }

  async #load(name: string) {
    const column = this.columns.find((known) => known.name === name);
    if (!column || column.revision === this.#values.get(name)?.revision) return;
    const answer = await fetch(columnPath(this.id, name, column.revision));
    if (!answer.ok) throw new Error(`The column ${name} could not be read.`);
    this.#values.set(name, { revision: column.revision, values: new Float64Array(await answer.arrayBuffer()) });
    this.#valuesVersion++;
  }

  /** Says something of samples: shown at once, taken back when the engine says no. */
  edit = (ids: readonly number[], change: Change): Promise<void> => this.#said(this.#edit(ids, change));

  /** Until it is answered, what can be undone is not known. */
  async #said<Result>(work: Promise<Result>): Promise<Result> {
    this.#saying.add(work);
    this.saying = this.#saying.size;
    try {
      return await work;
    } finally {
      this.#saying.delete(work);
      this.saying = this.#saying.size;
    }
  }

  async #edit(ids: readonly number[], change: Change) {
    const before = ids.flatMap((id) => this.#byId.get(id) ?? []);
    if (!before.length) return;
    this.#put(before.map((sample) => withChange(sample, change)));
    try {
      const { journal } = await this.calls.journal.edit.mutate({ choice: { ids: before.map(({ id }) => id) }, change });
      this.journal = journal;
    } catch (error) {
      if (codeOf(error) === null) return keepForLater(this.id, ids, change); // no answer at all: the engine is being started again
      this.#put(before);
      notices.add('error', `Not saved. ${sentenceOf(error)}`);
    }
  }

  #put(list: readonly Sample[]) {
    for (const sample of list) this.#byId.set(sample.id, sample);
    this.samples = this.samples.map(({ id }) => this.#byId.get(id) as Sample);
  }

  #sendWaiting = () => sendWaiting(this.id, (ids, change) => this.calls.journal.edit.mutate({ choice: { ids }, change }));

  /** Any other step of the journal: thresholds, views, duplicates. Returns whether it was done. */
  do = (work: () => Promise<Edited>): Promise<boolean> => this.#said(this.#do(work));

  async #do(work: () => Promise<Edited>): Promise<boolean> {
    try {
      this.journal = (await work()).journal;
      await this.refresh();
      return true;
    } catch (error) {
      notices.fail(error);
      return false;
    }
  }

  /** One after the other, however fast the keys come, and after all that was said before. */
  step(which: 'undo' | 'redo'): Promise<void> {
    const before = [...this.#saying];
    return this.#said(Promise.allSettled(before).then(() => this.#step(which)));
  }

  async #step(which: 'undo' | 'redo') {
    if (this.journal[which] === null) return;
    try {
      const { title, journal } = await this.calls.journal[which].mutate();
      this.journal = journal;
      notices.add('info', `${which === 'undo' ? 'Undone' : 'Done again'}: ${title}`);
      void this.refresh();
    } catch (error) {
      notices.fail(error);
    }
  }

  async cancel(jobId: number) {
    await this.calls.jobs.cancel.mutate({ id: jobId }).catch((error: unknown) => notices.fail(error));
  }
}

/** As the engine will have it; the reason and the order of tags come from there. */
function withChange(sample: Sample, { decision, reason, addTags, removeTags, label, note }: Change): Sample {
  const tags = addTags || removeTags ? [...new Set([...sample.tags.filter((tag) => !removeTags?.includes(tag)), ...(addTags ?? [])])].sort() : sample.tags;
  return {
    ...sample, tags,
    ...(decision !== undefined ? { decision, reason: decision === null ? null : (reason ?? null) } : {}),
    ...(label !== undefined ? { label, class: label ?? (sample.path.split('/').at(-2) ?? null) } : {}),
    ...(note !== undefined ? { note } : {}),
  };
}
