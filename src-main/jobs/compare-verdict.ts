/** What a comparison of two runs says: whether their difference is more than chance, or why it cannot be judged. */
import type { ComparedFigure, RunComparison } from '../contract/run-comparison.ts';

/** The part of a comparison that depends on the kind of run. */
export type Compared = Pick<
  RunComparison,
  'images' | 'figures' | 'confusion' | 'changed' | 'agreement' | 'better' | 'verdict' | 'cannotJudge' | 'notes'
>;

/** `reason`: a sentence that goes on after a colon. */
export const cannotCompare = (reason: string, notes: string[]): Compared => ({
  images: 0,
  figures: [],
  confusion: null,
  changed: null,
  agreement: null,
  better: null,
  verdict: `Cannot be judged: ${reason}`,
  cannotJudge: true,
  notes,
});

/** By the test of the figure and its interval: both must exclude that there is no difference. `on`: what it was measured on. */
export function judge(
  a: string,
  b: string,
  { title, difference, low, high, p }: ComparedFigure,
  on: string,
): Pick<Compared, 'better' | 'verdict' | 'cannotJudge'> {
  const points = (value: number) => (100 * value).toFixed(1).replace('-', '−');
  const isMore = p !== null && low !== null && high !== null && p < 0.05 && low * high > 0;
  const [better, worse] = difference >= 0 ? [b, a] : [a, b];
  const bounds = low === null || high === null ? null : difference >= 0 ? [low, high] : [-high, -low];
  const range = bounds ? ` (${points(bounds[0])} to ${points(bounds[1])})` : '';
  const size =
    difference === 0
      ? `${b} and ${a} have the same ${title}${range} ${on}`
      : `${better} is better than ${worse} by ${points(Math.abs(difference))} points of ${title}${range} ${on}`;
  return {
    better: isMore ? (difference > 0 ? 'b' : 'a') : null,
    verdict: `${size}: ${p === null ? 'these do not tell them apart' : `${isMore ? 'more than chance' : 'not told from chance'} (p ${pText(p)})`}.`,
    cannotJudge: false,
  };
}

const pText = (p: number): string => (p < 0.001 ? '< 0.001' : `= ${p.toPrecision(2)}`);
