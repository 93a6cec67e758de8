/**
 * Why a network gave its output: the network, the method, the target, the layer and the parameters that a person chose, for all places that show such maps. Without
 * a choice there is a map too: of the newest classifier, else of the newest ranking, by the first method that the network has.
 */
import type { Explanation, ExplanationMethod, ExplanationMethods, Target } from '../../src-main/contract/inside.ts';
import type { RunSummary, Sample } from '../../src-main/contract/types.ts';
import { messageOf } from '../lib/engine.ts';
import type { Question } from '../lib/explanation.ts';
import { defaultsOf } from '../lib/schema.ts';
import { app } from './app.svelte.ts';
import { Inside } from './inside.svelte.ts';
import { notices } from './notices.svelte.ts';
import { perView } from './per-view.svelte.ts';
import type { Session } from './session.svelte.ts';
import { settings } from './settings.svelte.ts';
import type { View } from './view.svelte.ts';

/** What is asked about each image; what the network does not have is replaced by its usual choice. */
export class Choice {
  /** null: chosen for the network. */
  method = $state<string | null>(null);
  target = $state.raw<Target>({ of: 'auto' });
  /** null: chosen for the network. */
  layer = $state<string | null>(null);
  /** Changed parameters, by method. */
  parameters = $state.raw<Readonly<Record<string, Record<string, unknown>>>>({});

  /** The usual method is Grad-CAM. The error of an autoencoder falls with what its channels say, so that its Grad-CAM is mostly empty: there, the gradient by pixel. */
  methodIn({ methods, targets }: ExplanationMethods): ExplanationMethod | null {
    const own = methods.filter(({ reason }) => reason === null);
    const wanted = this.method ?? (targets.includes('error') ? 'saliency' : 'grad-cam');
    return own.find(({ id }) => id === wanted) ?? own.find(({ isSlow }) => !isSlow) ?? own[0] ?? null;
  }

  targetIn({ targets }: ExplanationMethods, classes: readonly string[]): Target {
    const { target } = this;
    const isKnown = (name: string) => classes.includes(name);
    const fits =
      targets.includes(target.of) &&
      (target.of !== 'class' || isKnown(target.name)) &&
      (target.of !== 'difference' || (isKnown(target.name) && isKnown(target.minus)));
    return fits ? target : { of: 'auto' };
  }

  layerIn({ layers }: ExplanationMethods): string | null {
    return this.layer !== null && layers.includes(this.layer) ? this.layer : null;
  }

  valuesOf({ id, schema }: ExplanationMethod): Record<string, unknown> {
    return { ...defaultsOf(schema), ...this.parameters[id] };
  }

  set({ id }: ExplanationMethod, name: string, value: unknown) {
    this.parameters = { ...this.parameters, [id]: { ...this.parameters[id], [name]: value } };
  }
}

interface Known {
  methods: ExplanationMethods | null;
  problem: string | null;
}
const unknown: Known = { methods: null, problem: null };

export class Why {
  readonly #session: Session;
  readonly #view: View;
  readonly choice = new Choice();
  /** The run that a person chose, if any. */
  runId = $state<string | null>(null);
  /** The tiles of the gallery show their maps. */
  isOnTiles = $state(false);
  /** What stands beside the map in the large view, and what is asked there. */
  beside = $state<'nothing' | 'class' | 'method' | 'model'>('nothing');
  readonly other = new Choice();
  otherRunId = $state<string | null>(null);
  /** The large view shows one image, or the mean maps of the classes. */
  isByClass = $state(false);
  /** Each map has a scale of its own, from zero to its own top. */
  ownScale = $state(false);
  readonly #known = new Map<string, Known>();
  #arrived = $state(0);

  static readonly of = perView((session, view) => new Why(session, view));

  private constructor(session: Session, view: View) {
    this.#session = session;
    this.#view = view;
  }

  /** The finished runs that can be asked, the newest first. */
  readonly runs: readonly RunSummary[] = $derived.by(() =>
    this.#session.listedRuns.filter(({ kind, state }) => (kind === 'train' || kind === 'rank') && state === 'done'),
  );
  readonly run: RunSummary | null = $derived.by(() => {
    const chosen = this.runs.find(({ id }) => id === this.runId);
    const shown = this.runs.find(({ id, kind }) => kind === 'train' && id === app.training?.result?.id);
    return (
      chosen ?? shown ?? this.runs.find(({ kind }) => kind === 'train') ?? this.#view.scored ?? this.runs[0] ?? null
    );
  });

  /** What a run can be asked; null until it arrives. Reading subscribes to changes. */
  known(run: string): Known {
    void this.#arrived;
    const known = this.#known.get(run);
    if (!known) {
      this.#known.set(run, unknown);
      void this.#ask(run);
    }
    return known ?? unknown;
  }

  async #ask(run: string) {
    try {
      this.#known.set(run, { methods: await this.#session.calls.inside.methods.query({ run }), problem: null });
    } catch (error) {
      this.#known.set(run, { methods: null, problem: messageOf(error) });
    }
    this.#arrived++;
  }

  /** Names of the outputs of a run; empty if it has none. */
  classes(run: string): readonly string[] {
    const own = this.runs.find(({ id }) => id === run);
    if (own) return this.#session.record(own)?.classification?.classes ?? [];
    return Inside.of(this.#session, this.#view).subjects.value?.find(({ id }) => id === run)?.classes ?? [];
  }

  /** The question about an image, with what the person chose; null until it is known what the run can be asked, or if no method has a map of it. */
  question(run: string | null, sample: Sample | null, choice: Choice = this.choice): Question | null {
    const methods = run === null ? null : this.known(run).methods;
    const method = methods && choice.methodIn(methods);
    if (run === null || !sample || !methods || !method) return null;
    return {
      run,
      sample,
      method: method.id,
      layer: method.hasLayer ? choice.layerIn(methods) : null,
      target: choice.targetIn(methods, this.classes(run)),
      parameters: choice.parameters[method.id] ?? {},
    };
  }

  /** What stands beside a question, if anything. */
  questionBeside(question: Question | null): Question | null {
    if (!question) return null;
    switch (this.beside) {
      case 'nothing':
        return null;
      case 'class': {
        const methods = this.known(question.run).methods;
        return methods && { ...question, target: this.other.targetIn(methods, this.classes(question.run)) };
      }
      case 'method': {
        const other = this.question(question.run, question.sample, this.other);
        return other && { ...other, target: question.target };
      }
      case 'model':
        return this.question(this.otherRun(question.run)?.id ?? null, question.sample);
    }
  }

  /** The run whose map stands beside that of `run`: the chosen one, else the next of the same kind. */
  otherRun(run: string): RunSummary | null {
    const others = this.runs.filter(({ id }) => id !== run);
    const kind = this.runs.find(({ id }) => id === run)?.kind;
    return (
      others.find(({ id }) => id === this.otherRunId) ??
      others.find((other) => other.kind === kind) ??
      others[0] ??
      null
    );
  }

  /** Puts something beside the map of a question: at first the second class, or the next method. */
  putBeside(beside: Why['beside'], question: Question | null, predicted: Explanation['predicted']) {
    this.beside = beside;
    const classes = question ? this.classes(question.run) : [];
    const second = predicted[1]?.name ?? classes[1];
    if (beside === 'class' && this.other.target.of === 'auto' && second !== undefined)
      this.other.target = { of: 'class', name: second };
    const known = question && this.known(question.run).methods;
    if (beside === 'method' && known && this.other.methodIn(known)?.id === question.method) {
      this.other.method =
        known.methods.find(({ id, reason, isSlow }) => reason === null && !isSlow && id !== question.method)?.id ??
        this.other.method;
    }
  }

  /** Shows the map of an image in the loupe: of this one, of the one under the cursor, or of the first. */
  look({ sample, run, method }: { sample?: Sample; run?: string; method?: string } = {}) {
    const view = this.#view;
    if (run !== undefined) this.runId = run;
    if (method !== undefined) this.choice.method = method;
    if (!this.run) {
      notices.add('info', 'There is no network to ask yet: train a classifier, or rank the images.');
      return;
    }
    if (!view.isBrowsing) view.go('gallery');
    if (sample && !view.shown.some(({ id }) => id === sample.id)) {
      view.go('gallery');
      view.filter.clear();
    }
    const shown = sample ?? view.current ?? view.shown[0];
    if (!shown) {
      notices.add('info', 'No image is shown that could be explained.');
      return;
    }
    if (shown.id !== view.current?.id) view.pick(shown, { toggle: false, range: false });
    settings.setWhy(true);
    if (!view.loupe.isComparing) view.loupe.mode = 'loupe';
  }

  /** Maps over what is shown: the large images, or the tiles. */
  toggle() {
    if (this.#view.loupe.mode === 'grid') this.isOnTiles = !this.isOnTiles;
    else settings.setWhy(!settings.showsWhy);
  }

  methodOf({ run, method }: Question): ExplanationMethod | null {
    return this.known(run).methods?.methods.find(({ id }) => id === method) ?? null;
  }
}
