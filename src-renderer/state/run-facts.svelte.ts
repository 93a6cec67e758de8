/**
 * Settings and figures of all runs, for tables: fetched together in the background, and again when a run has ended. The AUROC of rankings is asked one by one
 * afterwards, since it depends on what is known about the images now.
 */
import type { RunFacts } from '../../src-main/contract/run-facts.ts';
import type { RunSummary } from '../../src-main/contract/types.ts';
import { messageOf } from '../lib/engine.ts';
import type { RunRow } from '../lib/run-columns.ts';
import { notices } from './notices.svelte.ts';
import { perView } from './per-view.svelte.ts';
import type { Session } from './session.svelte.ts';

/** Runs in one request. */
const atOnce = 250;

export class AllRunFacts {
  readonly #session: Session;
  #facts = $state.raw<ReadonlyMap<string, RunFacts>>(new Map());
  #aurocs = $state.raw<ReadonlyMap<string, number>>(new Map());
  /** The state of each run when it was asked for. */
  #asked = new Map<string, string>();
  #judged = new Set<string>();
  #isFetching = false;
  #isJudging = false;
  /** Why rankings have no AUROC; null if they have one, or while it is not known. */
  unjudged = $state<string | null>(null);

  static readonly of = perView((session) => new AllRunFacts(session));

  private constructor(session: Session) {
    this.#session = session;
  }

  readonly rows: readonly RunRow[] = $derived.by(() =>
    this.#session.runs.map((run) => ({
      run,
      facts: this.#facts.get(run.id) ?? null,
      auroc: this.#aurocs.get(run.id) ?? null,
    })),
  );
  readonly isComplete = $derived.by(() => this.#session.runs.every(({ id }) => this.#facts.has(id)));

  /** Fetches what is missing or old. Call inside an effect that reads the runs. */
  async follow(runs: readonly RunSummary[]): Promise<void> {
    if (this.#isFetching) return;
    this.#isFetching = true;
    try {
      for (;;) {
        const wanted = this.#session.runs.filter(({ id, state }) => this.#asked.get(id) !== state).slice(0, atOnce);
        if (!wanted.length) break;
        for (const { id, state } of wanted) this.#asked.set(id, state);
        const found = await this.#session.calls.runs.settings.query({ ids: wanted.map(({ id }) => id) });
        this.#facts = new Map([...this.#facts, ...found.map((facts) => [facts.id, facts] as const)]);
      }
    } catch (error) {
      notices.fail(error);
    } finally {
      this.#isFetching = false;
    }
    await this.#judge(runs);
  }

  /** The truth may have changed since. */
  renew() {
    this.#judged.clear();
    this.unjudged = null;
  }

  async #judge(runs: readonly RunSummary[]) {
    if (this.#isJudging) return;
    this.#isJudging = true;
    try {
      for (const { id, version } of runs.filter(({ kind, state }) => kind === 'rank' && state === 'done')) {
        const key = `${id} ${version}`;
        if (this.#judged.has(key)) continue;
        this.#judged.add(key);
        const { image, truth, notes } = await this.#session.calls.evaluation.judge.query({ runId: id });
        const aurocs = new Map(this.#aurocs);
        if (image) aurocs.set(id, image.auroc);
        else aurocs.delete(id);
        this.#aurocs = aurocs;
        this.unjudged = image ? null : (notes[0] ?? null);
        if (truth.source === null) return; // nothing is known about the images, so other rankings have no figures either
      }
    } catch (error) {
      this.unjudged = messageOf(error);
    } finally {
      this.#isJudging = false;
    }
  }
}
