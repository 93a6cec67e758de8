/** The review of probable label errors: filter by a pair of classes, selection, accept or confirm. */
import type { LabelSuspect } from '../../src-main/contract/classifier.ts';
import type { Job, RunSummary } from '../../src-main/contract/types.ts';
import { notices } from './notices.svelte.ts';
import { perView } from './per-view.svelte.ts';
import type { Session } from './session.svelte.ts';
import type { View } from './view.svelte.ts';

export interface Pair {
  given: string;
  suggested: string;
  count: number;
}

export class Suspects {
  #session: Session;
  #view: View;
  pair = $state.raw<Omit<Pair, 'count'> | null>(null);
  /** The cross-validated classifier whose predictions are used; without one, heads on embeddings. */
  runId = $state<string | null>(null);

  static readonly of = perView((session, view) => new Suspects(session, view));

  private constructor(session: Session, view: View) {
    this.#session = session;
    this.#view = view;
  }

  readonly run: RunSummary | null = $derived.by(
    () => this.#session.runs.find(({ id }) => id === this.#session.labelQueue?.runId) ?? null,
  );
  /** Cross-validated classifiers, which have out-of-fold predictions. */
  readonly classifiers: readonly RunSummary[] = $derived.by(() =>
    this.#session.listedRuns.filter(
      ({ kind, state, dividedBy }) => kind === 'train' && state === 'done' && dividedBy === 'folds',
    ),
  );
  /** The running or queued search. */
  readonly job: Job | null = $derived.by(() => this.#session.jobOf('labels'));
  readonly waiting: readonly LabelSuspect[] = $derived.by(() =>
    (this.#session.labelQueue?.suspects ?? []).filter(({ sampleId }) => {
      const sample = this.#session.sample(sampleId);
      return sample !== undefined && sample.decision !== 'reject';
    }),
  );
  readonly pairs: readonly Pair[] = $derived.by(() => {
    const counts = new Map<string, Pair>();
    for (const { given, suggested } of this.waiting) {
      const key = JSON.stringify([given, suggested]);
      counts.set(key, { given, suggested, count: (counts.get(key)?.count ?? 0) + 1 });
    }
    return [...counts.values()].sort(
      (a, b) => b.count - a.count || a.given.localeCompare(b.given) || a.suggested.localeCompare(b.suggested),
    );
  });
  readonly shown: readonly LabelSuspect[] = $derived.by(() => {
    const { pair } = this;
    const own =
      pair && this.waiting.filter(({ given, suggested }) => given === pair.given && suggested === pair.suggested);
    return own?.length ? own : this.waiting; // a resolved pair no longer filters
  });
  readonly settled = $derived.by(() => (this.#session.labelQueue?.flagged ?? 0) - this.waiting.length);

  /** Suspects in the selection, or the one under the cursor. */
  get chosen(): readonly LabelSuspect[] {
    const ids = new Set(this.#view.chosen());
    return this.shown.filter(({ sampleId }) => ids.has(sampleId));
  }

  /** Accepts the suggested class of these images or confirms the given one; the cursor moves to the next image. */
  async settle(how: 'accept' | 'confirm', these: readonly LabelSuspect[] = this.chosen): Promise<void> {
    const ids = these.map(({ sampleId }) => sampleId);
    if (!ids.length) return;
    const left = new Set(ids);
    const at = this.shown.findIndex(({ sampleId }) => left.has(sampleId));
    const next =
      this.shown.slice(at).find(({ sampleId }) => !left.has(sampleId)) ??
      this.shown.findLast(({ sampleId }) => !left.has(sampleId));
    this.#view.selection = new Set();
    // Shown at once; the refresh brings the engine's own list.
    const { labelQueue } = this.#session;
    if (labelQueue)
      this.#session.labelQueue = {
        ...labelQueue,
        suspects: labelQueue.suspects.filter(({ sampleId }) => !left.has(sampleId)),
      };
    this.#view.cursor = next?.sampleId ?? null;
    const done = await this.#session.do(() => this.#session.calls.labels[how].mutate({ ids }));
    if (!done && this.#session.labelQueue) this.#session.labelQueue = labelQueue;
  }

  async search(): Promise<void> {
    try {
      await this.#session.calls.labels.find.mutate({
        runId: this.classifiers.some(({ id }) => id === this.runId) ? this.runId : null,
      });
    } catch (error) {
      notices.fail(error);
    }
  }
}
