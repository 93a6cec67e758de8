/** What the page makes of searches: the best so far, orders, time left, files, spaces as JSON, and the list that events keep up to date. */
import { describe, expect, test, vi } from 'vitest';
import type { Space, Trial } from '../../src-main/contract/search.ts';
import { candidatesOf } from '../../src-main/contract/trials.ts';
import { logScaleOf } from '../../src-renderer/charts/search-progress.ts';
import { axisPlace } from '../../src-renderer/charts/slice.ts';
import { endsOf, pictureOf, placeAlong } from '../../src-renderer/lib/contour.ts';
import {
  conditionText,
  domainProblem,
  domainText,
  readSpace,
  spaceAsText,
} from '../../src-renderer/lib/search-space.ts';
import {
  originText,
  secondsLeft,
  sortTrials,
  stepsOf,
  topFifth,
  trialsAsCsv,
  usefulRange,
} from '../../src-renderer/lib/trials.ts';
import { Trials } from '../../src-renderer/state/trials.svelte.ts';
import { madeSearch, madeSpace, madeTrial } from '../fixtures/many-trials.ts';

const trial = (number: number, value: number | null, change: Partial<Trial> = {}): Trial =>
  madeTrial(number, 'search-1', { state: value === null ? 'failed' : 'done', value, ...change });
const numbers = (trials: readonly { number: number }[]) => trials.map(({ number }) => number);

describe('the best so far', () => {
  test('rises only with better trials; repeats, failed and stopped ones do not count', () => {
    const trials = [
      trial(1, 0.5),
      trial(2, 0.4),
      trial(3, 0.9, { state: 'stopped' }),
      trial(4, null),
      trial(5, 0.7),
      trial(6, 0.95, { repeats: 5, origin: 'repeat' }),
    ];
    expect(stepsOf(trials, 'maximise', 'trials').map((step) => [step.trial.number, step.value])).toEqual([
      [1, 0.5],
      [5, 0.7],
    ]);
    expect(numbers(stepsOf(trials, 'minimise', 'trials').map((step) => step.trial))).toEqual([1, 2]);
  });

  test('over time, trials that ran beside each other count in the order in which they ended', () => {
    const trials = [trial(1, 0.9, { endedAt: 30 }), trial(2, 0.5, { endedAt: 10 }), trial(3, 0.7, { endedAt: 20 })];
    expect(numbers(stepsOf(trials, 'maximise', 'time').map((step) => step.trial))).toEqual([2, 3, 1]);
    expect(numbers(stepsOf(trials, 'maximise', 'trials').map((step) => step.trial))).toEqual([1]);
  });

  test('is one of the stopped trials only if no other has a value', () => {
    const stopped = [trial(1, 0.3, { state: 'stopped' }), trial(2, null)];
    expect(numbers(candidatesOf(stopped))).toEqual([1]);
    expect(numbers(candidatesOf([...stopped, trial(3, 0.1)]))).toEqual([3]);
  });

  test('a trial that diverged does not set the scale, a good one always does', () => {
    const values = [0.8, 0.82, 0.84, 0.86, 0.88, 0.9];
    expect(usefulRange([...values, -1e6], 'maximise')?.low).toBeGreaterThan(0.5);
    expect(usefulRange([...values, 0.999], 'maximise')?.high).toBe(0.999);
    expect(usefulRange([1, 1.1, 1.2, 1.3, 1e9], 'minimise')?.high).toBeLessThan(3);
    expect(usefulRange([], 'minimise')).toBeNull();
  });

  test('a logarithmic axis shows the distance to 1 where more is better, and none where it cannot', () => {
    const objective = { id: 'a', title: 'a', summary: '', direction: 'maximise' as const };
    const scale = logScaleOf([0.9, 0.99, 1], objective);
    expect(scale?.place(0.9)).toBeCloseTo(0.1);
    expect(scale?.value(0.01)).toBeCloseTo(0.99);
    expect(scale?.place(1)).toBeCloseTo(0.005); // half of the smallest distance
    expect(logScaleOf([0.9, 2], objective)).toBeNull();
    expect(logScaleOf([0.5, 0], { ...objective, direction: 'minimise' })).toBeNull();
  });

  test('the best fifth is at least one trial, and knows the direction', () => {
    const trials = Array.from({ length: 10 }, (_, i) => trial(i + 1, (i + 1) / 10));
    expect([...topFifth(trials, 'maximise')]).toEqual([9, 10]);
    expect([...topFifth(trials, 'minimise')]).toEqual([1, 2]);
    expect([...topFifth([trial(1, 0.5)], 'maximise')]).toEqual([1]);
    expect(topFifth([trial(1, null)], 'maximise').size).toBe(0);
  });
});

describe('the table', () => {
  test('is sorted by any column; trials without a value come last in both directions', () => {
    const trials = [trial(1, 0.5), trial(2, null), trial(3, 0.7)];
    expect(numbers(sortTrials(trials, { by: 'value', descending: true }))).toEqual([3, 1, 2]);
    expect(numbers(sortTrials(trials, { by: 'value', descending: false }))).toEqual([1, 3, 2]);
    const own = [
      trial(1, 0.5, { parameters: { optimizer: 'sgd', momentum: 0.9 } }),
      trial(2, 0.5, { parameters: { optimizer: 'adamw' } }),
    ];
    expect(numbers(sortTrials(own, { by: 'parameter:momentum', descending: true }))).toEqual([1, 2]);
    expect(numbers(sortTrials(own, { by: 'parameter:optimizer', descending: false }))).toEqual([2, 1]);
  });

  test('names where a trial comes from', () => {
    expect(originText(trial(1, 1, { origin: 'defaults' }))).toBe('defaults');
    expect(originText(trial(9, 1, { repeats: 4, fold: null }))).toBe('repeat of 4');
    expect(originText(trial(9, 1, { repeats: 4, fold: 1 }))).toBe('fold 2 of 4');
  });

  test('a CSV file quotes what it must, and a missing parameter is an empty cell', () => {
    const trials = [
      trial(1, 0.5, { parameters: { depth: 3, optimizer: 'adamw' }, reason: null }),
      trial(2, null, { parameters: { depth: 4, optimizer: 'sgd', momentum: 0.9 }, reason: 'Too large, "really".' }),
    ];
    const { depth, optimizer, momentum } = madeSpace;
    const [head, first, second] = trialsAsCsv(trials, { depth, optimizer, momentum }, 'accuracy').split('\r\n');
    expect(head).toBe('number,state,accuracy,low,high,depth,optimizer,momentum,epochs,seconds,seed,origin,reason');
    expect(first.split(',').slice(0, 8)).toEqual([
      '1',
      'done',
      '0.5',
      expect.any(String),
      expect.any(String),
      '3',
      'adamw',
      '',
    ]);
    expect(second.endsWith('"Too large, ""really""."')).toBe(true);
  });
});

test('the time left follows the first limit that will be reached', () => {
  const { search } = madeSearch([madeTrial(1)]);
  const budget = { trials: 10, minutes: null, untilNoMore: false };
  const state = (change: object) => ({ request: { ...search!.request, budget, ...change } });
  const ended = [trial(1, 0.5, { seconds: 10 }), trial(2, null, { seconds: 20 })];
  expect(secondsLeft(state({}), [], 0)).toBeNull();
  expect(secondsLeft(state({}), ended, 30)).toBe(8 * 15);
  expect(secondsLeft(state({ parallel: 2 }), ended, 30)).toBe(60);
  expect(secondsLeft(state({ budget: { ...budget, minutes: 1 } }), ended, 30)).toBe(30);
  expect(secondsLeft(state({ budget: { ...budget, trials: null, untilNoMore: true } }), ended, 30)).toBeNull();
});

describe('a space as JSON', () => {
  const known = Object.keys(madeSpace);

  test('is read back as it was written', () => {
    expect(readSpace(spaceAsText(madeSpace), known)).toEqual({ space: madeSpace });
  });

  test.each([
    ['{ "depth": ', /^Not JSON, line 1, column 1\d: /],
    ['{\n  "depth": { "type": "int", "low": 2 "high": 3 }\n}', /^Not JSON, line 2, column 3\d: /],
    ['[]', /^Line 1, column 1: a space is an object/],
    ['{}', /at least one parameter/],
    [
      '{\n  "deptj": { "type": "int", "low": 2, "high": 3 }\n}',
      /^Line 2, column 3: ‘deptj’ is no parameter .* depth, learningRate/,
    ],
    ['{\n  "depth": { "type": "whole", "low": 2 }\n}', /^Line 2, column 14: ‘depth’: ‘type’ must be/],
    [
      '{\n  "depth": {\n    "type": "int",\n    "low": "2", "high": 3 }\n}',
      /^Line 4, column 5: ‘depth’: ‘low’ must be a number/,
    ],
    ['{ "depth": { "type": "int", "low": 2, "high": 3, "choices": [] } }', /‘choices’ is no field of the type int/],
    ['{ "depth": { "type": "int", "low": 2.5, "high": 3 } }', /whole numbers/],
    ['{ "dropout": { "type": "float", "low": 1, "high": 0 } }', /below the upper one/],
    ['{ "dropout": { "type": "float", "low": 0, "high": 1, "log": true } }', /above 0/],
    ['{ "optimizer": { "type": "categorical", "choices": ["sgd"] } }', /at least two/],
    [
      '{ "momentum": { "type": "float", "low": 0, "high": 1, "when": { "optimizer": "sgd" } } }',
      /‘when’ must give a list/,
    ],
  ])('says what is wrong and where: %s', (text, problem) => {
    expect(readSpace(text, known).problem).toMatch(problem);
  });

  test('is said in words', () => {
    expect(domainText(madeSpace.learningRate)).toBe('1.00e-4 to 0.1, logarithmic');
    expect(domainText({ type: 'int', low: 2, high: 8, step: 2 })).toBe('2 to 8 in steps of 2');
    expect(domainText(madeSpace.optimizer)).toBe('adamw, sgd');
    expect(conditionText({ optimizer: ['sgd', 'rmsprop'], flip: [true] }, (name) => name)).toBe(
      'optimizer is sgd or rmsprop and flip is on',
    );
    expect(Object.values(madeSpace).map(domainProblem)).toEqual(known.map(() => null));
  });
});

describe('axes', () => {
  test('a trial that does not use a parameter is not on its axis', () => {
    const points: Trial['parameters'][] = [{ momentum: 0.9, optimizer: 'sgd' }, { optimizer: 'adamw' }];
    const [withIt, without] = points.map((parameters, i) => trial(i + 1, 0.5, { parameters }));
    expect(axisPlace(madeSpace.momentum, withIt, 'momentum')).toBe(0.9);
    expect(axisPlace(madeSpace.momentum, without, 'momentum')).toBeNaN();
    expect(Math.round(axisPlace(madeSpace.optimizer, withIt, 'optimizer'))).toBe(1);
    expect(axisPlace({ type: 'categorical', choices: ['a', 'b'] }, withIt, 'optimizer')).toBeNaN();
  });

  test('a surface is painted with its second axis upwards, linear between its values, with gaps', () => {
    const across = { parameter: 'x', domain: { type: 'float' as const, low: 0, high: 3 }, values: [0, 3] };
    const up = { parameter: 'y', domain: madeSpace.optimizer, values: [0, 1] };
    const axes = [across, up];
    const { values, low, high } = pictureOf([0, 10, 6, null], axes, { width: 3, height: 2 });
    expect([low, high]).toEqual([0, 10]);
    // Pixels are at 0.5, 1.5 and 2.5; sgd is above adamw; beyond the middle of its row there is a gap.
    expect([...values]).toEqual([1, NaN, NaN, 0.1, 0.3, 0.5].map((value) => (value ? expect.closeTo(value) : NaN)));
  });

  test('places are on the axis of the domain', () => {
    expect(placeAlong({ domain: madeSpace.learningRate }, 10 ** -2.5)).toBeCloseTo(0.5);
    expect(placeAlong({ domain: madeSpace.optimizer }, 1)).toBe(0.75);
    expect(endsOf({ domain: madeSpace.optimizer }).map(({ text }) => text)).toEqual(['adamw', 'sgd']);
    expect(endsOf({ domain: madeSpace.learningRate })[1].text).toBe('0.0032');
  });
});

describe('the trials of a page', () => {
  const settled = () => new Promise((resume) => setTimeout(resume, 150));

  test('are fetched once, and follow events; those that arrive during the request are not lost', async () => {
    const answer = Promise.withResolvers<Trial[]>();
    const fetch = vi.fn(() => answer.promise);
    const trials = new Trials(fetch, String);
    expect(trials.of('search-1')).toBeNull();
    trials.take('search-1', trial(2, 0.9));
    trials.take('other', trial(1, 0.1)); // nobody reads it
    answer.resolve([trial(1, 0.5), trial(2, null, { state: 'running' })]);
    await settled();
    expect(trials.of('search-1')?.map(({ value }) => value)).toEqual([0.5, 0.9]);
    trials.take('search-1', trial(3, 0.7));
    const before = trials.of('search-1');
    await settled();
    expect(numbers(trials.of('search-1') ?? [])).toEqual([1, 2, 3]);
    expect(before).toHaveLength(2); // lists are never changed in place
    expect(fetch).toHaveBeenCalledTimes(1);
  });

  test('are fetched again after events may have been missed; a failure has its message', async () => {
    const answers = [[trial(1, 0.5)], [trial(1, 0.5), trial(2, 0.6)]];
    const trials = new Trials(
      () => (answers.length ? Promise.resolve(answers.shift()!) : Promise.reject(new Error('It is gone.'))),
      (error) => (error as Error).message,
    );
    trials.of('search-1');
    await settled();
    trials.reload();
    await settled();
    expect(numbers(trials.of('search-1') ?? [])).toEqual([1, 2]);
    trials.reload();
    await settled();
    expect(trials.problemOf('search-1')).toBe('It is gone.');
    expect(numbers(trials.of('search-1') ?? [])).toEqual([1, 2]);
  });
});

test('a parameter outside of the space still has a column: bounds may have changed', () => {
  const space: Space = { depth: madeSpace.depth };
  const [head] = trialsAsCsv([trial(1, 0.5, { parameters: { depth: 2, width: 8 } })], space, 'loss').split('\r\n');
  expect(head).toContain('high,depth,width,epochs');
});
