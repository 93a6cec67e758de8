/** The mathematics of Bayesian search: the Gaussian process against scikit-learn, Sobol points against SciPy (fixtures/search.json, written by search.py), gradients against differences. */
import fs from 'node:fs';
import { describe, expect, it } from 'vitest';
import { logExpectedImprovement, upperConfidenceBound } from '../../src-main/compute/search/acquisition.ts';
import { GaussianProcess } from '../../src-main/compute/search/gaussian-process.ts';
import {
  fitHyperparameters,
  MarginalLikelihood,
  type Observations,
} from '../../src-main/compute/search/marginal-likelihood.ts';
import { digitalShift, mostDimensions, sobolPoint } from '../../src-main/compute/search/sobol.ts';
import { fillNormal, random } from '../../src-main/compute/random.ts';

interface Known {
  sobol: { index: number; point: number[] }[];
  processes: {
    x: number[][];
    y: number[];
    isCategory: boolean[];
    logParameters: number[];
    at: number[][];
    mean: number[];
    deviation: number[];
    likelihood: number;
    gradient: number[];
  }[];
  improvements: { z: number; log: number }[];
}
const known = JSON.parse(fs.readFileSync(new URL('../fixtures/search.json', import.meta.url), 'utf8')) as Known;

const observationsOf = (x: number[][], y: ArrayLike<number>, isCategory: boolean[]): Observations => ({
  x: Float64Array.from(x.flat()),
  y: Float64Array.from(y),
  isCategory,
});

describe('the Gaussian process', () => {
  for (const [i, { x, y, isCategory, at, ...expected }] of known.processes.entries())
    it(`equals scikit-learn’s: case ${i + 1}, ${isCategory.length} axes${isCategory.includes(true) ? ', one of categories' : ''}`, () => {
      const observations = observationsOf(x, y, isCategory);
      const logParameters = Float64Array.from(expected.logParameters);
      const process = new GaussianProcess(observations, logParameters);
      at.forEach((point, row) => {
        const { mean, deviation } = process.predict(Float64Array.from(point));
        expect(Math.abs(mean - expected.mean[row])).toBeLessThan(1e-6);
        expect(Math.abs(deviation - expected.deviation[row])).toBeLessThan(1e-6);
      });
      const { value, gradient } = new MarginalLikelihood(observations).at(logParameters);
      expect(Math.abs(value - expected.likelihood)).toBeLessThan(1e-6);
      expected.gradient.forEach((g, k) =>
        expect(Math.abs(gradient[k] - g), `gradient ${k}`).toBeLessThan(1e-6 * Math.max(1, Math.abs(g))),
      );
    });

  it('has the gradients of its mean and deviation', () => {
    const { x, y, isCategory, logParameters, at } = known.processes[2];
    const process = new GaussianProcess(observationsOf(x, y, isCategory), Float64Array.from(logParameters));
    const step = 1e-5;
    for (const point of at.map((row) => Float64Array.from(row))) {
      const { ofMean, ofDeviation } = process.predictWithGradient(point);
      for (const axis of [0, 1]) {
        const [above, below] = [step, -step].map((by) => process.predict(point.with(axis, point[axis] + by)));
        expect(ofMean[axis]).toBeCloseTo((above.mean - below.mean) / (2 * step), 6);
        expect(ofDeviation[axis]).toBeCloseTo((above.deviation - below.deviation) / (2 * step), 6);
      }
      expect([ofMean[2], ofDeviation[2]]).toEqual([0, 0]);
    }
  });

  it('finds the noise and the axis that matters by maximum likelihood', () => {
    const next = random('fit');
    const x = Array.from({ length: 60 }, () => [next(), next()]);
    const noise = fillNormal(new Float64Array(60), next, 0.3);
    const y = x.map(([a], i) => Math.sqrt(2) * Math.sin(2 * Math.PI * a) + noise[i]);
    const found = fitHyperparameters(observationsOf(x, y, [false, false])).map(Math.exp);
    expect(found[1]).toBeGreaterThan(4 * found[0]);
    expect(Math.sqrt(found[3])).toBeGreaterThan(0.2);
    expect(Math.sqrt(found[3])).toBeLessThan(0.4);
    const exact = x.map(([a, b]) => Math.sin(4 * a) + b * b);
    expect(fitHyperparameters(observationsOf(x, exact, [false, false])).map(Math.exp)[3]).toBeLessThan(1e-4);
  });

  it('stays finite with equal points', () => {
    const x = Array.from({ length: 12 }, (_, i) => [Math.floor(i / 6)]);
    const y = x.map(([a], i) => a * 2 - 1 + (i % 2 ? 1e-9 : 0));
    const observations = observationsOf(x, y, [false]);
    const process = new GaussianProcess(observations, fitHyperparameters(observations));
    expect(process.predict(Float64Array.of(0)).mean).toBeCloseTo(-1, 2);
    expect(process.predict(Float64Array.of(1)).deviation).toBeLessThan(0.1);
  });
});

describe('the expected improvement', () => {
  it('is exact as a logarithm, also where the improvement itself is 0 within rounding', () => {
    for (const { z, log } of known.improvements) {
      const { value } = logExpectedImprovement({ mean: z, deviation: 1 }, 0);
      expect(Math.abs(value - log), `z = ${z}`).toBeLessThan(1e-11 * Math.max(1, Math.abs(log)));
    }
  });

  it('has the gradients by mean and deviation, as the upper confidence bound', () => {
    const step = 1e-6;
    for (const mean of [-60, -20, -4, -0.9, 0.3, 3])
      for (const score of [
        (m: number, s: number) => logExpectedImprovement({ mean: m, deviation: s }, 0.2),
        (m: number, s: number) => upperConfidenceBound({ mean: m, deviation: s }, 4),
      ]) {
        const { byMean, byDeviation } = score(mean, 0.7);
        const slope = (score(mean + step, 0.7).value - score(mean - step, 0.7).value) / (2 * step);
        expect(byMean / slope).toBeCloseTo(1, 5);
        const other = (score(mean, 0.7 + step).value - score(mean, 0.7 - step).value) / (2 * step);
        expect(byDeviation / other).toBeCloseTo(1, 5);
      }
  });
});

describe('the Sobol sequence', () => {
  it('equals SciPy’s in 64 dimensions', () => {
    for (const { index, point } of known.sobol) expect([...sobolPoint(index, mostDimensions)]).toEqual(point);
  });

  it('stays even with a shift, which depends on the seed', () => {
    const shift = digitalShift(2, 7);
    const cells = new Set(
      Array.from({ length: 64 }, (_, i) => [...sobolPoint(i, 2, shift)].map((v) => Math.floor(v * 8)).join()),
    );
    expect(cells.size).toBe(64); // one in each of 8 × 8
    expect(digitalShift(2, 7)).toEqual(shift);
    expect(digitalShift(2, 8)).not.toEqual(shift);
  });
});
