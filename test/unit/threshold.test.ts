/** Thresholds on anomaly scores: each rule on known distributions, its promise against the truth, and folders with nothing to fit. */
import { describe, expect, test } from 'vitest';
import { fillNormal, random, type Random } from '../../src-main/compute/random.ts';
import { binomialInterval } from '../../src-main/contract/binomial.ts';
import { evidenceOf } from '../../src-main/contract/evidence.ts';
import { excessAt, fitPareto } from '../../src-main/contract/pareto.ts';
import { thresholdRules, type Evidence } from '../../src-main/contract/threshold-rules.ts';
import { falseAlarmsAt, parseRule, promiseText, thresholdOf } from '../../src-main/contract/threshold.ts';

const sorted = (values: Iterable<number>): Float64Array => Float64Array.from(values).sort();
const none = new Float64Array();
/** Without labels. */
const of = (scores: Float64Array, normals: Float64Array): Evidence => ({
  scores,
  normals,
  trained: none,
  labelled: { normal: normals, anomalous: none },
});

/** Distributions of scores that start at 0, with their probability to exceed a score. */
const distributions: { name: string; draw(next: Random): number; above(score: number): number }[] = [
  { name: 'exponential', draw: (next) => -Math.log(1 - next()), above: (score) => Math.exp(-Math.max(0, score)) },
  { name: 'uniform', draw: (next) => next(), above: (score) => 1 - Math.min(1, Math.max(0, score)) },
  {
    name: 'heavy-tailed', // generalised Pareto, shape 0.2
    draw: (next) => ((1 - next()) ** -0.2 - 1) / 0.2,
    above: (score) => (1 + 0.2 * Math.max(0, score)) ** -5,
  },
];

describe('the interval of a proportion', () => {
  // By its definition: the proportions at which the tails of the binomial distribution, summed term by term, hold 2.5 %.
  test.each([
    [0, 10, 0, 0.30849710781876083],
    [10, 10, 0.6915028921812392, 1],
    [8, 1000, 0.0034599761653297486, 0.015702049176074102],
    [5, 20, 0.08657146910143443, 0.4910458717079576],
    [500, 10_000, 0.04580994219838108, 0.054454527028345905],
  ])('%i of %i', (count, total, low, high) => {
    const interval = binomialInterval(count, total);
    expect(interval.low).toBeCloseTo(low, 10);
    expect(interval.high).toBeCloseTo(high, 10);
  });
  test('nothing is known without trials', () => expect(binomialInterval(0, 0)).toEqual({ low: 0, high: 1 }));
});

describe('the tail', () => {
  test.each([-0.3, 0, 0.3])('shape %f is found again', (shape) => {
    const truth = { scale: 2, shape };
    const next = random('tail', 7);
    const fitted = fitPareto(sorted(Array.from({ length: 20_000 }, () => excessAt(truth, 1 - next()))));
    expect(fitted?.shape).toBeCloseTo(shape, 1);
    expect(fitted?.scale).toBeCloseTo(2, 1);
  });
  test('equal excesses have none', () => expect(fitPareto([1, 1, 1])).toBe(null));
});

/** 300 normal images held out, 150 other images among which a third is anomalous, for a seed. */
function drawn(distribution: (typeof distributions)[number], seed: number, normals = 300): Evidence {
  const next = random(distribution.name, seed);
  const list = (n: number, shift = 0) => sorted(Array.from({ length: n }, () => distribution.draw(next) + shift));
  const anomalous = list(50, 1.5);
  const held = list(normals);
  return {
    normals: held,
    trained: none,
    labelled: { normal: held, anomalous },
    scores: sorted([...held, ...list(100), ...anomalous]),
  };
}

describe.each(thresholdRules)('$id', (rule) => {
  test.each(distributions)('keeps its promise in 95 % of 200 folders with $name scores', (distribution) => {
    let kept = 0;
    let promised = 0;
    let observed = 0;
    for (let seed = 1; seed <= 200; seed++) {
      const { score, promise } = thresholdOf(drawn(distribution, seed), { rule: rule.id, value: null });
      const truth = 1000 * distribution.above(score as number);
      if (promise && promise.low <= truth && truth <= promise.high) kept++;
      promised += (promise?.perThousand ?? NaN) / 200;
      observed += truth / 200;
    }
    // 190 less 1.3 standard deviations. Best F1 chooses its threshold by the same normal images, which costs a little.
    expect(kept).toBeGreaterThanOrEqual(rule.id === 'f1' ? 182 : 186);
    expect(Math.abs(promised - observed)).toBeLessThan(Math.max(2.5, 0.1 * observed));
  });

  test('places no threshold where there is nothing to fit, and says what it lacks', () => {
    const result = thresholdOf(of(none, none), { rule: rule.id, value: null });
    expect(result).toMatchObject({ rule: rule.id, score: null, flagged: null, promise: null });
    expect(result.reason).toMatch(/\.$/);
  });

  test.each([0, 1, 2, 3])('with %i normal images promises nothing', (count) => {
    const scores = sorted([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    const normals = scores.subarray(0, count);
    const evidence = { scores, normals, trained: none, labelled: { normal: normals, anomalous: scores.subarray(6) } };
    const { promise, reason, score } = thresholdOf(evidence, { rule: rule.id, value: null });
    expect(promise).toBe(null);
    expect(reason).toMatch(score === null ? /needs/ : /cannot be judged/);
  });

  test('flags no image if all scores are equal', () => {
    const scores = new Float64Array(200).fill(3);
    const { flagged } = thresholdOf(of(scores, scores), { rule: rule.id, value: null });
    expect(flagged ?? 0).toBe(0);
  });

  test('is read from the command line with the default value', () =>
    expect(parseRule(rule.id)).toEqual({ rule: rule.id, value: rule.value?.default ?? null }));
});

describe('the percentile', () => {
  const normals = sorted(Array.from({ length: 100 }, (_, i) => i));
  const at = (value: number, own = normals) => thresholdOf(of(own, own), { rule: 'percentile', value });

  test('is that of NumPy', () => expect(at(95).score).toBeCloseTo(94.05, 10));
  test('needs as many normal images as it judges', () => {
    expect(at(99).flagged).toBe(1);
    expect(at(99, normals.subarray(1))).toMatchObject({ score: null, reason: expect.stringContaining('needs 100') });
    expect(at(99, normals.subarray(1)).reason).toContain('They permit up to 98 %.');
  });
  test('flags no more normal images than it says if scores are equal', () => {
    const tied = sorted([...Array.from({ length: 90 }, (_, i) => i / 100), ...new Array<number>(9).fill(5), 6]);
    expect(at(95, tied)).toMatchObject({ score: 5.5, flagged: 1 });
    const allTied = sorted([...Array.from({ length: 90 }, (_, i) => -i), ...new Array<number>(10).fill(0)]);
    expect(at(95, allTied)).toMatchObject({ flagged: 0 });
  });

  test('is not carried away by one very high value among few', () => {
    const own = sorted([...Array.from({ length: 30 }, (_, i) => i / 10), 100]);
    const anomalies = Array.from({ length: 20 }, (_, i) => 4 + i);
    const { score, flagged } = thresholdOf(of(sorted([...own, ...anomalies]), own), { rule: 'percentile', value: 95 });
    expect(score).toBeCloseTo(3.45, 10); // halfway from 2.9, the second highest of 31 normal images, to 4
    expect(flagged).toBe(21);
  });
});

describe('the default', () => {
  const next = random('default', 1);
  const scores = sorted(fillNormal(new Float64Array(200), next));
  test('is a percentile of the normal images', () =>
    expect(thresholdOf(of(scores, scores.subarray(0, 100)), null)).toMatchObject({
      rule: 'percentile',
      value: 95,
      promise: { normals: 100 },
    }));
  test('is a robust rule on few normal images', () =>
    expect(thresholdOf(of(scores, scores.subarray(0, 10)), null)).toMatchObject({
      rule: 'robust',
      promise: { normals: 10 },
      reason: expect.stringContaining('10 normal images'),
    }));
  test('without normal images assumes that most are normal, says so, and promises nothing', () => {
    const outliers = sorted([...scores, 20, 21, 22]);
    const { rule, flagged, promise, reason } = thresholdOf(of(outliers, none), null);
    expect({ rule, flagged, promise }).toEqual({ rule: 'robust', flagged: 3, promise: null });
    expect(reason).toContain('assuming that most are normal. False alarms cannot be judged: no image is known');
  });
  test('is judged by the training images where no normal image is unseen', () => {
    const evidence = { ...of(scores, none), trained: scores.subarray(0, 50) };
    const { promise, reason } = thresholdOf(evidence, null);
    expect(promise).toBe(null);
    expect(reason).toContain(
      'of 50 training images, which score lower than unseen ones. False alarms cannot be judged',
    );
  });
  test('is a share of the images if their scores have no spread', () =>
    expect(thresholdOf(of(sorted([1, 1, 1, 1, 1, 1, 2]), none), null)).toMatchObject({
      rule: 'share',
      flagged: 0,
    }));
});

test('best F1 lies between the classes where they are apart', () => {
  const labelled = { normal: sorted([1, 2, 3]), anomalous: sorted([7, 8, 9]) };
  const evidence = { scores: sorted([1, 2, 3, 7, 8, 9]), normals: none, trained: none, labelled };
  expect(thresholdOf(evidence, { rule: 'f1', value: null })).toMatchObject({ score: 5, flagged: 3 });
});

test('a factor is refused for scores below 0', () => {
  const normals = sorted(Array.from({ length: 30 }, (_, i) => i - 20));
  expect(thresholdOf(of(normals, normals), { rule: 'scaled', value: 1.4 })).toMatchObject({
    score: null,
    reason: expect.stringContaining('no meaning'),
  });
});

test('a threshold set by hand has a promise too', () => {
  const normals = sorted(Array.from({ length: 99 }, (_, i) => i));
  const evidence = of(normals, normals);
  expect(thresholdOf(evidence, { rule: 'score', value: 90 })).toMatchObject({
    score: 90,
    flagged: 9,
    reason: 'Set by hand.',
  });
  expect(falseAlarmsAt(90, normals)?.perThousand).toBeCloseTo(95);
});

describe('words', () => {
  test('of the promise', () => {
    expect(promiseText({ perThousand: 8.4, low: 3.46, high: 15.7, normals: 1000 })).toBe(
      'Expect about 8 false alarms in 1,000 normal images [3–16]',
    );
    expect(promiseText({ perThousand: 0.2, low: 0, high: 1.2, normals: 3000 })).toContain(
      'fewer than 1 false alarm in',
    );
    expect(promiseText({ perThousand: 1, low: 0, high: 4, normals: 900 })).toContain('about 1 false alarm in');
  });
  test('of the command line', () => {
    expect(parseRule('percentile:99')).toEqual({ rule: 'percentile', value: 99 });
    expect(parseRule('score:-0.5')).toEqual({ rule: 'score', value: -0.5 });
    for (const wrong of [
      '',
      'p95',
      'percentile:',
      'percentile:high',
      'percentile:100',
      'percentile:9:9',
      'f1:1',
      'score',
      'score:',
    ])
      expect(parseRule(wrong), wrong).toBeTypeOf('string');
  });
});

describe('evidence of a run', () => {
  const sample = (id: number, path: string, ...tags: string[]) => ({ id, path, tags });
  const run = { trainOn: 'good/**' as string | null, trainTags: { added: [], leftOut: [] }, normals: [1, 2, 3] };
  const scores = [1, 2, 3, 9, NaN, 4];
  const folder = (...tags: string[][]) =>
    ['good/a', 'good/b', 'good/c', 'd', 'e', 'f'].map((path, i) => sample(i, path, ...(tags[i] ?? [])));
  const lists = (samples: ReturnType<typeof folder>, own = run) => {
    const { normals, labelled, scores: all } = evidenceOf(own, samples, Float64Array.from(scores));
    return { normals: [...normals], anomalous: [...labelled.anomalous], count: all.length };
  };

  test('declared normal images are the held-out ones; images without a score do not count', () =>
    expect(lists(folder())).toEqual({ normals: [1, 2, 3], anomalous: [], count: 5 }));
  test('tags are used at once: normal ones are added once, anomalous ones are taken out', () =>
    expect(lists(folder(['normal'], ['anomalous'], [], ['anomalous'], ['normal'], ['normal']))).toEqual({
      normals: [1, 3, 4],
      anomalous: [2, 9],
      count: 5,
    }));
  test('names of folders are labels for the best F1, and no normal images for the promise', () => {
    const paths = ['train/good/a', 'train/good/b', 'train/good/c', 'test/crack/d', 'test/good/e', 'test/good/f'];
    const trained = { ...run, trainOn: 'train/good/**' };
    const { normals, labelled } = evidenceOf(
      trained,
      paths.map((path, i) => sample(i, path)),
      Float64Array.from(scores),
    );
    expect([...normals]).toEqual([1, 2, 3]);
    expect([[...labelled.normal], [...labelled.anomalous]]).toEqual([[1, 2, 3, 4], [9]]);
  });
  test('a run on all images knows only what tags say', () => {
    const all = { ...run, trainOn: null, normals: [1, 2, 3, 4, 9] };
    expect(lists(folder(), all).normals).toEqual([]);
    expect(lists(folder(['normal'], [], [], ['anomalous']), all)).toMatchObject({ normals: [1], anomalous: [9] });
    expect(lists(folder(['normal']), { ...all, normals: [] }).normals).toEqual([]); // it was trained on, not held out
  });
});
