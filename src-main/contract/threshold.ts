/**
 * Thresholds on anomaly scores, each with a promise: how many false alarms to expect. The promise depends only on the threshold and on the scores of normal
 * images that the scorer has not seen, whatever rule placed the threshold.
 */
import { binomialInterval } from './binomial.ts';
import {
  countFrom,
  fewestNormals,
  thresholdRules,
  type Evidence,
  type Placed,
  type ThresholdRule,
} from './threshold-rules.ts';
import { plural, whole } from './words.ts';

/** Expected false alarms in 1,000 normal images, with the 95 % interval, judged by so many normal images. */
export interface FalseAlarms {
  perThousand: number;
  low: number;
  high: number;
  normals: number;
}

/** A rule and its parameter, as a person chooses it. */
export interface RuleChoice {
  rule: string;
  value: number | null;
}

/** `score` and `flagged` are null if the rule cannot place a threshold, `promise` if false alarms cannot be judged; `reason` says why. */
export interface Threshold extends RuleChoice {
  score: number | null;
  flagged: number | null;
  promise: FalseAlarms | null;
  reason: string;
}

/** The rule that a person applies by moving the threshold: its value is the score. It is not in the list of rules to choose from. */
export const movedRule = 'score';

/**
 * Expected false alarms at a threshold, from held-out scores of normal images, ascending; null if there are too few. The estimate is the mean of Jeffreys'
 * posterior, since the threshold may lie anywhere between two of the scores; the interval is Clopper & Pearson's.
 */
export function falseAlarmsAt(score: number, normals: Float64Array): FalseAlarms | null {
  const total = normals.length;
  if (total < fewestNormals) return null;
  const count = countFrom(normals, score);
  const { low, high } = binomialInterval(count, total);
  return {
    perThousand: (1000 * (count + 0.5)) / (total + 1),
    low: 1000 * low,
    high: 1000 * high,
    normals: total,
  };
}

/** ‘Expect about 8 false alarms in 1,000 normal images [3–17]’. */
export function promiseText({ perThousand, low, high }: FalseAlarms): string {
  const count = Math.round(perThousand);
  const alarms = count < 1 ? 'fewer than 1 false alarm' : `about ${plural(count, 'false alarm')}`;
  return `Expect ${alarms} in 1,000 normal images [${whole(Math.round(low))}–${whole(Math.round(high))}]`;
}

/** Why there is no promise. */
const notJudged = (normals: number): string =>
  `False alarms cannot be judged: ${normals === 0 ? 'no image is' : `only ${plural(normals, 'image')} ${normals === 1 ? 'is' : 'are'}`} known to be normal and unseen by the method.`;

/** In this order the first rule that has what it needs. */
const defaultOrder = ['percentile', 'robust', 'share'];

export const ruleOf = (id: string): ThresholdRule | undefined => thresholdRules.find((rule) => rule.id === id);

/** The threshold by the chosen rule; null chooses the default rule. A moved threshold and an unknown value are not limited to the bounds of a rule. */
export function thresholdOf(evidence: Evidence, choice: RuleChoice | null): Threshold {
  if (choice?.rule === movedRule) {
    const placed: Placed =
      choice.value === null ? { lacks: 'No score was given.' } : { score: choice.value, reason: 'Set by hand.' };
    return described(evidence, choice, placed);
  }
  const candidates = choice ? [choice] : defaultOrder.map((rule) => ({ rule, value: null }));
  const results = candidates.map(({ rule: id, value: given }) => {
    const rule = ruleOf(id);
    const value = given ?? rule?.value?.default ?? null;
    const placed: Placed = evidence.scores.length
      ? (rule?.place(evidence, value ?? 0) ?? { lacks: `There is no rule ‘${id}’.` })
      : { lacks: 'No image has a score.' };
    return described(evidence, { rule: id, value }, placed);
  });
  return results.find(({ score }) => score !== null) ?? results[0];
}

/** The threshold that applies: by the chosen rule, or by the default rule if there is no choice or if the chosen rule lacks something. */
export function thresholdInEffect(evidence: Evidence, choice: RuleChoice | null): Threshold {
  const chosen = thresholdOf(evidence, choice);
  return chosen.score === null && choice ? thresholdOf(evidence, null) : chosen;
}

function described({ scores, normals }: Evidence, choice: RuleChoice, placed: Placed): Threshold {
  if ('lacks' in placed || !Number.isFinite(placed.score)) {
    const reason = 'lacks' in placed ? placed.lacks : 'The scores give no finite threshold.';
    return { ...choice, score: null, flagged: null, promise: null, reason };
  }
  const { score, reason } = placed;
  const promise = falseAlarmsAt(score, normals);
  const flagged = countFrom(scores, score);
  return { ...choice, score, flagged, promise, reason: promise ? reason : `${reason} ${notJudged(normals.length)}` };
}

/** `percentile:95`, as `parseRule` reads it. */
export const ruleText = ({ rule, value }: RuleChoice): string => (value === null ? rule : `${rule}:${value}`);

/** Reads `RULE` or `RULE:VALUE`, as `percentile:99`. Returns what is wrong as text. */
export function parseRule(text: string): RuleChoice | string {
  const [id, given, ...more] = text.split(':');
  const rule = ruleOf(id);
  const value = given === undefined ? null : Number(given);
  if (id === movedRule && value !== null && given.trim() && Number.isFinite(value) && !more.length)
    return { rule: id, value };
  if (!rule)
    return `There is no rule ‘${id}’. Available: ${thresholdRules.map((known) => known.id).join(', ')}, ${movedRule}:VALUE.`;
  if (value === null) return { rule: id, value: rule.value?.default ?? null };
  if (!rule.value || more.length) return `The rule ‘${id}’ ${rule.value ? 'has one value' : 'has no value'}.`;
  const { min, max, unit } = rule.value;
  if (!given.trim() || !(value >= min && value <= max))
    return `The value of ‘${id}’ must be a number from ${min} to ${max} (${unit}), not ‘${given}’.`;
  return { rule: id, value };
}
