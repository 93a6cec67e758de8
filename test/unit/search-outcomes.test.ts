/** Values of trials as the surrogate sees them. */
import { describe, expect, it } from 'vitest';
import { outcomesOf } from '../../src-main/compute/search/outcomes.ts';
import { fillNormal, random } from '../../src-main/compute/random.ts';

const normal = [...fillNormal(new Float64Array(200), random('outcomes'))];
const skewnessOf = (z: number[]): number => z.reduce((sum, v) => sum + v ** 3, 0) / z.length;

describe('outcomes', () => {
  const shapes = {
    'normal values': normal,
    'losses with a long tail': normal.map((v) => Math.exp(v / 2)),
    'accuracies that crowd at the top': normal.map((v) => 1 - Math.exp(v / 2 - 4)),
    'three values': [0.1, 0.5, 0.6],
  };
  for (const [title, values] of Object.entries(shapes))
    for (const direction of ['maximise', 'minimise'] as const)
      it(`${title}, ${direction}d: larger is better, the order stays, and each gives its objective back`, () => {
        const { standardised: z, objectiveOf, slopeAt } = outcomesOf(values, direction)!;
        expect(z.reduce((a, b) => a + b) / z.length).toBeCloseTo(0, 8);
        expect(z.reduce((sum, v) => sum + v * v, 0) / z.length).toBeCloseTo(1, 8);
        const sign = direction === 'maximise' ? 1 : -1;
        const order = values.map((_, i) => i).sort((a, b) => sign * (values[a] - values[b]));
        order.slice(1).forEach((index, i) => expect(z[index]).toBeGreaterThan(z[order[i]]));
        for (const [i, value] of values.entries()) {
          expect(objectiveOf(z[i])).toBeCloseTo(value, 8);
          const step = 1e-6;
          const slope = Math.abs(objectiveOf(z[i] + step) - objectiveOf(z[i] - step)) / (2 * step);
          expect(slopeAt(z[i]) / slope).toBeCloseTo(1, 3);
        }
        if (values.length > 3) expect(Math.abs(skewnessOf(z))).toBeLessThan(0.8);
      });

  it('do not depend on the unit', () => {
    const values = normal.slice(0, 20);
    const plain = outcomesOf(values, 'minimise')!;
    const scaled = outcomesOf(
      values.map((v) => 5 + 1000 * v),
      'minimise',
    )!;
    scaled.standardised.forEach((z, i) => expect(z).toBeCloseTo(plain.standardised[i], 8));
    expect(scaled.slopeAt(0)).toBeCloseTo(1000 * plain.slopeAt(0), 6);
  });

  it('still tell good values apart beside one that diverged', () => {
    const { standardised: z } = outcomesOf([...normal.slice(0, 20), 1e30], 'minimise')!;
    const usual = z.slice(0, 20);
    expect(Math.max(...usual) - Math.min(...usual)).toBeGreaterThan(1);
    expect(z[20]).toBeLessThan(Math.min(...usual));
  });

  it('are none if all values are equal', () => expect(outcomesOf([0.3, 0.3, 0.3], 'maximise')).toBeNull());
});
