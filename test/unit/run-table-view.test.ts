/** The table of runs in the window: columns, order, filter, and curves as they are drawn. */
import { describe, expect, test } from 'vitest';
import type { RunSummary } from '../../src-main/contract/types.ts';
import {
  cellText,
  columnsOf,
  matchesText,
  resultOf,
  settingTitle,
  sortedRows,
  type RunRow,
} from '../../src-renderer/lib/run-columns.ts';
import { joined, pointsOf, smoothed } from '../../src-renderer/lib/smoothing.ts';

const row = (
  id: string,
  change: Partial<RunSummary> = {},
  settings: Record<string, string | number | null> = {},
): RunRow => ({
  run: {
    id,
    kind: 'train',
    method: 'cnn',
    state: 'done',
    seed: 1,
    trainOn: null,
    trained: 100,
    column: '',
    createdAt: 1,
    seconds: 1,
    epochs: 3,
    parent: null,
    headline: null,
    title: null,
    note: null,
    pinned: false,
    epoch: 3,
    dividedBy: null,
    bytes: 1,
    archived: false,
    rule: null,
    version: 1,
    ...change,
  },
  facts: { id, settings, figures: {} },
  auroc: null,
});
const ids = (rows: readonly RunRow[]) => rows.map(({ run }) => run.id);
const none = new Map<string, string>();
const column = (rows: readonly RunRow[], id: string) => columnsOf(rows, none).find((own) => own.id === id)!;

describe('columns', () => {
  const rows = [
    row('a', {}, { 'parameters.epochs': 3, 'parameters.width': 8, mode: 'scratch' }),
    row('b', {}, { 'parameters.epochs': 5, 'parameters.width': 8, mode: 'scratch' }),
    row('c', {}, { 'parameters.method': 'k' }),
  ];
  test('only settings in which two runs differ are columns', () =>
    expect(
      columnsOf(rows, none)
        .filter(({ group }) => group === 'Settings')
        .map(({ id }) => id),
    ).toEqual(['parameters.epochs']));
  test('titles come from the fields of the methods', () => {
    expect(settingTitle('parameters.epochs', new Map([['epochs', 'Epochs']]))).toBe('Epochs');
    expect(settingTitle('division.seed', new Map([['seed', 'Seed']]))).toBe('Split seed');
    expect(settingTitle('search.budget.trials', none)).toBe('search · budget · trials');
  });
  test('a run that lacks a setting has an empty cell', () =>
    expect(rows.map((own) => cellText(column(rows, 'parameters.epochs'), own))).toEqual(['3', '5', '']));
  test('an unfinished training says how far it came', () => {
    const half = row('d', { epoch: 2 });
    expect(cellText(column([half], 'epochs'), half)).toBe('2 of 3');
  });
});

describe('order', () => {
  const rows = [
    row('low', { headline: { name: 'accuracy', value: 0.2 }, createdAt: 1 }),
    row('high', { headline: { name: 'accuracy', value: 0.9 }, createdAt: 2 }),
    row('none', { createdAt: 3 }),
    row('pinned', { pinned: true, createdAt: 0 }),
    row('rate', { headline: { name: 'rate', value: 0.5 }, createdAt: 4 }),
  ];
  const result = column(rows, 'result');
  test('pinned first, those without a value last, and measures are not mixed', () => {
    expect(ids(sortedRows(rows, result, true))).toEqual(['pinned', 'high', 'low', 'rate', 'none']);
    expect(ids(sortedRows(rows, result, false))).toEqual(['pinned', 'low', 'high', 'rate', 'none']);
  });
  test('words are sorted as people do, equal ones by time', () => {
    const named = [row('cnn-10', { createdAt: 1 }), row('cnn-9', { createdAt: 2 }), row('CNN-1', { createdAt: 3 })];
    expect(ids(sortedRows(named, column(named, 'id'), false))).toEqual(['CNN-1', 'cnn-9', 'cnn-10']);
    expect(ids(sortedRows(named, column(named, 'method'), true))).toEqual(['CNN-1', 'cnn-9', 'cnn-10']);
  });
});

test('the result of a ranking is its AUROC, if it is known', () => {
  expect(resultOf(row('r', { kind: 'rank' }))).toBeNull();
  expect(resultOf({ ...row('r', { kind: 'rank' }), auroc: 0.93 })).toEqual({
    name: 'AUROC',
    value: 0.93,
    text: '0.930',
  });
});

test('a filter finds all words, and values of settings', () => {
  const own = row('cnn-3', { title: 'Wide net', note: 'overfits' }, { 'parameters.epochs': 20 });
  expect(['wide CNN', 'overfit', 'epochs=20', 'classifier', '  '].map((text) => matchesText(own, text))).toEqual([
    true,
    true,
    true,
    true,
    true,
  ]);
  expect(['wide resnet', 'epochs=3', 'width=1'].map((text) => matchesText(own, text))).toEqual([false, false, false]);
});

describe('curves', () => {
  test('smoothing is the debiased moving average', () => {
    expect(smoothed([1, 2, 3], 0)).toEqual([1, 2, 3]);
    const [first, second] = smoothed([1, 0, 0], 0.5);
    expect(first).toBe(1);
    expect(second).toBeCloseTo(0.25 / 0.75, 12); // (0.5·0.5·1) / (1 − 0.25)
    expect(smoothed([2, 2, 2], 0.9)).toEqual([2, 2, 2]);
    expect(smoothed([1, NaN, 1, 3], 0.5)[1]).toBeNaN();
  });
  const epoch = (n: number, valLoss: number | null) => ({ epoch: n, loss: 1, valLoss, seconds: 2 });
  const folds = [epoch(1, 0.5), epoch(2, null), epoch(3, 0.3), epoch(1, 0.6), epoch(2, 0.4)];
  test('each fold is a part of its own, with a gap before it', () => {
    const parts = pointsOf(folds, 'valLoss', 'epoch');
    expect(parts).toEqual([
      [
        { x: 1, y: 0.5 },
        { x: 3, y: 0.3 },
      ],
      [
        { x: 1, y: 0.6 },
        { x: 2, y: 0.4 },
      ],
    ]);
    expect(joined(parts, 0)[2]).toEqual({ x: NaN, y: NaN });
  });
  test('over time, each epoch is at its end', () =>
    expect(
      pointsOf(folds, 'loss', 'seconds')
        .flat()
        .map(({ x }) => x),
    ).toEqual([2, 4, 6, 8, 10]));
});
