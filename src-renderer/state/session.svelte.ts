/**
 * One open folder as the page sees it: samples, columns, runs, jobs, issues, kept in step with the engine by one event stream. Lists are
 * replaced, never changed in place. When the engine restarts, the folder is opened again and nothing is asked of the person.
 */
import { columnPath } from '../../src-main/contract/address.ts';
import type { Column, Decision, Issue, Job, Journal, Run, Sample, Workspace } from '../../src-main/contract/types.ts';
import { codeOf, connectWorkspace, engine, sentenceOf, type Calls } from '../lib/engine.ts';
import { keepForLater, sendWaiting } from './outbox.ts';
import { notices } from './notices.svelte.ts';

const retryAfterMs = 700;
const quietMs = 120;

export class Session {
  readonly id: string;
  readonly folder: string;
  readonly calls: Calls;
  workspace = $state.raw<Workspace | null>(null);
  samples = $state.raw<readonly Sample[]>([]);
  columns = $state.raw<readonly Column[]>([]);
  runs = $state.raw<readonly Run[]>([]);
  issues = $state.raw<readonly Issue[]>([]);
  jobs = $state.raw<readonly Job[]>([]);
  journal = $state.raw<Journal>({ undo: null, redo: null });
  connected = $state(true);
  loaded = $state(false);

  readonly running = $derived(this.jobs.find((job) => job.state === 'running') ?? null);
  readonly reviewed = $derived(this.samples.reduce((n, sample) => n + (sample.decision === null ? 0 : 1), 0));
  readonly rejected = $derived(this.samples.reduce((n, sample) => n + (sample.decision === 'reject' ? 1 : 0), 0));

  #request: { folder: string; workspace?: string };
  #byId = new Map<number, Sample>();
  #revision = 0;
  #values = new Map<string, { revision: number; values: Map<number, number> }>();
  /** Moves on when the values of some column have. */
  #valuesVersion = $state(0);
  #subscription: { unsubscribe(): void } | null = null;
  #closed = false;
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
    await session.refresh();
    void session.scan();
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
      const changes = await this.calls.samples.changes.query({ since: this.#revision });
      for (const sample of changes.samples) this.#byId.set(sample.id, sample);
      for (const id of changes.removed) this.#byId.delete(id);
      changed ||= changes.samples.length + changes.removed.length > 0;
      ({ revision: this.#revision, more } = changes);
    }
    if (changed || !this.loaded) this.samples = [...this.#byId.values()].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
    const [workspace, columns, runs, issues] = await Promise.all([
      this.calls.workspace.describe.query(), this.calls.samples.columns.query(), this.calls.runs.list.query(), this.calls.samples.issues.query(),
    ]);
    this.workspace = workspace;
    this.journal = workspace.journal;
    this.columns = columns;
    this.runs = runs;
    this.issues = issues;
    this.loaded = true;
    for (const name of this.#values.keys()) await this.#load(name);
  }

  /** Values of a column by sample id; empty until they have come. Reading it subscribes to it. */
  values(name: string): ReadonlyMap<number, number> {
    void this.#valuesVersion;
    const kept = this.#values.get(name);
    if (kept) return kept.values;
    const empty = { revision: -1, values: new Map<number, number>() };
    this.#values.set(name, empty);
    void this.#load(name).catch((error: unknown) => notices.fail(error));
    return empty.values;
  }

  async #load(name: string) {
    const column = this.columns.find((known) => known.name === name);
    if (!column || column.revision === this.#values.get(name)?.revision) return;
    const answer = await fetch(columnPath(this.id, name, column.revision));
    if (!answer.ok) throw new Error(`The column ${name} could not be read.`);
    const pairs = new Float64Array(await answer.arrayBuffer());
    const values = new Map<number, number>();
    for (let i = 0; i < pairs.length; i += 2) values.set(pairs[i], pairs[i + 1]);
    this.#values.set(name, { revision: column.revision, values });
    this.#valuesVersion++;
  }

  /** Shown at once, taken back when the engine says no. */
  async decide(ids: readonly number[], decision: Decision | null) {
    const before = ids.flatMap((id) => this.#byId.get(id) ?? []);
    const put = (list: readonly Sample[]) => {
      for (const sample of list) this.#byId.set(sample.id, sample);
      const changed = new Map(list.map((sample) => [sample.id, sample]));
      this.samples = this.samples.map((sample) => changed.get(sample.id) ?? sample);
    };
    put(before.map((sample) => ({ ...sample, decision })));
    try {
      const { journal } = await this.calls.decisions.decide.mutate({ choice: { ids: before.map(({ id }) => id) }, decision });
      this.journal = journal;
    } catch (error) {
      if (codeOf(error) === null) return keepForLater(this.id, ids, decision); // no answer at all: the engine is being started again
      put(before);
      notices.add('error', `Not saved. ${sentenceOf(error)}`);
    }
  }

  #sendWaiting = () => sendWaiting(this.id, (ids, decision) => this.calls.decisions.decide.mutate({ choice: { ids }, decision }));

  async step(which: 'undo' | 'redo') {
    if (this.journal[which] === null) return;
    try {
      const { title } = await this.calls.decisions[which].mutate();
      notices.add('info', `${which === 'undo' ? 'Undone' : 'Done again'}: ${title}`);
      await this.refresh();
    } catch (error) {
      notices.fail(error);
    }
  }

  async cancel(jobId: number) {
    await this.calls.jobs.cancel.mutate({ id: jobId }).catch((error: unknown) => notices.fail(error));
  }
}
