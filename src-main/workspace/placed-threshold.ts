/** The threshold of a finished ranking, from the scores and marks of its folder. */
import { evidenceOf, laterColumn, scoresOfRanking } from '../contract/evidence.ts';
import type { Evidence } from '../contract/threshold-rules.ts';
import { folderTruth, type Verdict } from '../contract/folder-truth.ts';
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

/** What the threshold of a ranking is placed by. `truth`: what the names of folders tell. */
export const evidenceOfRun = (
  table: Table,
  run: Run,
  samples: readonly Sample[] = table.samples(),
  truth?: (path: string) => Verdict | null,
): Evidence => evidenceOf(run, samples, scoresOfRanking(table.values(run.column), scoredLater(table, run)), truth);

/** By the rule, which may lack something; without one, the threshold in effect by the rule that the run keeps. */
export function placedThreshold({ table, runs }: Stores, run: Run, rule: RuleChoice | null): Threshold {
  const evidence = evidenceOfRun(table, run);
  return rule ? thresholdOf(evidence, rule) : thresholdInEffect(evidence, runs.summary(run.id).rule);
}

/**
 * The thresholds of columns while one expression is read: null for a column that is not the score of a finished ranking, and if there is none. Images are read once, and
 * each threshold is placed once.
 */
export function thresholdsOfColumns({ table, runs }: Stores): (column: string) => number | null {
  const placed = new Map<string, number | null>();
  let images: { samples: readonly Sample[]; truth: (path: string) => Verdict | null } | null = null;
  const place = (column: string): number | null => {
    const run = runs.list().find((one) => one.kind === 'rank' && one.state === 'done' && one.column === column);
    if (!run) return null;
    if (!images) {
      const samples = table.samples();
      images = { samples, truth: folderTruth(samples.map(({ path }) => path)) };
    }
    return thresholdInEffect(evidenceOfRun(table, runs.get(run.id), images.samples, images.truth), run.rule).score;
  };
  return (column) => {
    let score = placed.get(column);
    if (score === undefined) placed.set(column, (score = place(column)));
    return score;
  };
}
