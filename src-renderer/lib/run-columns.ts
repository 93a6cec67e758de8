/** The columns of the table of runs: what a run is, its results, what it cost, and the settings in which runs differ. */
import type { RunFacts } from '../../src-main/contract/run-facts.ts';
import { valueText } from '../../src-main/contract/space.ts';
import type { RunKind, RunState, RunSummary } from '../../src-main/contract/types.ts';
import { ago, bytes, dateTime, duration, score, whole } from './format.ts';

export type Cell = string | number | boolean | null;

/** What a cell is computed from. `auroc`: of a ranking, if the truth about the images is known. */
export interface RunRow {
  run: RunSummary;
  facts: RunFacts | null;
  auroc: number | null;
}

export interface RunColumn {
  id: string;
  title: string;
  group: 'Run' | 'Result' | 'Cost' | 'Settings';
  /** Numbers are aligned at their end. */
  isNumber: boolean;
  widthPx: number;
  value(row: RunRow): Cell;
  /** Without it, the value as it is. */
  text?(value: Exclude<Cell, null>, row: RunRow): string;
  hint?(row: RunRow): string;
  /** Values of different ranks are never mixed by a sort, whatever its direction. */
  rank?(row: RunRow): number;
}

export const kindTitles: Record<RunKind, string> = {
  train: 'classifier',
  rank: 'ranking',
  search: 'search',
  labels: 'label search',
  'range-test': 'range test',
};
export const stateTitles: Record<RunState, string> = {
  running: 'running',
  done: 'done',
  failed: 'failed',
  cancelled: 'cancelled',
  interrupted: 'interrupted',
};

export const nameOf = ({ title, id }: RunSummary): string => title ?? id;

/** The figure by which runs of this kind are compared. */
export function resultOf({ run: { headline }, auroc }: RunRow): { name: string; value: number; text: string } | null {
  if (headline?.name === 'accuracy')
    return { name: 'accuracy', value: headline.value, text: `${(headline.value * 100).toFixed(1)} %` };
  if (headline) return { name: headline.name, value: headline.value, text: score(headline.value) };
  return auroc === null ? null : { name: 'AUROC', value: auroc, text: auroc.toFixed(3) };
}
const measures = ['accuracy', 'AUROC', 'best', 'rate'];

const fixed: readonly RunColumn[] = [
  { id: 'id', title: 'Id', group: 'Run', isNumber: false, widthPx: 120, value: ({ run }) => run.id },
  {
    id: 'kind',
    title: 'Kind',
    group: 'Run',
    isNumber: false,
    widthPx: 84,
    value: ({ run }) => kindTitles[run.kind],
  },
  { id: 'method', title: 'Method', group: 'Run', isNumber: false, widthPx: 88, value: ({ run }) => run.method },
  {
    id: 'state',
    title: 'State',
    group: 'Run',
    isNumber: false,
    widthPx: 100,
    value: ({ run }) => stateTitles[run.state],
  },
  {
    id: 'result',
    title: 'Result',
    group: 'Result',
    isNumber: true,
    widthPx: 96,
    value: (row) => resultOf(row)?.value ?? null,
    text: (_, row) => resultOf(row)?.text ?? '',
    rank: (row) => measures.indexOf(resultOf(row)?.name ?? ''),
  },
  { id: 'seed', title: 'Seed', group: 'Run', isNumber: true, widthPx: 56, value: ({ run }) => run.seed },
  {
    id: 'images',
    title: 'Images',
    group: 'Run',
    isNumber: true,
    widthPx: 68,
    value: ({ run }) => run.trained,
    text: (value) => whole(Number(value)),
    hint: ({ run }) => `${whole(run.trained)} images trained on`,
  },
  {
    id: 'epochs',
    title: 'Epochs',
    group: 'Run',
    isNumber: true,
    widthPx: 76,
    value: ({ run }) => run.epoch,
    text: (value, { run }) => (run.epochs && run.epochs !== run.epoch ? `${value} of ${run.epochs}` : String(value)),
  },
  {
    id: 'started',
    title: 'Started',
    group: 'Run',
    isNumber: true,
    widthPx: 90,
    value: ({ run }) => run.createdAt,
    text: (value) => ago(Number(value)),
    hint: ({ run }) => dateTime(run.createdAt),
  },
  {
    id: 'seconds',
    title: 'Time',
    group: 'Cost',
    isNumber: true,
    widthPx: 64,
    value: ({ run }) => run.seconds,
    text: (value) => duration(Number(value)),
  },
  {
    id: 'bytes',
    title: 'Disk',
    group: 'Cost',
    isNumber: true,
    widthPx: 78,
    value: ({ run }) => run.bytes,
    text: (value) => bytes(Number(value)),
  },
  {
    id: 'note',
    title: 'Note',
    group: 'Run',
    isNumber: false,
    widthPx: 220,
    value: ({ run }) => run.note,
    hint: ({ run }) => run.note ?? '',
  },
];

/** Shown until a person chooses others. */
export const usualColumns: readonly string[] = [
  'kind',
  'method',
  'state',
  'result',
  'images',
  'epochs',
  'started',
  'seconds',
  'bytes',
];

const figureTitles: Record<string, string> = {
  accuracy: 'Accuracy',
  balancedAccuracy: 'Balanced accuracy',
  macroF1: 'Macro F1',
  loss: 'Loss',
  calibrationError: 'Calibration error',
  leastValLoss: 'Validation loss',
};

const otherTitles: Record<string, string> = {
  method: 'Method',
  mode: 'Mode',
  seed: 'Seed',
  trainOn: 'Trained on',
  weights: 'Initial weights',
  'division.by': 'Split by',
  'division.seed': 'Split seed',
  'division.folds': 'Folds',
  'division.shares.train': 'Train share',
  'division.shares.val': 'Validation share',
  'division.shares.test': 'Test share',
};

/** `parameters.learningRate` → the title of its field; settings without a field keep their name. */
export const settingTitle = (name: string, titles: ReadonlyMap<string, string>): string => {
  const own = name.replace(/^parameters\./, '');
  return otherTitles[name] ?? titles.get(own) ?? own.replaceAll('.', ' · ');
};

/** The columns that these runs have: settings only if two runs that have one differ in it. */
export function columnsOf(rows: readonly RunRow[], titles: ReadonlyMap<string, string>): RunColumn[] {
  const seen = new Map<string, Set<Cell>>();
  const figures = new Set<string>();
  for (const { facts } of rows) {
    for (const [name, value] of Object.entries(facts?.settings ?? {})) {
      const values = seen.get(name) ?? new Set();
      if (values.size < 2) seen.set(name, values.add(value));
    }
    for (const name of Object.keys(facts?.figures ?? {})) figures.add(name);
  }
  const differing = [...seen].filter(([name, values]) => values.size > 1 && !['method', 'seed'].includes(name));
  return [
    ...fixed,
    ...Object.entries(figureTitles)
      .filter(([name]) => figures.has(name))
      .map(([name, title]): RunColumn => ({
        id: `figures.${name}`,
        title,
        group: 'Result',
        isNumber: true,
        widthPx: 118,
        value: ({ facts }) => facts?.figures[name] ?? null,
        text: (value) => score(Number(value)),
      })),
    ...differing.map(([name, values]): RunColumn => {
      const isNumber = [...values].every((value) => value === null || typeof value === 'number');
      return {
        id: name,
        title: settingTitle(name, titles),
        group: 'Settings',
        isNumber,
        widthPx: isNumber ? 108 : 128,
        value: ({ facts }) => facts?.settings[name] ?? null,
        text: valueText,
        hint: (row) => String(row.facts?.settings[name] ?? ''),
      };
    }),
  ];
}

export const cellText = (column: RunColumn, row: RunRow): string => {
  const value = column.value(row);
  return value === null ? '' : (column.text?.(value, row) ?? String(value));
};

export interface Sort {
  column: string;
  descending: boolean;
}

/** Pinned runs first, runs without a value last, whatever the direction; equal ones by time, the newest first. */
export function sortedRows(rows: readonly RunRow[], column: RunColumn | null, descending: boolean): RunRow[] {
  const keyed = rows.map((row) => ({ row, value: column?.value(row) ?? null, rank: column?.rank?.(row) ?? 0 }));
  return keyed
    .sort((a, b) => {
      const pinned = Number(b.row.run.pinned) - Number(a.row.run.pinned);
      if (pinned) return pinned;
      if (a.value === null || b.value === null)
        return Number(a.value === null) - Number(b.value === null) || byTime(a.row, b.row);
      if (a.rank !== b.rank) return a.rank - b.rank;
      const order = compareCells(a.value, b.value);
      return (descending ? -order : order) || byTime(a.row, b.row);
    })
    .map(({ row }) => row);
}

const byTime = (a: RunRow, b: RunRow) => b.run.createdAt - a.run.createdAt;
const inWords = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });
const compareCells = (a: Exclude<Cell, null>, b: Exclude<Cell, null>): number =>
  typeof a === 'number' && typeof b === 'number' ? a - b : inWords.compare(String(a), String(b));

/** All words must be in the name, id, method, kind or note, or `setting=value`. */
export function matchesText({ run, facts }: RunRow, text: string): boolean {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return true;
  const own = [run.title, run.id, run.method, kindTitles[run.kind], run.note].join('\n').toLowerCase();
  return words.every((word) => {
    const [, name, wanted] = /^([\w.]+)=(.*)$/.exec(word) ?? [];
    if (name === undefined) return own.includes(word);
    return Object.entries(facts?.settings ?? {}).some(
      ([key, value]) =>
        key.toLowerCase().replace(/^parameters\./, '') === name && String(value).toLowerCase().startsWith(wanted),
    );
  });
}
