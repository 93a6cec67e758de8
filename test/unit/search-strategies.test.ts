/** Every strategy and every stopper of the registries. */
import { describe, expect, it } from 'vitest';
import { gridPoints } from '../../src-main/compute/search/grid-points.ts';
import { strategies, strategyOf } from '../../src-main/compute/search/index.ts';
import { rungsOf } from '../../src-main/compute/search/asha-stopper.ts';
import { stopperOf, stoppers } from '../../src-main/compute/search/stoppers.ts';
import type { Observed, Strategy, Suggestion } from '../../src-main/compute/search/strategy.ts';
import { random } from '../../src-main/compute/random.ts';
import { activePart } from '../../src-main/contract/space.ts';
import type { Assignment, Space } from '../../src-main/contract/search.ts';

const space: Space = {
  rate: { type: 'float', low: 1e-5, high: 1, log: true },
  width: { type: 'int', low: 8, high: 64, step: 8 },
  depth: { type: 'int', low: 1, high: 4096, log: true },
  optimizer: { type: 'categorical', choices: ['sgd', 'adam'] },
  momentum: { type: 'float', low: 0, high: 0.99, when: { optimizer: ['sgd'] } },
  nesterov: { type: 'categorical', choices: [true, false], when: { optimizer: ['sgd'] } },
  damping: { type: 'float', low: -1, high: 1, when: { nesterov: [false] } },
  beta: { type: 'float', low: 0.5, high: 0.999, when: { optimizer: ['adam'] } },
};

/** Best at a rate of 0.01, a width of 40 and without momentum or damping. */
const lossOf = (point: Assignment): number =>
  (Math.log10(point.rate as number) + 2) ** 2 +
  ((point.width as number) / 40 - 1) ** 2 +
  ((point.momentum as number | undefined) ?? 0.5) +
  Math.abs((point.damping as number | undefined) ?? 0);

type Outcome = (point: Assignment, number: number) => Pick<Observed, 'state' | 'value'>;
const done =
  (value: (point: Assignment) => number): Outcome =>
  (point) => ({ state: 'done', value: value(point) });

interface Run {
  observed: Observed[];
  last: Suggestion;
}

function search(strategy: Strategy, trials: number, outcome: Outcome, over = space, seed = 1): Run {
  const observed: Observed[] = [];
  let last: Suggestion = { parameters: null, expected: null, isExhausted: false };
  for (let number = 1; number <= trials; number++) {
    last = strategy.suggest({ space: over, direction: 'minimise', observed, number, seed, settings: {} });
    if (!last.parameters) break;
    observed.push({ number, parameters: last.parameters, ...outcome(last.parameters, number) });
  }
  return { observed, last };
}

function expectWithin(point: Assignment, over: Space): void {
  expect(activePart(over, point)).toEqual(point);
  for (const [name, domain] of Object.entries(over)) {
    if (!domain.when) expect(point).toHaveProperty(name);
    if (!(name in point)) continue;
    const value = point[name];
    if (domain.type === 'categorical') expect(domain.choices).toContain(value);
    else {
      expect(value).toBeGreaterThanOrEqual(domain.low);
      expect(value).toBeLessThanOrEqual(domain.high);
      if (domain.type === 'int') expect(((value as number) - domain.low) % (domain.step ?? 1)).toBe(0);
    }
  }
}

/** Some trials fail, some run, one was stopped. */
const eventful: Outcome = (point, number) =>
  number % 5 === 0
    ? { state: 'failed', value: null }
    : number % 7 === 0
      ? { state: 'pending', value: null }
      : { state: number % 3 ? 'done' : 'stopped', value: lossOf(point) };

describe.each(strategies.map((strategy) => [strategy.id, strategy] as const))('strategy %s', (id, strategy) => {
  it('stays within the space, its steps and its conditions, also if trials fail, run or are stopped', () => {
    const { observed } = search(strategy, 30, eventful);
    expect(observed).toHaveLength(30);
    for (const { parameters } of observed) expectWithin(parameters, space);
  });

  it('repeats itself with the same seed and trials, whatever the order of a trial’s parameters', () => {
    const { observed } = search(strategy, 14, eventful);
    expect(search(strategy, 14, eventful).observed).toEqual(observed);
    const turned = observed.map((trial) => ({
      ...trial,
      parameters: Object.fromEntries(Object.entries(trial.parameters).reverse()),
    }));
    const next = { space, direction: 'minimise' as const, number: 15, seed: 1, settings: {} };
    expect(strategy.suggest({ ...next, observed: turned })).toEqual(strategy.suggest({ ...next, observed }));
    if (id !== 'grid') expect(search(strategy, 14, eventful, space, 2).observed).not.toEqual(observed);
  });

  it.each([
    ['fail', (): ReturnType<Outcome> => ({ state: 'failed', value: null })],
    ['run', (): ReturnType<Outcome> => ({ state: 'pending', value: null })],
    ['have the same value', done(() => 1)],
    ['diverge', (): ReturnType<Outcome> => ({ state: 'done', value: Infinity })],
    ['differ by 300 orders of magnitude', done(({ rate }) => (rate as number) ** 60)],
  ])('still suggests points if all trials %s', (_, outcome) => {
    const { observed } = search(strategy, 16, outcome);
    expect(observed).toHaveLength(16);
    for (const { parameters } of observed) expectWithin(parameters, space);
  });

  it('finds a point that is much better than the usual one', () => {
    const values = search(strategy, 60, done(lossOf)).observed.map(({ value }) => value as number);
    expect(Math.min(...values)).toBeLessThan(0.3 * (values.reduce((a, b) => a + b) / values.length));
  });

  it('tries each point of a small space at most once, then says that nothing is left, unless it draws at random', () => {
    const small: Space = {
      a: { type: 'int', low: 1, high: 3 },
      b: { type: 'categorical', choices: ['x', 'y'] },
      c: { type: 'int', low: 0, high: 1, when: { b: ['y'] } },
    };
    const { observed, last } = search(
      strategy,
      20,
      done(({ a }) => a as number),
      small,
    );
    const points = new Set(observed.map(({ parameters }) => JSON.stringify(parameters)));
    if (id === 'random' || id === 'sobol') return expect(points.size).toBeGreaterThan(5);
    expect(points.size).toBe(9);
    expect(observed).toHaveLength(9);
    expect(last).toMatchObject({ parameters: null, isExhausted: true });
  });

  it('accepts trials of a space that was changed since', () => {
    const { observed } = search(strategy, 12, done(lossOf));
    const narrower: Space = {
      rate: { type: 'float', low: 1e-3, high: 0.1, log: true },
      optimizer: { type: 'categorical', choices: ['adam', 'lamb'] },
      dropout: { type: 'float', low: 0, high: 1 },
    };
    const next = strategy.suggest({
      space: narrower,
      direction: 'minimise',
      observed,
      number: 13,
      seed: 1,
      settings: {},
    });
    expectWithin(next.parameters!, narrower);
  });
});

describe('grid', () => {
  it('has each point once, the most important parameter fastest, and no branch that is not used', () => {
    const points = [...gridPoints(space, 3)];
    expect(new Set(points.map((point) => JSON.stringify(point))).size).toBe(points.length);
    expect(points).toHaveLength(3 ** 3 * (3 * (1 + 3) + 3));
    expect(points.slice(0, 3).map(({ rate }) => rate)).toEqual([1e-5, expect.closeTo(10 ** -2.5, 10), 1]);
    expect(points[0].width).toBe(points[2].width);
  });

  it('starts at once in a space of 10^19 points', () => {
    const large: Space = Object.fromEntries(
      Array.from({ length: 40 }, (_, i) => [`p${i}`, { type: 'float', low: 0, high: 1 }] as const),
    );
    expect(Object.keys(gridPoints(large, 3).next().value!)).toHaveLength(40);
  });
});

describe('bayesian', () => {
  const bayesian = strategyOf('bayesian')!;
  const line: Space = { x: { type: 'float', low: 0, high: 1 } };

  it('expects an improvement in units of the objective, in both directions', () => {
    const observed = search(
      bayesian,
      8,
      done(({ x }) => 1000 * ((x as number) - 0.3) ** 2),
      line,
    ).observed;
    const next = { space: line, number: 9, seed: 1, settings: {} };
    const minimised = bayesian.suggest({ ...next, direction: 'minimise', observed });
    const negated = observed.map((trial) => ({ ...trial, value: -trial.value! }));
    expect(bayesian.suggest({ ...next, direction: 'maximise', observed: negated })).toEqual(minimised);
    const scaled = observed.map((trial) => ({ ...trial, value: trial.value! / 1000 }));
    const small = bayesian.suggest({ ...next, direction: 'minimise', observed: scaled });
    expect(small.expected! * 1000).toBeCloseTo(minimised.expected!, 6);
  });

  it('keeps away from trials that run', () => {
    const observed = search(
      bayesian,
      8,
      done(({ x }) => Math.sin(9 * (x as number))),
      line,
    ).observed;
    const next = { space: line, direction: 'minimise' as const, number: 9, seed: 1, settings: {} };
    const first = bayesian.suggest({ ...next, observed }).parameters!;
    const runs: Observed = { number: 9, parameters: first, state: 'pending', value: null };
    const second = bayesian.suggest({ ...next, observed: [...observed, runs] }).parameters!;
    expect(Math.abs((second.x as number) - (first.x as number))).toBeGreaterThan(0.02);
  });

  it('learns where trials fail, also if the best values are near', () => {
    const plane: Space = { ...line, y: { type: 'float', low: 0, high: 1 } };
    const outcome: Outcome = ({ x, y }) =>
      (x as number) > 0.6
        ? { state: 'failed', value: null }
        : { state: 'done', value: 1 - (x as number) + ((y as number) - 0.5) ** 2 };
    const late = search(bayesian, 30, outcome, plane).observed.slice(10);
    expect(late.filter(({ state }) => state === 'failed').length).toBeLessThan(late.length / 2);
    expect(Math.min(...late.map(({ value }) => value ?? Infinity))).toBeLessThan(0.45);
  });

  it('needs fewer trials than random points', () => {
    const best = (id: string, seed: number): number =>
      Math.min(...search(strategyOf(id)!, 25, done(lossOf), space, seed).observed.map(({ value }) => value!));
    const wins = [1, 2, 3, 4, 5].filter((seed) => best('bayesian', seed) < best('random', seed));
    expect(wins.length).toBeGreaterThanOrEqual(4);
  });

  it('says that no more is expected of noise, and of an optimum that is found, but not before', () => {
    const next = random('noise');
    const noisy = search(
      bayesian,
      40,
      done(() => next()),
      line,
    );
    expect(noisy.last.isExhausted).toBe(true);
    const exact = search(
      bayesian,
      30,
      done(({ x }) => ((x as number) - 0.3) ** 2),
      line,
    );
    expect(exact.last.isExhausted).toBe(true);
    expect(Math.min(...exact.observed.map(({ value }) => value!))).toBeLessThan(1e-6);
    expect(search(bayesian, 20, done(lossOf)).last.isExhausted).toBe(false);
  });
});

const curveTo = (top: number, epochs = 20): number[] =>
  Array.from({ length: epochs }, (_, i) => top * (1 - Math.exp(-(i + 1) / 4)));

describe.each(stoppers.map((stopper) => [stopper.id, stopper] as const))('stopper %s', (id, stopper) => {
  const others = Array.from({ length: 9 }, (_, i) => curveTo(0.5 + 0.05 * i));
  /** The epoch at which a curve is stopped, and why. */
  const judge = (
    curve: (number | null)[],
    among: (number | null)[][],
    direction: 'maximise' | 'minimise' = 'maximise',
  ): { epoch: number; reason: string } | null => {
    for (let epoch = 1; epoch <= curve.length; epoch++) {
      const reason = stopper.reason({ curve: curve.slice(0, epoch), allEpochs: 20, others: among, direction });
      if (reason) return { epoch, reason };
    }
    return null;
  };
  const negated = (curve: (number | null)[]): (number | null)[] => curve.map((value) => value && -value);

  it('stops a planted bad curve early, with figures, in both directions', () => {
    const found = judge(curveTo(0.2), others);
    if (id === 'none') return expect(found).toBeNull();
    expect(found!.epoch).toBeLessThan(10);
    expect(found!.reason).toMatch(/after epoch \d+ its best value 0\.\d+ is .*\d.*\.$/);
    expect(judge(negated(curveTo(0.2)), others.map(negated), 'minimise')?.epoch).toBe(found!.epoch);
  });

  it('never stops the best curve, nor the first trials, nor the last epoch', () => {
    expect(judge(curveTo(0.99), others)).toBeNull();
    expect(judge(negated(curveTo(0.99)), others.map(negated), 'minimise')).toBeNull();
    expect(judge(curveTo(0.1), [curveTo(0.9)])).toBeNull();
    expect(stopper.reason({ curve: curveTo(0.1), allEpochs: 20, others, direction: 'maximise' })).toBeNull();
  });

  it('judges no curve whose values are not known', () => {
    expect(judge(new Array<null>(20).fill(null), others)).toBeNull();
    expect(
      judge(
        curveTo(0.2),
        others.map(() => new Array<null>(20).fill(null)),
      ),
    ).toBeNull();
  });
});

describe('stoppers', () => {
  it('give a reason that a person can check', () => {
    const [median, asha] = ['median', 'asha'].map((id) => stopperOf(id)!);
    const others = [0.5, 0.6, 0.7, 0.8, 0.9].map((value) => new Array<number>(9).fill(value));
    const context = { allEpochs: 9, others, direction: 'maximise' as const };
    expect(median.reason({ ...context, curve: [0.6, 0.61, 0.6] })).toBe(
      'Median stopper: after epoch 3 its best value 0.61 is below the median 0.7 of 5 trials.',
    );
    expect(asha.reason({ ...context, curve: [0.6, 0.61, 0.6] })).toBe(
      'Successive halving: after epoch 3 its best value 0.61 is number 4 of 6 trials. The best 2 continue, which have at least 0.8.',
    );
  });

  it('compare at a third of the epochs, a ninth, and so on', () => {
    expect(rungsOf(81)).toEqual([3, 9, 27]);
    expect(rungsOf(30)).toEqual([2, 4, 10]);
    expect(rungsOf(3)).toEqual([2]);
    expect(rungsOf(1)).toEqual([]);
  });
});
