/** The table of runs, the settings that differ, and the words of a comparison. */
import { parse } from 'csv-parse/sync';
import { describe, expect, test } from 'vitest';
import type { ComparedFigure } from '../../src-main/contract/run-comparison.ts';
import { differingSettings, settingsOf } from '../../src-main/contract/run-settings.ts';
import { runTable, runTableCsv, runTableJson, type ListedRun } from '../../src-main/contract/run-table.ts';
import type { RunSummary } from '../../src-main/contract/types.ts';
import { judge } from '../../src-main/jobs/compare-verdict.ts';
import { madeRun } from '../fixtures/many-runs.ts';

const listed = (n: number, words: Partial<RunSummary> = {}, change = {}): ListedRun => {
  const run = madeRun(n, change);
  const { id, kind, method, state, seed, trainOn, trained, column, createdAt, seconds, epochs } = run;
  const summary: RunSummary = {
    ...{ id, kind, method, state, seed, trainOn, trained, column, createdAt, seconds, epochs },
    ...{ parent: null, headline: null, title: null, note: null, pinned: false, epoch: 60, dividedBy: 'shares' },
    ...{ bytes: 3000, archived: false, rule: null, version: 1, ...words },
  };
  return { summary, run };
};

describe('a table of runs', () => {
  const rank = { kind: 'rank', method: 'pca', classification: null, parameters: { sizePx: 32 }, trainOn: 'good/**' };
  const table = runTable([
    listed(2, { title: 'wide, "deep"', note: 'two\nlines', pinned: true }),
    listed(1, {}, { ...rank, id: 'pca-1', history: [], report: {} }),
  ]);

  test('is read back by another program as it was', () => {
    const [head, ...rows] = parse(runTableCsv(table)) as string[][];
    expect(head).toEqual(table.columns);
    expect(rows).toEqual(table.rows.map((row) => row.map((cell) => (cell === null ? '' : String(cell)))));
  });

  test('has costs, words, results and flattened settings; what a run does not have is null', () => {
    const [first, second] = JSON.parse(runTableJson(table)) as Record<string, unknown>[];
    expect(first).toMatchObject({
      id: 'cnn-2',
      title: 'wide, "deep"',
      note: 'two\nlines',
      pinned: true,
      archived: false,
      created: '2023-11-14T22:15:20.000Z',
      seconds: 93.5,
      bytes: 3000,
      'figures.accuracy': 0.9,
      'figures.accuracyLow': 0.88,
      'figures.macroF1': 0.88,
      mode: 'scratch',
      'parameters.learningRate': 0.001,
      'report.bestEpoch': 55,
      trainOn: null,
    });
    expect(first['figures.leastValLoss']).toBeCloseTo(2.4 / 60.5, 12);
    expect(second).toMatchObject({ method: 'pca', trainOn: 'good/**', 'parameters.sizePx': 32, mode: null });
    expect(second['figures.accuracy']).toBeNull();
    expect(Object.keys(first)).toEqual(table.columns);
  });

  test('of no runs has no rows', () => expect(runTable([])).toEqual({ columns: [], rows: [] }));
});

describe('settings', () => {
  const asked = {
    division: { by: 'shares' as const, shares: { train: 70, val: 15, test: 15 }, folds: 0, seed: 3 },
    weights: null,
  };
  const classification = madeRun(1).classification!;
  const run = madeRun(1, { classification: { ...classification, asked, mode: 'all' } });

  test('are flat, and parameters are told apart', () => {
    expect(settingsOf(run)).toMatchObject({
      method: 'cnn',
      mode: 'all',
      seed: 1,
      'division.shares.train': 70,
      'division.seed': 3,
      weights: null,
      'parameters.augment': 'flip, crop',
    });
  });

  test('that differ are named once, with null where a run has none', () => {
    const other = madeRun(1, {
      classification: {
        ...classification,
        mode: 'all',
        asked: { ...asked, division: { ...asked.division, folds: 5 } },
      },
      parameters: { ...run.parameters, width: 2, blocks: [1, 2] },
    });
    expect(differingSettings(run, other)).toEqual([
      { name: 'division.folds', a: 0, b: 5 },
      { name: 'width', a: 1, b: 2 },
      { name: 'blocks', a: null, b: '[1,2]' },
    ]);
    expect(differingSettings(run, run)).toEqual([]);
  });
});

describe('a verdict', () => {
  const figure = (difference: number, low: number | null, high: number | null, p: number | null): ComparedFigure => ({
    ...{ name: 'accuracy', title: 'accuracy', isHigherBetter: true, images: 320, a: 0.5, b: 0.5 + difference },
    ...{ difference, low, high, p },
  });
  const on = 'on 320 images';
  test.each<[ComparedFigure, 'a' | 'b' | null, string]>([
    [
      figure(0.031, 0.004, 0.059, 0.02),
      'b',
      'cnn-2 is better than cnn-1 by 3.1 points of accuracy (0.4 to 5.9) on 320 images: more than chance (p = 0.020).',
    ],
    [
      figure(-0.05, -0.08, -0.02, 0.0004),
      'a',
      'cnn-1 is better than cnn-2 by 5.0 points of accuracy (2.0 to 8.0) on 320 images: more than chance (p < 0.001).',
    ],
    [
      figure(0.01, -0.01, 0.03, 0.4),
      null,
      'cnn-2 is better than cnn-1 by 1.0 points of accuracy (−1.0 to 3.0) on 320 images: not told from chance (p = 0.40).',
    ],
    [
      figure(0.02, 0.002, 0.047, 0.065), // the exact test is stricter than the interval
      null,
      'cnn-2 is better than cnn-1 by 2.0 points of accuracy (0.2 to 4.7) on 320 images: not told from chance (p = 0.065).',
    ],
    [
      figure(0, -0.01, 0.01, 1),
      null,
      'cnn-2 and cnn-1 have the same accuracy (−1.0 to 1.0) on 320 images: not told from chance (p = 1.0).',
    ],
    [
      figure(0, null, null, null),
      null,
      'cnn-2 and cnn-1 have the same accuracy on 320 images: these do not tell them apart.',
    ],
  ])('%#', (one, better, verdict) =>
    expect(judge('cnn-1', 'cnn-2', one, on)).toEqual({ better, verdict, cannotJudge: false }),
  );
});
