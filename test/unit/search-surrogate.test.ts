/** What a search learned: the importance of parameters, and the surrogate along them. */
import { describe, expect, it } from 'vitest';
import { importance, surrogate } from '../../src-main/compute/search/calls.ts';
import type { CallContext } from '../../src-main/compute/call.ts';
import { drawAtPoints } from '../../src-main/compute/search/posterior-draws.ts';
import { quasiRandomPoint } from '../../src-main/compute/search/quasi-random.ts';
import { fitSurrogate } from '../../src-main/compute/search/surrogate-model.ts';
import type { Observed } from '../../src-main/compute/search/strategy.ts';
import { fillNormal, random } from '../../src-main/compute/random.ts';
import type { Assignment, Importance, Space, Surrogate } from '../../src-main/contract/search.ts';

const space: Space = {
  rate: { type: 'float', low: 1e-4, high: 1, log: true },
  layers: { type: 'int', low: 1, high: 6 },
  optimizer: { type: 'categorical', choices: ['sgd', 'adam'] },
  momentum: { type: 'float', low: 0, high: 1, when: { optimizer: ['sgd'] } },
  unused: { type: 'float', low: 0, high: 1 },
};
const place = (point: Assignment): number => Math.log10(point.rate as number) / 4 + 1; // 0..1

/** Variances over the space: of the rate 1/12, of the layers 35/12/25², of the momentum half of 1/12/9 and a part for the optimizer. */
const accuracy = (point: Assignment): number =>
  place(point) + (point.layers as number) / 25 + ((point.momentum as number | undefined) ?? 0.5) / 3;

const context = {} as CallContext<never>;
const trialsOf = (count: number, value = accuracy, noise = 0): Observed[] => {
  const normal = fillNormal(new Float64Array(count), random('noise'), noise);
  return Array.from({ length: count }, (_, i) => {
    const parameters = quasiRandomPoint(space, 3, i + 1);
    return { number: i + 1, parameters, state: 'done', value: value(parameters) + normal[i] };
  });
};
const search = { space, direction: 'maximise' as const, seed: 1 };
const importanceOf = (observed: Observed[]) => importance.run({ ...search, observed }, context) as Importance[];
const surrogateOf = (observed: Observed[], parameter: string, second: string | null = null, strategy = 'bayesian') =>
  surrogate.run(
    { ...search, observed, number: observed.length + 1, strategy, settings: {}, parameter, second },
    context,
  ) as Surrogate;

describe('importance', () => {
  it('finds the planted parameter first and an unused one not at all, with shares as in the function', () => {
    const found = importanceOf(trialsOf(60));
    const of = Object.fromEntries(found.map((one) => [one.parameter, one]));
    expect(found.map(({ parameter }) => parameter).slice(0, 1)).toEqual(['rate']);
    const variances = { rate: 1 / 12, layers: 35 / 12 / 625, momentum: 1 / 12 / 9 / 4, rest: 1 / 12 / 9 / 4 };
    const total = Object.values(variances).reduce((a, b) => a + b);
    expect(of.rate.share).toBeCloseTo(variances.rate / total, 1);
    expect(Math.abs(of.layers.share - variances.layers / total)).toBeLessThan(0.02);
    expect(Math.abs(of.momentum.share - variances.momentum / total)).toBeLessThan(0.02);
    expect(of.unused.share).toBeLessThan(0.01);
    for (const { low, share, high } of found) {
      expect(low).toBeLessThanOrEqual(share);
      expect(high).toBeGreaterThanOrEqual(share);
      expect([low, high].every((value) => value >= 0 && value <= 1)).toBe(true);
    }
  });

  it('is less certain with fewer trials and more noise, and repeats itself', () => {
    const widthOf = (observed: Observed[]): number => {
      const { low, high } = importanceOf(observed).find(({ parameter }) => parameter === 'rate')!;
      return high - low;
    };
    expect(widthOf(trialsOf(8, accuracy, 0.2))).toBeGreaterThan(2 * widthOf(trialsOf(60)));
    expect(importanceOf(trialsOf(20))).toEqual(importanceOf(trialsOf(20)));
  });

  it('is empty if nothing can be said', () => {
    expect(importanceOf(trialsOf(2))).toEqual([]);
    expect(importanceOf(trialsOf(9, () => 0.5))).toEqual([]);
  });
});

describe('draws from the posterior', () => {
  it('have its mean and deviation', () => {
    const { process, coordinates, embedding } = fitSurrogate(space, 'maximise', trialsOf(15, accuracy, 0.05))!;
    const points = [
      coordinates[3],
      ...[101, 102, 103, 104].map((i) => embedding.coordinatesOf(quasiRandomPoint(space, 9, i))),
    ];
    const drawn = drawAtPoints(process, points, 1500, random('draws'));
    points.forEach((point, i) => {
      const { mean, deviation } = process.predict(point);
      const values = drawn.map((row) => row[i]);
      const drawnMean = values.reduce((a, b) => a + b) / values.length;
      const drawnDeviation = Math.sqrt(values.reduce((sum, v) => sum + (v - drawnMean) ** 2, 0) / values.length);
      expect(Math.abs(drawnMean - mean)).toBeLessThan(0.15 * deviation + 0.01);
      expect(drawnDeviation / deviation).toBeGreaterThan(0.8);
      expect(drawnDeviation / deviation).toBeLessThan(1.25);
    });
  });
});

describe('the surrogate', () => {
  const finite = (values: (number | null)[]): boolean => values.every((value) => Number.isFinite(value));

  it.each(Object.keys(space))('is finite along %s, also where the best trial does not have it', (parameter) => {
    const observed = trialsOf(25);
    const found = surrogateOf(observed, parameter);
    const [axis] = found.axes;
    expect(found.problem).toBeNull();
    expect(found.mean).toHaveLength(axis.values.length);
    expect([found.mean, found.deviation, found.acquisition].every(finite)).toBe(true);
    expect(found.trials).toHaveLength(25);
    for (const {
      number,
      place: [at],
    } of found.trials)
      expect(at === null).toBe(!(parameter in observed[number - 1].parameters));
    expect(found.next!.expected).toBeGreaterThan(0);
    expect(found.upTo).toBe(25);
    if (parameter !== 'optimizer') expect(found.at).toHaveProperty(parameter);
  });

  it('follows the function in units of the objective, and passes through the best trial', () => {
    const observed = trialsOf(40);
    const { axes, mean, deviation, at, noise } = surrogateOf(observed, 'rate');
    axes[0].values.forEach((rate, i) =>
      expect(Math.abs(mean[i]! - accuracy({ ...at, rate }))).toBeLessThan(0.05 + 3 * deviation[i]!),
    );
    const best = observed.toSorted((a, b) => b.value! - a.value!)[0];
    expect(at).toEqual(best.parameters);
    expect(noise).toBeLessThan(0.05);
  });

  it('has gaps over two parameters where a branch is not used', () => {
    const { axes, mean } = surrogateOf(trialsOf(25), 'optimizer', 'momentum');
    const along = axes[1].values.length;
    expect(mean).toHaveLength(2 * along);
    expect(finite(mean.slice(0, along))).toBe(true);
    expect(new Set(mean.slice(along))).toEqual(new Set([null]));
    expect(finite(surrogateOf(trialsOf(25), 'rate', 'layers').mean)).toBe(true);
  });

  it('marks the next suggestion of any strategy', () => {
    const { next } = surrogateOf(trialsOf(10), 'momentum', null, 'random');
    expect(next!.expected).toBeNull();
    expect(next!.place).toEqual([next!.parameters.momentum ?? null]);
  });

  it('says why there is none', () => {
    expect(surrogateOf(trialsOf(2), 'rate')).toMatchObject({
      problem: 'The surrogate needs at least 3 trials with a value. There are 2 so far.',
      mean: [],
    });
    expect(
      surrogateOf(
        trialsOf(5, () => 1),
        'rate',
      ).problem,
    ).toMatch(/same value/);
    expect(() => surrogateOf(trialsOf(5), 'width')).toThrow('no parameter ‘width’');
  });
});
