/**
 * The threshold on the scores of the shown ranking: by the default rule, by a rule that the person has chosen, or moved by hand, which is kept. It follows
 * the tags `normal` and `anomalous` at once.
 */
import { untrack } from 'svelte';
import { evidenceOf } from '../../src-main/contract/evidence.ts';
import { folderTruth, type Verdict } from '../../src-main/contract/folder-truth.ts';
import { lowerBound } from '../../src-main/contract/numbers.ts';
import type { ThresholdRule } from '../../src-main/contract/threshold-rules.ts';
import { movedRule, ruleOf, thresholdOf, type RuleChoice, type Threshold } from '../../src-main/contract/threshold.ts';
import { anomalousTag, normalTag, trainedOn } from '../../src-main/contract/train-on.ts';
import type { Sample } from '../../src-main/contract/types.ts';
import type { View } from './view.svelte.ts';

/** What is known of an image: nothing, or that it is normal or anomalous. */
export const known = { nothing: 0, normal: 1, anomalous: 2 } as const;

const ofFolder = (verdict: Verdict | null): number =>
  verdict === null ? known.nothing : verdict.isAnomalous ? known.anomalous : known.normal;

export class ScoreThreshold {
  #view: View;
  /** What the person has chosen, by run. */
  #choices = $state.raw<ReadonlyMap<string, RuleChoice>>(new Map());

  constructor(view: View) {
    this.#view = view;
  }

  /** Changes only with these tags and the list of images, not with other marks. */
  readonly #tagged: string = $derived.by(() =>
    this.#samples
      .map(({ id, tags }) => `${id}${tags.includes(normalTag) ? '+' : tags.includes(anomalousTag) ? '-' : ''}`)
      .filter((text) => !/\d$/.test(text))
      .join(),
  );
  get #samples(): readonly Sample[] {
    return this.#view.session.samples;
  }
  readonly #record = $derived.by(() => this.#view.session.record(this.#view.scored));

  /** What the names of folders tell. */
  readonly #folders = $derived.by(() => {
    void this.#view.session.ids;
    return folderTruth(untrack(() => this.#samples.map(({ path }) => path)));
  });
  readonly #evidence = $derived.by(() => {
    void this.#tagged;
    const run = this.#record ?? { trainOn: null, trainTags: { added: [], leftOut: [] }, normals: [] };
    return evidenceOf(
      run,
      untrack(() => this.#samples),
      this.#view.scores,
      this.#folders,
    );
  });

  readonly choice: RuleChoice | null = $derived.by(
    () => (this.#view.scored && this.#choices.get(this.#view.scored.id)) ?? null,
  );
  /** By the chosen rule; its score is null if the rule lacks something. */
  readonly result: Threshold = $derived.by(() => thresholdOf(this.#evidence, this.choice));
  readonly #byDefault: Threshold = $derived.by(() => thresholdOf(this.#evidence, null));
  /** The default rule for what is known of the images. */
  readonly standard: ThresholdRule = $derived.by(() => ruleOf(this.#byDefault.rule) as ThresholdRule);
  /** In effect: by the chosen rule, or by the default rule if the chosen one places none. */
  readonly score: number = $derived.by(() => this.result.score ?? this.#byDefault.score ?? 0);
  readonly flagged: number = $derived.by(
    () => this.#view.sortedScores.length - lowerBound(this.#view.sortedScores, this.score),
  );

  /** By sample id: by tags, by folder names, and those that were trained on as normal. */
  readonly known: Uint8Array = $derived.by(() => {
    void this.#tagged;
    const run = this.#record;
    const isTrained = run && run.trainOn !== null ? trainedOn(run) : () => false;
    const by = new Uint8Array(this.#view.scores.length);
    for (const { id, path, tags } of untrack(() => this.#samples)) {
      if (tags.includes(anomalousTag)) by[id] = known.anomalous;
      else if (tags.includes(normalTag) || isTrained(path)) by[id] = known.normal;
      else by[id] = ofFolder(this.#folders(path));
    }
    return by;
  });

  choose(choice: RuleChoice | null) {
    const { scored } = this.#view;
    if (!scored) return;
    const choices = new Map(this.#choices);
    if (choice) choices.set(scored.id, choice);
    else choices.delete(scored.id);
    this.#choices = choices;
  }

  /** Moves it by hand. */
  move(score: number) {
    this.choose({ rule: movedRule, value: score });
  }
}
