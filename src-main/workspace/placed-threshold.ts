/** The threshold of a finished ranking, from the scores and marks of its folder. */
import { evidenceOf, laterColumn, scoresOfRanking } from '../contract/evidence.ts';
import type { Evidence } from '../contract/threshold-rules.ts';
import { thresholdInEffect, thresholdOf, type RuleChoice, type Threshold } from '../contract/threshold.ts';
import type { Run, Sample } from '../contract/types.ts';
import type { Runs } from './runs.ts';
import type { Table } from './table.ts';

interface Stores {
  table: Table;
  runs: Runs;
}

/** By sample id: images that were scored later; null if there are none. */
export function scoredLater(table: Table, run: Pick<Run, 'id'>): Float64Array | null {
  const name = laterColumn(run);
  return table.columns().some((column) => column.name === name) ? table.values(name) : null;
}

/** What the threshold of a ranking is placed by. */
export const evidenceOfRun = (table: Table, run: Run, samples: readonly Sample[] = table.samples()): Evidence =>
  evidenceOf(run, samples, scoresOfRanking(table.values(run.column), scoredLater(table, run)));

/** By the rule, which may lack something; without one, the threshold in effect by the rule that the run keeps. */
export function placedThreshold({ table, runs }: Stores, run: Run, rule: RuleChoice | null): Threshold {
  const evidence = evidenceOfRun(table, run);
  return rule ? thresholdOf(evidence, rule) : thresholdInEffect(evidence, runs.summary(run.id).rule);
}

/** The threshold on a column; null if it is not the score of a finished ranking, or if there is none. */
export function thresholdOfColumn(stores: Stores, column: string): number | null {
  const run = stores.runs.list().find((one) => one.kind === 'rank' && one.state === 'done' && one.column === column);
  return run ? placedThreshold(stores, stores.runs.get(run.id), null).score : null;
}
