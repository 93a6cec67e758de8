/** The comparison of the selected runs: their records, what is drawn of their curves, and for two of them what the engine says. */
import type { RunComparison as Compared } from '../../src-main/contract/run-comparison.ts';
import type { Setting } from '../../src-main/contract/run-settings.ts';
import type { Run, RunSummary } from '../../src-main/contract/types.ts';
import { categoryColours } from '../charts/scatter.ts';
import {
  axisOfValues,
  choiceOf,
  type Brushes,
  type Direction,
  type ParallelAxis,
  type ParallelLine,
} from '../lib/parallel.ts';
import { nameOf, resultOf, settingTitle, type RunRow } from '../lib/run-columns.ts';
import { curveNames, pointsOf, type CurveName, type Point } from '../lib/smoothing.ts';
import { Latest } from './latest.svelte.ts';
import { notices } from './notices.svelte.ts';
import { perView } from './per-view.svelte.ts';
import { AllRunFacts } from './run-facts.svelte.ts';
import { RunsList } from './runs-list.svelte.ts';
import type { Session } from './session.svelte.ts';
import type { View } from './view.svelte.ts';

/** Records of more runs are not fetched: a chart with more curves shows nothing. */
export const mostCurves = 60;
/** A setting with more different names is no axis. */
const mostChoices = 24;
/** Without grey, which stands for nothing. */
const colours = categoryColours.slice(0, -1);

/** What parallel coordinates compare runs by. */
export interface Goal {
  id: string;
  title: string;
  direction: Direction;
  of(row: RunRow): number | null;
}

const figure = (id: string, title: string, direction: Direction): Goal => ({
  id,
  title,
  direction,
  of: ({ facts }) => facts?.figures[id] ?? null,
});
const goals: readonly Goal[] = [
  figure('accuracy', 'accuracy', 'maximise'),
  { id: 'auroc', title: 'AUROC', direction: 'maximise', of: ({ auroc }) => auroc },
  figure('leastValLoss', 'validation loss', 'minimise'),
  figure('balancedAccuracy', 'balanced accuracy', 'maximise'),
  figure('macroF1', 'macro F1', 'maximise'),
  figure('loss', 'loss', 'minimise'),
  figure('calibrationError', 'calibration error', 'minimise'),
  { id: 'seconds', title: 'seconds', direction: 'minimise', of: ({ run }) => run.seconds },
];

export class RunComparison {
  readonly #session: Session;
  readonly #list: RunsList;
  readonly #facts: AllRunFacts;
  #records = $state.raw<ReadonlyMap<string, Run>>(new Map());
  #versions = new Map<string, number>();
  #curve = $state<CurveName | null>(null);
  smoothing = $state(0);
  isLog = $state(false);
  by = $state<'epoch' | 'seconds'>('epoch');
  zoom = $state.raw<{ min: number; max: number } | null>(null);
  hidden = $state.raw<ReadonlySet<string>>(new Set());
  hovered = $state<string | null>(null);
  showsAll = $state(false);
  brushes = $state.raw<Brushes>({});
  #goal = $state<string | null>(null);
  isSwapped = $state(false);
  readonly two = new Latest<Compared>();

  static readonly of = perView((session, view) => new RunComparison(session, view));

  private constructor(session: Session, view: View) {
    this.#session = session;
    this.#list = RunsList.of(session, view);
    this.#facts = AllRunFacts.of(session, view);
  }

  readonly runs: readonly RunSummary[] = $derived.by(() => this.#list.selected);
  readonly rows: readonly RunRow[] = $derived.by(() => {
    const byId = new Map(this.#facts.rows.map((row) => [row.run.id, row]));
    return this.runs.flatMap(({ id }) => byId.get(id) ?? []);
  });
  /** The pair, the older one first; null unless exactly two runs are selected. */
  readonly pair: readonly [a: RunSummary, b: RunSummary] | null = $derived.by(() => {
    if (this.runs.length !== 2) return null;
    const [a, b] = this.runs.toSorted((x, y) => x.createdAt - y.createdAt);
    return this.isSwapped ? [b, a] : [a, b];
  });

  record = (id: string): Run | null => this.#records.get(id) ?? null;
  colourOf = (id: string): string => colours[this.#place(id) % colours.length];
  #place = (id: string) =>
    Math.max(
      0,
      this.runs.findIndex((run) => run.id === id),
    );
  isDashed = (id: string): boolean => this.#place(id) >= colours.length;

  /** Fetches records that are missing or old. Call inside an effect. */
  async follow(runs: readonly RunSummary[]): Promise<void> {
    const wanted = runs.slice(0, mostCurves).filter(({ id, version }) => this.#versions.get(id) !== version);
    if (!wanted.length) return;
    for (const { id, version } of wanted) this.#versions.set(id, version);
    try {
      const found = await Promise.all(wanted.map(({ id }) => this.#session.calls.runs.get.query({ id })));
      this.#records = new Map([...this.#records, ...found.map((run) => [run.id, run] as const)]);
    } catch (error) {
      notices.fail(error);
    }
  }

  /** Asks the engine to compare the pair. Call inside an effect. */
  judge() {
    const { pair } = this;
    const key = pair && pair.map(({ id, version }) => `${id} ${version}`).join(' ');
    this.two.ask(
      key,
      () => {
        const [a, b] = pair as readonly [RunSummary, RunSummary];
        return this.#session.calls.runs.compare.query({ a: a.id, b: b.id });
      },
      false,
    );
  }

  // --- curves ---

  readonly curves: readonly CurveName[] = $derived.by(() =>
    curveNames.filter((name) =>
      this.runs.some(({ id }) => pointsOf(this.record(id)?.history ?? [], name, 'epoch').length),
    ),
  );
  get curve(): CurveName | null {
    return this.#curve && this.curves.includes(this.#curve) ? this.#curve : (this.curves[0] ?? null);
  }
  set curve(name: CurveName | null) {
    [this.#curve, this.zoom] = [name, null];
  }
  setBy(by: 'epoch' | 'seconds') {
    [this.by, this.zoom] = [by, null];
  }
  readonly lines: readonly {
    id: string;
    label: string;
    colour: string;
    isDashed: boolean;
    parts: readonly Point[][];
  }[] = $derived.by(() => {
    const { curve } = this;
    return this.runs.slice(0, mostCurves).flatMap((run) => {
      const parts =
        curve && !this.hidden.has(run.id) ? pointsOf(this.record(run.id)?.history ?? [], curve, this.by) : [];
      if (!parts.length) return [];
      return [
        { id: run.id, label: nameOf(run), colour: this.colourOf(run.id), isDashed: this.isDashed(run.id), parts },
      ];
    });
  });

  toggleHidden(id: string) {
    const next = new Set(this.hidden);
    if (!next.delete(id)) next.add(id);
    this.hidden = next;
  }

  // --- settings ---

  /** All settings of the runs; `differs`: not all runs that are compared have the same value. */
  readonly settings: readonly {
    name: string;
    title: string;
    values: readonly (Setting | undefined)[];
    differs: boolean;
  }[] = $derived.by(() => {
    const all = this.rows.map(({ facts }) => facts?.settings ?? {});
    const names = [...new Set(all.flatMap((own) => Object.keys(own)))];
    return names.map((name) => {
      const values = all.map((own) => own[name]);
      return { name, title: settingTitle(name, this.#list.titles), values, differs: new Set(values).size > 1 };
    });
  });
  readonly differing = $derived.by(() => this.settings.filter(({ differs }) => differs));

  // --- parallel coordinates ---

  readonly goals: readonly Goal[] = $derived.by(() =>
    goals.filter((goal) => this.rows.some((row) => goal.of(row) !== null)),
  );
  get goal(): Goal | null {
    return this.goals.find(({ id }) => id === this.#goal) ?? this.goals[0] ?? null;
  }
  chooseGoal(id: string) {
    [this.#goal, this.brushes] = [id, {}];
  }
  readonly axes: readonly ParallelAxis[] = $derived.by(() => {
    const { goal } = this;
    const own = this.differing.map(({ name, title, values }) => axisOfValues(name, title, values));
    const axes = own.filter(({ domain }) =>
      domain.type === 'categorical'
        ? domain.choices.length > 1 && domain.choices.length <= mostChoices
        : domain.low < domain.high,
    );
    const last =
      goal &&
      axisOfValues(
        'goal',
        goal.title,
        this.rows.map((row) => goal.of(row)),
      );
    return last ? [...axes, last] : axes;
  });
  readonly parallel: readonly ParallelLine[] = $derived.by(() =>
    this.rows.map((row) => {
      const score = this.goal?.of(row) ?? null;
      const values = this.axes.map(({ id }) => (id === 'goal' ? score : choiceOf(row.facts?.settings[id])));
      return { id: row.run.id, label: nameOf(row.run), values, score };
    }),
  );

  resultText = (row: RunRow): string => resultOf(row)?.text ?? '';
}
