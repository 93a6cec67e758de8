/** State of the place Inside: the chosen network, image, layer, unit and tab. It is kept while other places are open. */
import type {
  Decoded,
  FeatureMaps,
  FeatureThumbs,
  Filters,
  LayerSurvey,
  NetworkLayer,
  NetworkView,
  Subject,
  UnitSurvey,
} from '../../src-main/contract/inside.ts';
import type { Arrays } from '../../src-main/contract/arrays.ts';
import type { Job, Run, RunSummary, Sample } from '../../src-main/contract/types.ts';
import { callInside } from '../lib/inside.ts';
import { blocksOf, openAtFirst, type Item } from '../lib/network-blocks.ts';
import { inputName } from '../lib/network-layout.ts';
import type { Slice } from '../lib/filters.ts';
import type { UnitOrder } from '../lib/units.ts';
import { Latest } from './latest.svelte.ts';
import { Maximising } from './maximising.svelte.ts';
import { notices } from './notices.svelte.ts';
import { perView } from './per-view.svelte.ts';
import type { Session } from './session.svelte.ts';
import type { View } from './view.svelte.ts';

export type InsideTab = 'network' | 'filters' | 'maps' | 'units' | 'why' | 'latent';

export const insideTabs: readonly { id: InsideTab; title: string }[] = [
  { id: 'network', title: 'Network' },
  { id: 'filters', title: 'Filters' },
  { id: 'maps', title: 'Feature maps' },
  { id: 'units', title: 'Units' },
  { id: 'why', title: 'Why' },
  { id: 'latent', title: 'Latent space' },
];

export type LatentKind = 'line' | 'around' | 'direction' | 'code';
export interface Latent {
  kind: LatentKind;
  /** The image at the end of the line; null: the next one. */
  end: number | null;
  direction: number;
  /** Of the codes around an image. */
  seed: number;
  /** Changed numbers of the code, by index. */
  numbers: Record<string, number>;
}

/** At first, blocks are open as long as no more items than this are shown. */
const mostItems = 16;

/** Layers with feature maps, or values at the places of a transformer. */
export const hasMaps = ({ output }: NetworkLayer): boolean => output.length > 1;
/** Layers whose kernels are pictures: over places, or a dense layer that reads the image. */
export const hasFilters = ({ kernel, from }: NetworkLayer): boolean =>
  kernel !== null && (kernel.length === 4 || from.includes(inputName));

export class Inside {
  readonly #session: Session;
  readonly #view: View;
  readonly subjects = new Latest<readonly Subject[]>();
  readonly network = new Latest<NetworkView>();
  readonly thumbs = new Latest<Arrays<FeatureThumbs>>(80);
  readonly filters = new Latest<Arrays<Filters>>(40);
  readonly maps = new Latest<Arrays<FeatureMaps>>(40);
  readonly layerSurvey = new Latest<LayerSurvey | null>();
  readonly unitSurvey = new Latest<UnitSurvey | null>(40);
  readonly maximising: Maximising;
  readonly decoded = new Latest<Arrays<Decoded>>(120);
  latent = $state.raw<Latent>({ kind: 'line', end: null, direction: 0, seed: 1, numbers: {} });
  unitOrder = $state<UnitOrder>('number');
  #runId = $state<string | null>(null);
  #tab = $state<InsideTab>('network');
  #layer = $state<string | null>(null);
  /** The selected unit; kept when another layer is shown. */
  unit = $state<number | null>(null);
  filterOrder = $state<'norm' | 'number'>('norm');
  mapOrder = $state<'activity' | 'number'>('activity');
  /** The input of the kernels that is shown. */
  slice = $state<Slice>('mean');
  #epoch = $state<number | null>(null);
  /** Open blocks by network. */
  #open = $state.raw<ReadonlyMap<string, ReadonlySet<string>>>(new Map());
  /** What is selected in the graph: a layer or a block. */
  selected = $state<string | null>(null);

  /** For the addresses of pictures. */
  get workspaceId() {
    return this.#session.id;
  }

  static readonly of = perView((session, view) => new Inside(session, view));

  private constructor(session: Session, view: View) {
    this.#session = session;
    this.#view = view;
    this.maximising = new Maximising(session.id);
  }

  /** The chosen network, otherwise the newest. */
  readonly subject: Subject | null = $derived.by(() => {
    const known = this.subjects.value ?? [];
    return known.find(({ id }) => id === this.#runId) ?? known[0] ?? null;
  });
  readonly run: RunSummary | null = $derived.by(
    () => this.#session.runs.find(({ id }) => id === this.subject?.id) ?? null,
  );
  readonly record: Run | null = $derived.by(() => this.#session.record(this.run));
  /** The tabs that this network has. */
  readonly tabs = $derived.by(() => insideTabs.filter(({ id }) => id !== 'latent' || this.subject?.hasCode));
  /** The image under the cursor of the gallery, otherwise its first. */
  readonly sample: Sample | null = $derived.by(() => this.#view.current ?? this.#view.shown[0] ?? null);
  /** Of the chosen network; null until it arrives. */
  readonly view: NetworkView | null = $derived.by(() =>
    this.network.value?.id === this.subject?.id ? this.network.value : null,
  );
  readonly blocks: readonly Item[] = $derived.by(() => (this.view ? blocksOf(this.view.layers) : []));
  readonly open: ReadonlySet<string> = $derived.by(
    () => this.#open.get(this.subject?.id ?? '') ?? openAtFirst(this.blocks, mostItems),
  );
  /** The survey that runs or waits. */
  readonly survey: Job | null = $derived.by(() => this.#session.jobOf('survey'));
  /** Changes when a survey has ended. */
  readonly surveys: number = $derived.by(
    () => this.#session.jobs.filter(({ kind, state }) => kind === 'survey' && state === 'done').length,
  );

  get tab(): InsideTab {
    return this.tabs.some(({ id }) => id === this.#tab) ? this.#tab : 'network';
  }
  set tab(tab: InsideTab) {
    this.#tab = tab;
  }

  /** The snapshot whose kernels are shown; null for the finished network. */
  get epoch(): number | null {
    return this.#epoch !== null && this.view?.snapshots.includes(this.#epoch) ? this.#epoch : null;
  }
  set epoch(epoch: number | null) {
    this.#epoch = epoch;
  }

  choose(runId: string) {
    this.#runId = runId;
  }

  /** Opens the place with this network. */
  enter(runId?: string, tab?: InsideTab) {
    if (runId) this.choose(runId);
    if (tab) this.tab = tab;
    this.#view.go('inside');
    this.#view.loupe.mode = 'grid';
  }

  /** The chosen layer if `isOf` holds for it, otherwise the next one for which it does, or the first of the network. */
  layerOf(isOf: (layer: NetworkLayer) => boolean): NetworkLayer | null {
    const layers = this.view?.layers ?? [];
    const at = layers.findIndex(({ name }) => name === this.#layer);
    return layers.slice(Math.max(0, at)).find(isOf) ?? layers.findLast(isOf) ?? null;
  }

  chooseLayer(name: string, tab?: InsideTab) {
    this.#layer = name;
    if (tab) this.tab = tab;
  }

  /** The layers that the open tab can show. */
  get #isShown(): (layer: NetworkLayer) => boolean {
    return this.tab === 'filters' ? hasFilters : this.tab === 'maps' ? hasMaps : () => true;
  }

  /** Steps to another layer in the open tab; in the network it is selected. */
  step(by: number) {
    this.stepLayer(by, this.#isShown);
    const layer = this.layerOf(this.#isShown);
    if (this.tab === 'network' && layer) this.selected = layer.name;
  }

  /** Steps to another layer for which `isOf` holds. */
  stepLayer(by: number, isOf: (layer: NetworkLayer) => boolean) {
    const layers = this.view?.layers.filter(isOf) ?? [];
    const at = layers.findIndex(({ name }) => name === this.layerOf(isOf)?.name);
    const next = layers[at + by];
    if (next) this.#layer = next.name;
  }

  /** Folds or opens a block. */
  toggle(id: string) {
    const open = new Set(this.open);
    if (!open.delete(id)) open.add(id);
    this.openOnly(open);
  }

  openOnly(ids: Iterable<string>) {
    if (this.subject) this.#open = new Map(this.#open).set(this.subject.id, new Set(ids));
  }

  // --- what the engine knows; called in effects ---

  /** Asks again when a run has finished, or was archived or deleted. */
  followSubjects() {
    const runs = this.#session.runs.map(({ id, state, archived }) => `${id} ${state} ${archived}`);
    this.subjects.ask(JSON.stringify(runs), ({ signal }) =>
      this.#session.calls.inside.subjects.query(undefined, { signal }),
    );
  }

  followNetwork() {
    const { subject } = this;
    this.network.ask(
      subject && subject.id,
      ({ signal }) => this.#session.calls.inside.network.query({ run: subject!.id }, { signal }),
      false,
    );
  }

  followThumbs() {
    const { subject, sample } = this;
    this.thumbs.ask(subject && sample && `${subject.id} ${sample.id} ${sample.sha256}`, ({ signal }) =>
      callInside(this.#session.id, 'featureThumbs', { run: subject!.id, sampleId: sample!.id }, { signal }),
    );
  }

  followFilters() {
    const { subject, epoch } = this;
    const layer = this.layerOf(hasFilters)?.name;
    this.filters.ask(subject && layer ? JSON.stringify([subject.id, layer, epoch]) : null, ({ signal }) =>
      callInside(this.#session.id, 'filters', { run: subject!.id, layer: layer!, epoch }, { signal }),
    );
  }

  followMaps() {
    const { subject, sample } = this;
    const layer = this.layerOf(hasMaps)?.name;
    this.maps.ask(
      subject && layer && sample ? JSON.stringify([subject.id, layer, sample.id, sample.sha256]) : null,
      ({ signal }) =>
        callInside(
          this.#session.id,
          'featureMaps',
          { run: subject!.id, layer: layer!, sampleId: sample!.id },
          { signal },
        ),
    );
  }

  /** The survey of the layer and of the unit, once there is one. */
  followSurvey() {
    const { subject, surveys, unit } = this;
    const layer = this.layerOf(() => true);
    const { calls } = this.#session;
    const key = subject && layer && JSON.stringify([subject.id, layer.name, surveys]);
    this.layerSurvey.ask(key, ({ signal }) =>
      calls.inside.layer.query({ run: subject!.id, layer: layer!.name }, { signal }),
    );
    const isThere =
      unit !== null && this.layerSurvey.valueKey === key && unit < (this.layerSurvey.value?.units.length ?? 0);
    this.unitSurvey.ask(isThere ? JSON.stringify([key, unit]) : null, ({ signal }) =>
      calls.inside.unit.query({ run: subject!.id, layer: layer!.name, unit: unit! }, { signal }),
    );
  }

  setLatent(change: Partial<Latent>) {
    this.latent = { ...this.latent, ...change };
  }

  followDecoded() {
    const { subject, sample } = this;
    const { kind, end, direction, seed, numbers } = this.latent;
    const { shown, currentIndex } = this.#view;
    const other = end ?? shown[Math.max(0, currentIndex) + 1]?.id ?? shown[0]?.id ?? null;
    if (!subject?.hasCode || !sample) return this.decoded.ask(null, () => Promise.reject(new Error('no code')));
    const sampleId = sample.id;
    const of =
      kind === 'line'
        ? { kind, from: sampleId, to: other ?? sampleId }
        : kind === 'around'
          ? { kind, sampleId, seed }
          : kind === 'direction'
            ? { kind, sampleId, direction }
            : { kind, sampleId, numbers };
    this.decoded.ask(JSON.stringify([subject.id, of]), ({ signal, onEvent }) =>
      callInside(this.#session.id, 'decode', { run: subject.id, of }, { signal, onEvent }),
    );
  }

  async startSurvey() {
    const { subject } = this;
    if (!subject) return;
    await this.#session.calls.inside.survey.mutate({ run: subject.id }).catch((error: unknown) => notices.fail(error));
  }
}
