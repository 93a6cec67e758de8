/** The evaluation of a classifier, compared with hand-made counts and exact values. */
import { describe, expect, it } from 'vitest';
import {
  calibrationBins,
  evaluate,
  probabilitiesOf,
  temperatureOf,
  type Predictions,
} from '../../src-main/compute/classify/evaluate.ts';
import { random } from '../../src-main/compute/random.ts';

/** One image per pair of given and predicted class; `sure` is the logit of the predicted class. */
function predictionsOf(pairs: [given: number, predicted: number][], classes: number, sure = 2): Predictions {
  const logits = new Float32Array(pairs.length * classes);
  pairs.forEach(([, predicted], i) => (logits[i * classes + predicted] = sure));
  return { logits, labels: Int32Array.from(pairs, ([given]) => given), classes };
}

const names = (n: number): string[] => Array.from({ length: n }, (_, i) => `class ${i}`);

describe('an evaluation', () => {
  it('equals counts by hand', () => {
    const pairs: [number, number][] = [
      [0, 0],
      [0, 0],
      [0, 0],
      [0, 1],
      [1, 1],
      [1, 0],
      [2, 2],
      [2, 2],
    ];
    const evaluation = evaluate(predictionsOf(pairs, 3), names(3), 'test', () => 1, 1);
    expect(evaluation.confusion).toEqual([
      [3, 1, 0],
      [1, 1, 0],
      [0, 0, 2],
    ]);
    expect(evaluation.accuracy.value).toBeCloseTo(6 / 8, 10);
    expect(evaluation.balancedAccuracy.value).toBeCloseTo((0.75 + 0.5 + 1) / 3, 10);
    expect(evaluation.classes.map(({ precision }) => precision)).toEqual([0.75, 0.5, 1]);
    expect(evaluation.classes.map(({ recall }) => recall)).toEqual([0.75, 0.5, 1]);
    expect(evaluation.macroF1.value).toBeCloseTo((0.75 + 0.5 + 1) / 3, 10);
    expect(evaluation.classes.map(({ images }) => images)).toEqual([4, 2, 2]);
    expect(evaluation.topK).toBeNull(); // three classes are no choice of three
    const p = Math.exp(2) / (Math.exp(2) + 2);
    expect(evaluation.loss.value).toBeCloseTo((-6 * Math.log(p) - 2 * Math.log((1 - p) / 2)) / 8, 6);
  });

  it('leaves classes without images out of the means', () => {
    const evaluation = evaluate(
      predictionsOf(
        [
          [0, 0],
          [1, 1],
        ],
        4,
      ),
      names(4),
      'val',
      () => 1,
      1,
    );
    expect(evaluation.balancedAccuracy.value).toBe(1);
    expect(evaluation.macroF1.value).toBe(1);
    expect(evaluation.classes[3]).toEqual({ name: 'class 3', images: 0, precision: 0, recall: 0, f1: 0 });
    expect(evaluation.topK?.k).toBe(3);
  });

  it('has intervals with about the nominal coverage', () => {
    let held = 0;
    for (let round = 0; round < 100; round++) {
      const next = random('interval', round);
      const { accuracy } = evaluate(
        predictionsOf(
          Array.from({ length: 200 }, () => [0, Number(next() < 0.2)]),
          2,
        ),
        names(2),
        'test',
        () => 1,
        round,
      );
      expect(accuracy.low).toBeLessThanOrEqual(accuracy.value);
      expect(accuracy.high).toBeGreaterThanOrEqual(accuracy.value);
      held += Number(accuracy.low <= 0.8 && 0.8 <= accuracy.high);
    }
    expect(held).toBeGreaterThan(85);
    const all = evaluate(
      predictionsOf(
        Array.from({ length: 75 }, () => [0, 0]),
        2,
      ),
      names(2),
      'test',
      () => 1,
      1,
    );
    expect(all.accuracy.high).toBeCloseTo(1, 10);
    expect(all.accuracy.low).toBeCloseTo(0.951, 3); // not 1: the interval includes images to come
  });
});

describe('calibration', () => {
  /** Logits, and labels that are sampled from `truth` times the logits: calibrated at temperature 1 / truth. */
  const drawn = (truth: number): Predictions => {
    const next = random('calibration');
    const logits = Float32Array.from({ length: 3000 * 4 }, () => 3 * next());
    const right = probabilitiesOf(logits, 4, 1 / truth);
    const labels = Int32Array.from({ length: 3000 }, (_, i) => {
      let left = next();
      for (let k = 0; k < 3; k++) if ((left -= right[i * 4 + k]) < 0) return k;
      return 3;
    });
    return { logits, labels, classes: 4 };
  };

  it('finds the temperature that the labels were sampled with', () => {
    for (const truth of [0.4, 1, 2]) expect(temperatureOf(drawn(truth)) * truth).toBeCloseTo(1, 0.6);
    // Ten images that are all predicted correctly with confidence do not push the temperature to 0.
    const right = predictionsOf(
      Array.from({ length: 10 }, () => [0, 0]),
      2,
      4,
    );
    expect(temperatureOf(right)).toBeGreaterThan(0.5);
    expect(temperatureOf(right)).toBeLessThan(3);
    expect(temperatureOf({ logits: new Float32Array(0), labels: new Int32Array(0), classes: 4 })).toBe(1);
  });

  it('reduces the calibration error, which is zero if confidence equals accuracy', () => {
    const held = drawn(0.4);
    const error = (temperature: number): number =>
      calibrationBins(probabilitiesOf(held.logits, 4, temperature), held.labels, 4).error;
    expect(error(1)).toBeGreaterThan(0.1);
    expect(error(temperatureOf(held))).toBeLessThan(0.04);
    const { bins, error: none } = calibrationBins(Float32Array.of(1, 0, 0.5, 0.5, 0.5, 0.5), Int32Array.of(0, 0, 1), 2);
    expect(none).toBe(0);
    expect(bins.map(({ images }) => images)).toEqual([2, 1]);
  });

  it('gives finite probabilities for huge logits', () => {
    const p = probabilitiesOf(Float32Array.of(1000, -1000, 0), 3);
    expect([...p]).toEqual([1, 0, 0]);
  });
});
