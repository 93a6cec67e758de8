/**
 * The threshold on the scores of a ranking: by the default rule, by a rule that the person has chosen, or moved by hand. The engine keeps the choice with the run. The
 * threshold follows the tags `normal` and `anomalous` at once.
 */
import { untrack } from 'svelte';
import { evidenceOf, laterColumn, scoresOfRanking } from '../../src-main/contract/evidence.ts';
import { folderTruth, type Verdict } from '../../src-main/contract/folder-truth.ts';
import { countFrom, type ThresholdRule } from '../../src-main/contract/threshold-rules.ts';
import { movedRule, ruleOf, thresholdOf, type RuleChoice, type Threshold } from '../../src-main/contract/threshold.ts';
import { anomalousTag, normalTag, trainedOn } from '../../src-main/contract/train-on.ts';
import type { RunSummary, Sample } from '../../src-main/contract/types.ts';
import { rooted } from './rooted.svelte.ts';
import type { Session } from './session.svelte.ts';

/** What is known of an image: nothing, or that it is normal or anomalous. */
export const known = { nothing: 0, normal: 1, anomalous: 2 } as const;

const ofFolder = (verdict: Verdict | null): number =>
  verdict === null ? known.nothing : verdict.isAnomalous ? known.anomalous : known.normal;

export class ScoreThreshold {
  #session: Session;
  #runNow: () => RunSummary | null;
  /** The newest choice, until the engine has kept it. */
  #chosen = $state.raw<{ run: string; choice: RuleChoice | null } | null>(null);

  /** `run`: the ranking, which may be running and have first scores; null if there is none. */
  constructor(session: Session, run: () => RunSummary | null) {
    this.#session = session;
    this.#runNow = run;
  }

  readonly #run: RunSummary | null = $derived.by(() => this.#runNow());
  /** By sample id. */
  readonly scores: Float64Array = $derived.by(() =>
    this.#run ? this.#session.values(this.#run.column) : new Float64Array(),
  );
  /** Ascending. */
  readonly sorted: Float64Array = $derived(this.scores.filter((value) => !Number.isNaN(value)).sort());

  /** Changes only with these tags and the list of images, not with other marks. */
  readonly #tagged: string = $derived.by(() =>
    this.#samples
      .map(({ id, tags }) => `${id}${tags.includes(normalTag) ? '+' : tags.includes(anomalousTag) ? '-' : ''}`)
      .filter((text) => !/\d$/.test(text))
      .join(),
  );
  get #samples(): readonly Sample[] {
    return this.#session.samples;
  }
  readonly #record = $derived.by(() => this.#session.record(this.#run));

  /** What the names of folders tell. */
  readonly #folders = $derived.by(() => {
    void this.#session.ids;
    return folderTruth(untrack(() => this.#samples.map(({ path }) => path)));
  });
  readonly #evidence = $derived.by(() => {
    void this.#tagged;
    const later = this.#run && laterColumn(this.#run);
    const hasLater = this.#session.columns.some(({ name }) => name === later);
    const run = this.#record ?? { trainOn: null, trainTags: { added: [], leftOut: [] }, normals: [] };
    return evidenceOf(
      run,
      untrack(() => this.#samples),
      scoresOfRanking(this.scores, hasLater ? this.#session.values(later as string) : null),
      this.#folders,
    );
  });

  readonly choice: RuleChoice | null = $derived.by(() =>
    this.#chosen && this.#chosen.run === this.#run?.id ? this.#chosen.choice : (this.#run?.rule ?? null),
  );
  /** By the chosen rule; its score is null if the rule lacks something. */
  readonly result: Threshold = $derived.by(() => thresholdOf(this.#evidence, this.choice));
  readonly #byDefault: Threshold = $derived.by(() => thresholdOf(this.#evidence, null));
  /** The default rule for what is known of the images. */
  readonly standard: ThresholdRule = $derived.by(() => ruleOf(this.#byDefault.rule) as ThresholdRule);
  /** In effect: by the chosen rule, or by the default rule if the chosen one places none. Null if neither does. */
  readonly placed: number | null = $derived.by(() => this.result.score ?? this.#byDefault.score);
  readonly score: number = $derived.by(() => this.placed ?? 0);
  readonly flagged: number = $derived.by(() => countFrom(this.sorted, this.score));

  /** By sample id: by tags, by folder names, and those that were trained on as normal. */
  readonly known: Uint8Array = $derived.by(() => {
    void this.#tagged;
    const run = this.#record;
    const isTrained = run && run.trainOn !== null ? trainedOn(run) : () => false;
    const by = new Uint8Array(this.scores.length);
    for (const { id, path, tags } of untrack(() => this.#samples)) {
      if (tags.includes(anomalousTag)) by[id] = known.anomalous;
      else if (tags.includes(normalTag) || isTrained(path)) by[id] = known.normal;
      else by[id] = ofFolder(this.#folders(path));
    }
    return by;
  });

  /** Applies a choice at once, and keeps it. */
  choose(choice: RuleChoice | null) {
    this.try(choice);
    void this.keep();
  }

  /** Whether it can be chosen: the scores of a running ranking are not final. */
  readonly isFinal = $derived.by(() => this.#run?.state === 'done');

  /** Applies a choice until `keep`. */
  try(choice: RuleChoice | null) {
    if (this.#run && this.isFinal) this.#chosen = { run: this.#run.id, choice };
  }

  /** Moves it by hand, until `keep`. */
  move(score: number) {
    this.try({ rule: movedRule, value: score });
  }

  /** The engine keeps the choice that is tried. The shown threshold does not change meanwhile. */
  async keep() {
    const chosen = this.#chosen;
    if (!chosen) return;
    const request = { id: chosen.run, rule: chosen.choice };
    await this.#session.do(() => this.#session.calls.runs.setThreshold.mutate(request));
    if (this.#chosen === chosen) this.#chosen = null;
  }
}

/** The thresholds of the finished rankings of a folder, as they are kept. */
export class ScoreThresholds {
  #session: Session;
  #byColumn = new Map<string, ScoreThreshold>();

  constructor(session: Session) {
    this.#session = session;
  }

  /** Null if the column is not the score of a finished ranking, and if there is none. */
  of(column: string): number | null {
    const find = () =>
      this.#session.runs.find((run) => run.kind === 'rank' && run.state === 'done' && run.column === column) ?? null;
    if (!find()) return null;
    const threshold = this.#byColumn.get(column) ?? rooted(() => new ScoreThreshold(this.#session, find));
    this.#byColumn.set(column, threshold);
    return threshold.placed;
  }
}
