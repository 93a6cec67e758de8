/** State of the place Train: the form (kept while other places are open), the resulting split, previous runs, and the one shown. */
import { debounce } from '../lib/debounce.ts';
import type { Advice, DatasetSplit, ModelSummary, TrainMode } from '../../src-main/contract/classifier.ts';
import type { SplitRequest, TrainRequest } from '../../src-main/contract/schemas.ts';
import type { Job, Model, Run, RunSummary } from '../../src-main/contract/types.ts';
import { defaultsOf, fieldsOf } from '../lib/schema.ts';
import { notices } from './notices.svelte.ts';
import type { Session } from './session.svelte.ts';
import type { View } from './view.svelte.ts';

export type Tab = 'advice' | 'preview' | 'training' | 'result';
const pauseMs = 250;

export class Training {
  #session: Session;
  #view: View;
  #models: () => readonly Model[];
  /** The user's choice; valid combinations are derived from it. */
  modelId = $state('efficientnet-lite0');
  wantedMode = $state<TrainMode>('head');
  /** Changed parameters, by model and mode. */
  parameters = $state<Record<string, Record<string, unknown>>>({});
  division = $state<SplitRequest>({ by: 'auto', shares: { train: 70, val: 15, test: 15 }, folds: 0, seed: 1 });
  seed = $state(1);
  weights = $state('');
  isMore = $state(false);
  tab = $state<Tab>('advice');
  advice = $state.raw<Advice | null>(null);
  /** The error message if there is none. */
  adviceProblem = $state<string | null>(null);
  #runId = $state<string | null>(null);
  /** From the latest response of the engine. */
  divided = $state.raw<DatasetSplit | null>(null);
  summary = $state.raw<ModelSummary | null>(null);
  /** The error message for an invalid form. */
  problem = $state<string | null>(null);

  constructor(session: Session, view: View, models: () => readonly Model[]) {
    this.#session = session;
    this.#view = view;
    this.#models = models;
  }

  readonly model: Model | null = $derived.by(
    () => this.#models().find(({ id }) => id === this.modelId) ?? this.#models()[0] ?? null,
  );
  /** The chosen mode, if the model supports it. */
  readonly mode: TrainMode = $derived.by(() => (this.model?.modes[this.wantedMode] ? this.wantedMode : 'scratch'));
  readonly schema: Record<string, unknown> | null = $derived.by(
    () => this.model?.modes[this.mode] ?? this.model?.schema ?? null,
  );
  readonly #key = $derived(`${this.model?.id} ${this.mode}`);
  readonly values: Record<string, unknown> = $derived.by(() =>
    this.schema ? { ...defaultsOf(this.schema), ...this.parameters[this.#key] } : {},
  );

  readonly runs: readonly RunSummary[] = $derived.by(() =>
    this.#session.listedRuns.filter(({ kind }) => kind === 'train' || kind === 'range-test'),
  );
  readonly classifiers: readonly RunSummary[] = $derived.by(() => this.runs.filter(({ kind }) => kind === 'train'));
  readonly trained: readonly RunSummary[] = $derived.by(() => this.classifiers.filter(({ state }) => state === 'done'));
  /** The running run, otherwise the chosen one, otherwise the newest. */
  readonly run: RunSummary | null = $derived.by(() => {
    const { running } = this.#session;
    const made = running && this.runs.find(({ id }) => id === running.runId);
    return made ?? this.runs.find(({ id }) => id === this.#runId) ?? this.runs[0] ?? null;
  });
  /** The classifier whose result is shown: the shown run if it trained one, otherwise the newest classifier. */
  readonly result: RunSummary | null = $derived.by(() =>
    this.run?.kind === 'train' ? this.run : (this.classifiers[0] ?? null),
  );
  readonly record: Run | null = $derived.by(() => this.#session.record(this.run));
  readonly resultRecord: Run | null = $derived.by(() => this.#session.record(this.result));
  /** The running or queued training. */
  readonly job: Job | null = $derived.by(() => this.#session.jobOf('train', 'range-test'));
  readonly isBusy = $derived.by(() => this.job?.state === 'running');

  readonly request: TrainRequest = $derived.by(() => ({
    model: this.model?.id ?? '',
    mode: this.mode,
    parameters: { ...this.parameters[this.#key] },
    division: { ...this.division, shares: { ...this.division.shares } },
    weights: (this.mode !== 'head' && this.weights.trim()) || null,
    seed: this.seed,
    resume: true,
  }));

  set(name: string, value: unknown) {
    if (this.model) this.parameters[this.#key] = { ...this.parameters[this.#key], [name]: value };
  }

  /** Sets the training mode, and another model if the current one does not support it. */
  chooseMode(mode: TrainMode) {
    if (!this.model?.modes[mode]) this.modelId = this.#models().find(({ modes }) => modes[mode])?.id ?? this.modelId;
    this.wantedMode = mode;
  }

  /** Requests the recommended training mode for this folder. Takes seconds the first time. */
  async askAdvice(): Promise<void> {
    try {
      [this.advice, this.adviceProblem] = [await this.#session.calls.classifier.advise.query(), null];
    } catch (error) {
      this.adviceProblem = (error as Error).message;
    }
  }

  choose(id: string) {
    this.#runId = id;
    const run = this.runs.find((known) => known.id === id);
    if (run) this.tab = run.kind === 'train' && run.state === 'done' ? 'result' : 'training';
  }

  /** Fills the form with the settings of a run. */
  async reuse({ id }: RunSummary) {
    try {
      this.#fill(await this.#session.calls.runs.get.query({ id }));
    } catch (error) {
      notices.fail(error);
    }
  }

  #fill({ method, parameters, seed, classification }: Run) {
    this.modelId = method;
    this.wantedMode = classification?.mode ?? 'scratch';
    const asked = fieldsOf(this.schema ?? {}).map(({ name }) => name);
    this.parameters[this.#key] = Object.fromEntries(
      Object.entries(parameters).filter(([name]) => asked.includes(name)),
    );
    this.seed = seed;
    if (!classification?.asked) return;
    const { division, weights } = $state.snapshot(classification.asked) as NonNullable<typeof classification.asked>;
    [this.division, this.weights] = [division, weights ?? ''];
  }

  /** Requests the split and the network summary once changes pause. Call inside an effect; returns its cleanup function. */
  follow(): () => void {
    const { request } = this;
    const classes = this.#view.classes.length;
    void this.#session.workspace?.shape;
    const { calls } = this.#session;
    const { model, mode, parameters } = request;
    return debounce(
      pauseMs,
      () =>
        Promise.all([
          calls.classifier.split.query(request.division),
          model && classes > 1 ? calls.engine.summary.query({ model, mode, parameters, classes }) : null,
        ]),
      ([divided, summary]) => ([this.divided, this.summary, this.problem] = [divided, summary, null]),
      (error) => ([this.summary, this.problem] = [null, (error as Error).message]),
    );
  }

  train = () =>
    this.#start(() => this.#session.calls.classifier.train.mutate($state.snapshot(this.request) as TrainRequest));
  findRate = () =>
    this.#start(() => this.#session.calls.classifier.rangeTest.mutate($state.snapshot(this.request) as TrainRequest));
  async predict() {
    const { result } = this;
    if (result)
      await this.#session.calls.classifier.predict
        .mutate({ runId: result.id })
        .catch((error: unknown) => notices.fail(error));
  }

  async #start(work: () => Promise<unknown>) {
    try {
      this.tab = 'training';
      await work();
    } catch (error) {
      notices.fail(error);
    }
  }

  /** Opens the gallery with an expression and an order on columns of a run. */
  look(where: string, order?: { by: string; descending: boolean }) {
    this.#view.openView({ name: '', where, order: order ?? { by: 'path', descending: false } });
    this.#view.loupe.mode = 'grid';
  }
}
