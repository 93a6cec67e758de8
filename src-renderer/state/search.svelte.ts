/** The search that is shown: its trials, the tab, the chosen trial, and what can be done with it. It is kept while other places are open. */
import type { Assignment, Importance, SearchState, Surrogate, Trial } from '../../src-main/contract/search.ts';
import type { SearchChangeRequest } from '../../src-main/contract/search-schemas.ts';
import type { Job, Run, RunSummary } from '../../src-main/contract/types.ts';
import { secondsLeft, topFifth, type Order } from '../lib/trials.ts';
import { messageOf } from '../lib/engine.ts';
import { fieldsOf } from '../lib/schema.ts';
import { choiceText, wordsOf } from '../lib/search-words.ts';
import { app } from './app.svelte.ts';
import { Latest } from './latest.svelte.ts';
import { notices } from './notices.svelte.ts';
import { perView } from './per-view.svelte.ts';
import type { Session } from './session.svelte.ts';

export type SearchTab = 'progress' | 'trials' | 'parameters' | 'surrogate';
export const searchTabs: readonly { id: SearchTab; title: string }[] = [
  { id: 'progress', title: 'Progress' },
  { id: 'trials', title: 'Trials' },
  { id: 'parameters', title: 'Parameters' },
  { id: 'surrogate', title: 'Surrogate' },
];

const restMs = 60;

export class Search {
  static readonly of = perView((session) => new Search(session));

  readonly #session: Session;
  #runId = $state<string | null>(null);
  tab = $state<SearchTab>('progress');
  /** The number of the trial whose details are shown. */
  chosen = $state<number | null>(null);
  order = $state.raw<Order>({ by: 'number', descending: true });
  // How the best so far is drawn.
  by = $state<'trials' | 'time'>('trials');
  isLog = $state(false);
  showsStopped = $state(false);
  // The surrogate.
  wantedAxis = $state<string | null>(null);
  second = $state<string | null>(null);
  /** The last trial that the surrogate knows; null: all of them. */
  upTo = $state<number | null>(null);
  readonly surrogate = new Latest<Surrogate>(restMs);
  readonly importance = new Latest<readonly Importance[]>(restMs);
  isChanging = $state(false);
  /** What is being asked of the engine, so that its button is not pressed twice. */
  busy = $state<string | null>(null);

  constructor(session: Session) {
    this.#session = session;
  }

  readonly runs: readonly RunSummary[] = $derived.by(() =>
    this.#session.listedRuns.filter(({ kind }) => kind === 'search'),
  );
  /** The chosen one, otherwise the running one, otherwise the newest. */
  readonly run: RunSummary | null = $derived.by(() => {
    const running = this.#session.running?.runId;
    return (
      this.runs.find(({ id }) => id === this.#runId) ??
      this.runs.find(({ id }) => id === running) ??
      this.runs[0] ??
      null
    );
  });
  readonly record: Run | null = $derived.by(() => this.#session.record(this.run));
  readonly state: SearchState | null = $derived.by(() => this.record?.search ?? null);
  readonly trials: readonly Trial[] = $derived.by(() => (this.run ? (this.#session.trials.of(this.run.id) ?? []) : []));
  readonly isLoaded = $derived.by(() => this.run !== null && this.#session.trials.of(this.run.id) !== null);
  readonly trialsProblem = $derived.by(() => (this.run ? this.#session.trials.problemOf(this.run.id) : null));
  /** The running or queued job of this search. */
  readonly job: Job | null = $derived.by(
    () =>
      [this.#session.running, ...this.#session.queue].find(
        (job) => job?.kind === 'search' && job.runId === this.run?.id && this.run !== null,
      ) ?? null,
  );
  readonly isRunning = $derived.by(() => this.job?.state === 'running');
  readonly best: Trial | null = $derived.by(
    () => this.trials.find(({ number, value }) => number === this.state?.best && value !== null) ?? null,
  );
  readonly detail: Trial | null = $derived.by(() => this.trials.find(({ number }) => number === this.chosen) ?? null);
  readonly lit: ReadonlySet<number> = $derived.by(() =>
    this.state ? topFifth(this.trials, this.state.objective.direction) : new Set<number>(),
  );
  readonly secondsLeft: number | null = $derived.by(() =>
    this.state && this.isRunning ? secondsLeft(this.state, this.trials, this.record?.seconds ?? 0) : null,
  );
  /** Trials with a value or a failure: the surrogate and the importance change with their number. */
  readonly ended: number = $derived.by(
    () => this.trials.filter(({ state }) => state === 'done' || state === 'stopped' || state === 'failed').length,
  );
  readonly parameters: readonly string[] = $derived.by(() => Object.keys(this.state?.request.space ?? {}));
  readonly axis: string | null = $derived.by(
    () => this.parameters.find((name) => name === this.wantedAxis) ?? this.parameters[0] ?? null,
  );
  /** Null unless another parameter of the space. */
  readonly axis2: string | null = $derived.by(
    () => this.parameters.find((name) => name === this.second && name !== this.axis) ?? null,
  );
  /** Of the trials that the strategy learns from: repeats come after them. */
  readonly lastNumber: number = $derived.by(() => this.trials.findLast(({ repeats }) => repeats === null)?.number ?? 0);

  /** The title of a parameter. */
  titleOf = (name: string): string => this.#titles[name] ?? wordsOf(name);
  /** From the schema of what is trained. */
  readonly #titles: Readonly<Record<string, string>> = $derived.by(() => {
    const subject = this.state?.request.subject;
    const model = subject?.kind === 'train' ? app.models.find(({ id }) => id === subject.model) : null;
    const schema =
      subject?.kind === 'train'
        ? (model?.modes[subject.mode] ?? model?.schema)
        : app.methods.find(({ id }) => id === subject?.method)?.schema;
    return Object.fromEntries(fieldsOf(schema ?? {}).map(({ name, title }) => [name, title]));
  });

  /** Parameters for people: with their title and the value that is usual. */
  titled(parameters: Assignment): { name: string; title: string; text: string; usual: string | null }[] {
    const { fixed = {} } = this.state ?? {};
    return Object.entries(parameters).map(([name, value]) => ({
      name,
      title: this.titleOf(name),
      text: choiceText(value),
      usual: name in fixed ? choiceText(fixed[name]) : null,
    }));
  }

  /** `id` null: the running one, or the newest. */
  choose(id: string | null) {
    if (id !== null && id === this.run?.id) return;
    this.#runId = id;
    [this.chosen, this.upTo, this.isChanging] = [null, null, false];
    this.surrogate.clear();
    this.importance.clear();
  }

  /** Differs after a change of the bounds. */
  readonly #bounds: number = $derived.by(() => this.state?.changes.length ?? 0);

  /** Asks for the surrogate that is shown. Call inside an effect. */
  askSurrogate() {
    const { run, axis: parameter, axis2: second, upTo, ended } = this;
    const key =
      run && parameter && ended ? JSON.stringify([run.id, this.#bounds, parameter, second, upTo ?? -ended]) : null;
    this.surrogate.ask(key, ({ signal }) =>
      this.#session.calls.search.surrogate.query(
        { id: (run as RunSummary).id, parameter: parameter as string, second, upTo },
        { signal },
      ),
    );
  }
  /** Asks for the importance after each ended trial. Call inside an effect. */
  askImportance() {
    const { run, ended } = this;
    this.importance.ask(run && ended ? `${run.id} ${this.#bounds} ${ended}` : null, ({ signal }) =>
      this.#session.calls.search.importance.query({ id: (run as RunSummary).id }, { signal }),
    );
  }

  pause = () => this.#do('pause', (id) => this.#session.calls.search.pause.mutate({ id }));
  resume = (change: SearchChangeRequest = {}) =>
    this.#do('resume', (id) => this.#session.calls.search.resume.mutate({ id, change }));
  change = (change: SearchChangeRequest) =>
    this.#do('change', (id) => this.#session.calls.search.change.mutate({ id, change }));
  stop = (number: number) =>
    this.#do(`stop ${number}`, (id) => this.#session.calls.search.stopTrial.mutate({ id, number }));
  keep = (number: number) => this.#do(`keep ${number}`, (id) => this.#session.calls.search.keep.mutate({ id, number }));
  trainLonger = (number: number, factor: number) =>
    this.#do(`longer ${number}`, (id) => this.#session.calls.search.trainLonger.mutate({ id, number, factor }));

  /** Returns what went wrong, which is also shown as a notice; null if nothing did. */
  async #do(name: string, work: (id: string) => Promise<unknown>): Promise<string | null> {
    if (!this.run || this.busy) return null;
    this.busy = name;
    try {
      await work(this.run.id);
      return null;
    } catch (error) {
      notices.fail(error);
      return messageOf(error);
    } finally {
      this.busy = null;
    }
  }
}
