/** The comparison of the shown ranking with the truth: what was asked, the figures, and the job that compares its maps with masks. */
import type { Evaluation, Mistake } from '../../src-main/contract/evaluation.ts';
import { movedRule, ruleText } from '../../src-main/contract/threshold.ts';
import type { Job } from '../../src-main/contract/types.ts';
import { debounce } from '../lib/debounce.ts';
import { messageOf } from '../lib/engine.ts';
import { notices } from './notices.svelte.ts';
import { perView } from './per-view.svelte.ts';
import type { Session } from './session.svelte.ts';
import type { View } from './view.svelte.ts';

/** The threshold can be dragged: the engine is asked once it rests. */
const pauseMs = 120;

export class Judgement {
  readonly #session: Session;
  readonly #view: View;
  #isWanted = $state(false);
  /** Paths of a table of the truth and of a folder of masks, if the person gives them. */
  truth = $state('');
  masks = $state('');
  /** Whether the form for these is unfolded. */
  asksPaths = $state(false);
  evaluation = $state.raw<Evaluation | null>(null);
  /** The error message if the last request was refused. */
  problem = $state<string | null>(null);

  static readonly of = perView((session, view) => new Judgement(session, view));

  private constructor(session: Session, view: View) {
    this.#session = session;
    this.#view = view;
  }

  readonly isOpen = $derived.by(() => this.#isWanted && this.#view.scored !== null);
  /** The running or queued comparison of maps with masks. */
  readonly job: Job | null = $derived.by(() => this.#session.jobOf('evaluate'));
  /** Changes only when a job starts or ends, not with its progress. */
  readonly #isBusy = $derived.by(() => this.job !== null);
  readonly request = $derived.by(() => ({
    runId: this.#view.scored?.id ?? null,
    truth: this.truth.trim() || null,
    masks: this.masks.trim() || null,
    threshold: { rule: movedRule, value: this.#view.threshold.score },
  }));
  /** The command that gives the same figures. */
  get options(): { name: string; value: string }[] {
    const { runId, truth, masks } = this.request;
    const { choice } = this.#view.threshold;
    return [
      { name: 'run', value: runId ?? '' },
      { name: 'truth', value: truth ?? '' },
      { name: 'masks', value: masks ?? '' },
      { name: 'threshold', value: choice ? ruleText(choice) : '' },
    ].filter(({ value }) => value);
  }

  open() {
    this.#isWanted = true;
    this.#view.loupe.mode = 'grid';
  }
  close() {
    this.#isWanted = false;
  }

  /** Asks for the figures whenever threshold, truth, marks or images have changed. Call inside an effect; returns its cleanup function. */
  follow(): () => void {
    const { request } = this;
    void [this.#session.samples, this.#isBusy]; // tags; the figures of pixels after the job
    return debounce(
      pauseMs,
      () => this.#session.calls.evaluation.judge.query(request),
      (evaluation) => ([this.evaluation, this.problem] = [evaluation, null]),
      (error) => ([this.evaluation, this.problem] = [null, messageOf(error)]),
    );
  }

  async comparePixels() {
    try {
      await this.#session.calls.evaluation.pixels.mutate(this.request);
    } catch (error) {
      notices.fail(error);
    }
  }

  /** Shows mistakes among the ranked images: one in the loupe, or all selected in the grid. */
  look(mistakes: readonly Mistake[], one: Mistake | null) {
    const view = this.#view;
    this.close();
    view.filter.clear();
    view.flaggedOnly = false;
    const sample = this.#session.sample((one ?? mistakes[0]).id);
    if (sample) view.pick(sample, { toggle: false, range: false });
    if (one) view.loupe.mode = 'loupe';
    else
      view.select(
        mistakes.map(({ id }) => id),
        false,
      );
  }
}
