/** The features that the map is computed from (pretrained network, or codes of a ranking), and the job that computes it. */
import type { Column, Job, RunSummary } from '../../src-main/contract/types.ts';
import { app } from './app.svelte.ts';
import { notices } from './notices.svelte.ts';
import type { Session } from './session.svelte.ts';

const bundled = 'EfficientNet-Lite0';

export class MapLayout {
  #session: Session;
  #chosen = $state<string | null>(null);

  constructor(session: Session) {
    this.#session = session;
  }

  readonly column: Column | null = $derived.by(
    () => this.#session.columns.find(({ name }) => name === 'map.x') ?? null,
  );
  /** Rankings whose codes can be used. */
  readonly runs: readonly RunSummary[] = $derived.by(() =>
    this.#session.listedRuns.filter((run) => run.kind === 'rank' && run.state === 'done' && app.outputsOf(run)?.code),
  );
  /** The chosen ranking, otherwise the one that the map was computed from; null for the pretrained network. */
  readonly runId: string | null = $derived.by(() => this.#known(this.#chosen ?? this.column?.runId ?? null));
  readonly title: string = $derived(this.runId ?? bundled);
  /** The choice differs from the one that the map was computed from. */
  readonly isOther: boolean = $derived.by(() => this.column !== null && this.runId !== this.#known(this.column.runId));
  readonly choices: readonly { id: string; title: string }[] = $derived.by(() => [
    { id: '', title: bundled },
    ...this.runs.map(({ id }) => ({ id, title: id })),
  ]);
  readonly job: Job | null = $derived.by(() => this.#session.jobOf('map'));

  #known = (id: string | null) => this.runs.find((run) => run.id === id)?.id ?? null;

  /** The id of a ranking; empty for the bundled weights. */
  choose(id: string) {
    this.#chosen = id;
  }

  /** Places images that are not on the map yet; with `anew`, computes the layout from scratch. */
  async draw(anew: boolean) {
    try {
      await this.#session.calls.workspace.map.mutate({ runId: this.runId, seed: 1, anew });
    } catch (error) {
      notices.fail(error);
    }
  }
}
