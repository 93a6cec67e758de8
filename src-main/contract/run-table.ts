/** A table of runs with one row a run: what it is called, what it cost, its results, and all settings. As CSV or JSON, for the window and the command line alike. */
import { csvLine } from './csv.ts';
import { smallestOf } from './numbers.ts';
import { flat, settingsOf, type Setting } from './run-settings.ts';
import type { Run, RunSummary } from './types.ts';

export interface ListedRun {
  summary: RunSummary;
  run: Run;
}

export interface RunTable {
  columns: string[];
  /** A value for each column; null where the run has none. */
  rows: Setting[][];
}

/** In the order of the runs. Columns that only some kinds of runs have come in the order in which they first appear. */
export function runTable(runs: readonly ListedRun[]): RunTable {
  const rows = runs.map(rowOf);
  const groups = (['about', 'figures', 'settings', 'report'] as const).map((group) => [
    ...new Set(rows.flatMap((row) => Object.keys(row[group]))),
  ]);
  const columns = groups.flat();
  return {
    columns,
    rows: rows.map((row) => {
      const cells: Record<string, Setting> = { ...row.about, ...row.figures, ...row.settings, ...row.report };
      return columns.map((name) => cells[name] ?? null);
    }),
  };
}

export const runTableCsv = ({ columns, rows }: RunTable): string => [columns, ...rows].map(csvLine).join('');

/** A list of objects. Values that a run does not have are null. */
export const runTableJson = ({ columns, rows }: RunTable): string =>
  `${JSON.stringify(
    rows.map((row) => Object.fromEntries(columns.map((name, i) => [name, row[i]]))),
    null,
    1,
  )}\n`;

const rowOf = ({ summary, run }: ListedRun) => ({
  about: {
    id: summary.id,
    title: summary.title,
    kind: run.kind,
    state: run.state,
    parent: summary.parent,
    created: new Date(run.createdAt).toISOString(),
    seconds: run.seconds,
    bytes: summary.bytes,
    pinned: summary.pinned,
    archived: summary.archived,
    note: summary.note,
    trained: run.trained,
    epoch: summary.epoch,
    epochs: run.epochs,
    backend: run.backend,
    device: run.device,
    imagesPerSecond: run.imagesPerSecond,
    peakMemoryMiB: run.peakMemoryMiB,
  },
  figures: flat('figures', figuresOf(run)),
  settings: settingsOf(run),
  report: flat('report', run.report),
});

/** The results that a record has. The AUROC of a ranking depends on the truth as it is now: `evaluate` computes it. */
export function figuresOf({ classification, history, rangeTest, search }: Run): Record<string, unknown> {
  const evaluation = classification?.evaluation;
  const losses = history.flatMap(({ valLoss }) => (valLoss === null ? [] : [valLoss]));
  return {
    ...(evaluation && {
      on: evaluation.on,
      images: evaluation.images,
      accuracy: evaluation.accuracy.value,
      accuracyLow: evaluation.accuracy.low,
      accuracyHigh: evaluation.accuracy.high,
      balancedAccuracy: evaluation.balancedAccuracy.value,
      macroF1: evaluation.macroF1.value,
      loss: evaluation.loss.value,
      calibrationError: evaluation.calibration.scaledError,
    }),
    ...(losses.length && { leastValLoss: smallestOf(losses) }),
    ...(rangeTest && { rate: rangeTest.suggested }),
    ...(search && { best: search.bestValue, bestRun: search.bestRun, trials: search.counts }),
  };
}
