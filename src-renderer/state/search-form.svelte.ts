/** The form of a new search: what is trained, the objective, the space, the strategy and the budget. It is kept while other places are open. */
import type { Domain, SearchOptions, SearchProposal, SearchRequest, Space } from '../../src-main/contract/search.ts';
import type { Objective } from '../../src-main/contract/search.ts';
import type { Job, ScorerMethod } from '../../src-main/contract/types.ts';
import { debounce } from '../lib/debounce.ts';
import { messageOf } from '../lib/engine.ts';
import { defaultsOf } from '../lib/schema.ts';
import { domainProblem } from '../lib/search-space.ts';
import { app } from './app.svelte.ts';
import { notices } from './notices.svelte.ts';
import { perView } from './per-view.svelte.ts';
import type { Session } from './session.svelte.ts';
import type { Training } from './training.svelte.ts';
import type { View } from './view.svelte.ts';

const pauseMs = 300;
/** Bytes of a weight in a checkpoint: float32, with the two moments of Adam and the best weights. */
const bytesPerWeight = 16;

export type SubjectKind = 'train' | 'rank';

/** A parameter that can be searched. */
export interface SpaceRow {
  name: string;
  title: string;
  group: string;
  domain: Domain;
  isOn: boolean;
  /** Differs from what is proposed. */
  isChanged: boolean;
  /** What is wrong with its domain. */
  problem: string | null;
}

export class SearchForm {
  static readonly of = perView((session, view) => new SearchForm(session, view));

  readonly #session: Session;
  readonly #view: View;
  /** null: a classifier if there are classes. */
  wantedKind = $state<SubjectKind | null>(null);
  wantedObjective = $state<string | null>(null);
  /** What the person has changed, by subject: which parameters are searched, and how. */
  #changed = $state.raw<Readonly<Record<string, Readonly<Record<string, { isOn: boolean; domain: Domain }>>>>>({});
  wantedStrategy = $state<string | null>(null);
  wantedStopper = $state<string | null>(null);
  /** Changed settings, by strategy. */
  settings = $state<Record<string, Record<string, unknown>>>({});
  /** null: no limit. */
  trials = $state<number | null>(30);
  minutes = $state<number | null>(null);
  untilNoMore = $state(false);
  parallel = $state(1);
  repeats = $state<SearchRequest['repeats']>({ best: 2, times: 3, over: 'seeds' });
  diskMiB = $state(2048);
  warmStart = $state(true);
  seed = $state(1);
  isMore = $state(false);
  showsJson = $state(false);
  /** The text of the JSON view is not a space. */
  isJsonWrong = $state(false);
  options = $state.raw<SearchOptions | null>(null);
  /** Of the newest answer; `key` says for which subject. */
  #proposed = $state.raw<{ key: string; proposal: SearchProposal } | null>(null);
  /** Why there is no proposal. */
  problem = $state<string | null>(null);
  /** Why the search could not be started. */
  startProblem = $state<string | null>(null);
  isStarting = $state(false);
  /** Weights of the network of a ranking method; null if unknown. */
  #weights = $state.raw<number | null>(null);

  constructor(session: Session, view: View) {
    this.#session = session;
    this.#view = view;
  }

  get #training(): Training {
    return app.training as Training;
  }
  readonly kind: SubjectKind = $derived.by(() => this.wantedKind ?? (this.#view.classes.length > 1 ? 'train' : 'rank'));
  readonly method: ScorerMethod | null = $derived.by(
    () => app.methods.find(({ id }) => id === this.#view.form.methodId) ?? app.methods[0] ?? null,
  );
  readonly subject: SearchRequest['subject'] = $derived.by(() => {
    if (this.kind === 'train') {
      const { resume: _resume, seed: _seed, ...request } = this.#training.request;
      return { kind: 'train', ...request };
    }
    const { form } = this.#view;
    return {
      kind: 'rank',
      method: this.method?.id ?? '',
      parameters: { ...form.parameters[this.method?.id ?? ''] },
      ...(form.trainOn !== null && { trainOn: form.trainOn.trim() || null }),
    };
  });
  /** Of the subject without its parameters: changes of the space belong to it. */
  readonly key: string = $derived.by(() =>
    this.subject.kind === 'train' ? `train ${this.subject.model} ${this.subject.mode}` : `rank ${this.subject.method}`,
  );
  readonly subjectTitle: string = $derived.by(
    () => (this.kind === 'train' ? this.#training.model?.title : this.method?.title) ?? '',
  );
  /** Null until it arrives. */
  readonly proposal: SearchProposal | null = $derived.by(() =>
    this.#proposed?.key === this.key ? this.#proposed.proposal : null,
  );
  readonly objective: Objective | null = $derived.by(
    () =>
      this.proposal?.objectives.find(({ id }) => id === this.wantedObjective) ?? this.proposal?.objectives[0] ?? null,
  );
  readonly strategy = $derived.by(
    () =>
      this.options?.strategies.find(({ id }) => id === (this.wantedStrategy ?? 'bayesian')) ??
      this.options?.strategies[0] ??
      null,
  );
  readonly stopper = $derived.by(
    () =>
      this.options?.stoppers.find(({ id }) => id === (this.wantedStopper ?? 'median')) ??
      this.options?.stoppers[0] ??
      null,
  );
  readonly strategyValues: Record<string, unknown> = $derived.by(() =>
    this.strategy ? { ...defaultsOf(this.strategy.schema), ...this.settings[this.strategy.id] } : {},
  );

  /** In the usual order of importance. */
  readonly rows: readonly SpaceRow[] = $derived.by(() => {
    const changed = this.#changed[this.key] ?? {};
    return (this.proposal?.order ?? []).map(({ name, title, group, domain: usual }) => {
      const proposed = this.proposal?.space[name];
      const domain = changed[name]?.domain ?? proposed ?? usual;
      return {
        name,
        title,
        group,
        domain,
        isOn: changed[name]?.isOn ?? proposed !== undefined,
        isChanged: name in changed,
        problem: domainProblem(domain),
      };
    });
  });
  readonly space: Space = $derived.by(() =>
    Object.fromEntries(this.rows.filter(({ isOn }) => isOn).map(({ name, domain }) => [name, domain])),
  );
  readonly isChanged: boolean = $derived.by(() => this.rows.some((row) => row.isChanged));
  titleOf = (name: string): string => this.rows.find((row) => row.name === name)?.title ?? name;

  /** What stands in the way of a start, in words; null if nothing does. */
  readonly obstacle: string | null = $derived.by(() => {
    if (this.problem) return this.problem;
    if (!this.proposal) return null;
    if (this.showsJson && this.isJsonWrong) return 'The space as JSON is not valid.';
    const wrong = this.rows.find(({ isOn, problem }) => isOn && problem);
    if (wrong) return `${wrong.title}: ${wrong.problem}`;
    if (!Object.keys(this.space).length) return 'Choose at least one parameter to search.';
    if (this.trials === null && this.minutes === null && !this.untilNoMore)
      return 'Set a limit: trials, minutes, or until no more is expected.';
    if (this.trials !== null && !(Number.isInteger(this.trials) && this.trials >= 1))
      return 'The number of trials must be a whole number from 1.';
    return this.minutes !== null && !(this.minutes > 0) ? 'The minutes must be more than 0.' : null;
  });

  /** The size of a checkpoint at the present settings; null if it is not known. */
  readonly checkpointBytes: number | null = $derived.by(() => {
    const weights = this.kind === 'train' ? (this.#training.summary?.parameters ?? null) : this.#weights;
    return weights === null ? null : weights * bytesPerWeight;
  });

  readonly job: Job | null = $derived.by(() => this.#session.jobOf('search'));

  change(name: string, to: { isOn?: boolean; domain?: Domain }) {
    const row = this.rows.find((one) => one.name === name);
    if (!row) return;
    const own = { isOn: to.isOn ?? row.isOn, domain: to.domain ?? row.domain };
    this.#changed = { ...this.#changed, [this.key]: { ...this.#changed[this.key], [name]: own } };
  }

  /** From the JSON view: exactly these parameters are searched. */
  setSpace(space: Space) {
    const all = this.rows.map(({ name, domain }) => [name, { isOn: name in space, domain: space[name] ?? domain }]);
    this.#changed = { ...this.#changed, [this.key]: Object.fromEntries(all) };
  }

  /** Back to what is proposed. */
  reset() {
    this.#changed = Object.fromEntries(Object.entries(this.#changed).filter(([key]) => key !== this.key));
  }

  async loadOptions() {
    this.options ??= await this.#session.calls.search.options.query().catch((error: unknown) => {
      this.problem = messageOf(error);
      return null;
    });
  }

  /** Requests the proposal once changes pause. Call inside an effect; returns its cleanup function. */
  follow(): () => void {
    const { key } = this;
    const subject = $state.snapshot(this.subject) as SearchRequest['subject'];
    void this.#session.workspace?.shape;
    const { calls } = this.#session;
    return debounce(
      this.proposal ? pauseMs : 0,
      () =>
        Promise.all([
          calls.search.propose.query(subject),
          subject.kind === 'rank' && subject.method
            ? calls.engine.estimate.query({ method: subject.method, parameters: subject.parameters }).catch(() => null)
            : null,
        ]),
      ([proposal, memory]) => {
        [this.#proposed, this.problem] = [{ key, proposal }, null];
        this.#weights = memory?.parameters ?? null;
      },
      (error) => ([this.#proposed, this.problem] = [null, messageOf(error)]),
    );
  }

  /** Returns the started job; null with `startProblem` if it could not be started. */
  async start(): Promise<Job | null> {
    [this.isStarting, this.startProblem] = [true, null];
    try {
      const request = $state.snapshot({
        subject: this.subject,
        space: this.space,
        strategy: this.strategy?.id,
        settings: this.strategy ? (this.settings[this.strategy.id] ?? {}) : {},
        stopper: this.stopper?.id,
        objective: this.objective?.id ?? null,
        budget: { trials: this.trials, minutes: this.minutes, untilNoMore: this.untilNoMore },
        parallel: this.parallel,
        repeats: this.repeats,
        diskMiB: this.diskMiB,
        warmStart: this.warmStart,
        seed: this.seed,
      }) as SearchRequest;
      return await this.#session.calls.search.start.mutate(request);
    } catch (error) {
      this.startProblem = messageOf(error);
      notices.fail(error);
      return null;
    } finally {
      this.isStarting = false;
    }
  }
}
