/** What the map is laid out by: the bundled weights, or the codes of a ranking; and the job that does it. */
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
  /** Rankings whose codes can lay it out. */
  readonly runs: readonly RunSummary[] = $derived.by(() =>
    this.#session.listedRuns.filter((run) => run.kind === 'rank' && run.state === 'done' && app.outputsOf(run)?.code),
  );
  /** The ranking that is chosen, else the one that the map was laid out by; null for the bundled weights. */
  readonly runId: string | null = $derived.by(() => this.#known(this.#chosen ?? this.column?.runId ?? null));
  readonly title: string = $derived(this.runId ?? bundled);
  /** Another one is chosen than the map was laid out by. */
  readonly isOther: boolean = $derived.by(() => this.column !== null && this.runId !== this.#known(this.column.runId));
  readonly choices: readonly { id: string; title: string }[] = $derived.by(() => [
    { id: '', title: bundled },
    ...this.runs.map(({ id }) => ({ id, title: id })),
  ]);
  readonly job: Job | null = $derived.by(() => this.#session.jobOf('map'));

  #known = (id: string | null) => this.runs.find((run) => run.id === id)?.id ?? null;

  /** By the id of a ranking; empty for the bundled weights. */
  choose(id: string) {
    this.#chosen = id;
  }

  /** Places the images that have no place yet; `anew`, all of them. */
  async draw(anew: boolean) {
    try {
      await this.#session.calls.workspace.map.mutate({ runId: this.runId, seed: 1, anew });
    } catch (error) {
      notices.fail(error);
    }
  }
}
