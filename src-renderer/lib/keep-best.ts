/**
 * Which image of a group the engine would keep, so that it can be shown before it is done. The rule is the engine's; a test holds the two against each other.
 * Rejected images are out of it: what is left of a group is judged.
 */
import type { ColumnValues } from '../../src-main/contract/read.ts';
import type { KeepBest } from '../../src-main/contract/schemas.ts';
import type { Group, Sample } from '../../src-main/contract/types.ts';

export const keepRules: readonly KeepBest['rule'][] = ['largest', 'sharpest', 'newest'];

export interface KeepChoice {
  rule: KeepBest['rule'];
  protectedFolder: string | null;
  /** By sample id. */
  sharpness: ColumnValues;
}

/** The id of the one to keep; null where there is none to choose from. */
export function bestOf(members: readonly Sample[], choice: KeepChoice): number | null {
  let kept: Sample | null = null;
  for (const sample of members) if (sample.decision !== 'reject' && (!kept || isBetter(sample, kept, choice))) kept = sample;
  return kept?.id ?? null;
}

/** What ‘keep best’ would reject of these groups, in their order; a sample of two groups counts once. */
export function rejectsOf(groups: readonly Group[], sampleOf: (id: number) => Sample | undefined, choice: KeepChoice): Set<number> {
  const rejects = new Set<number>();
  for (const { ids } of groups) {
    const members = ids.flatMap((id) => sampleOf(id) ?? []).filter(({ id, decision }) => decision !== 'reject' && !rejects.has(id));
    if (members.length < 2) continue;
    const kept = bestOf(members, choice);
    for (const { id } of members) if (id !== kept) rejects.add(id);
  }
  return rejects;
}

type Comparison = (a: Sample, b: Sample, choice: KeepChoice) => number;

/** Above 0 where the first is more; what is not a number is the least. */
const more = (a: number, b: number) => (Number.isNaN(a) || Number.isNaN(b) ? Number(Number.isNaN(b)) - Number(Number.isNaN(a)) : a - b);

const comparisons: Record<KeepBest['rule'], Comparison> = {
  largest: (a, b) => more(a.width * a.height, b.width * b.height) || more(a.bytes, b.bytes),
  sharpest: (a, b, { sharpness }) => more(sharpness[a.id] ?? NaN, sharpness[b.id] ?? NaN),
  newest: (a, b) => more(a.modifiedMs, b.modifiedMs),
};

/** The protected folder first, then the rule, then the other rules, and at last the path. */
function isBetter(a: Sample, b: Sample, choice: KeepChoice): boolean {
  const folder = choice.protectedFolder?.replace(/\/+$/, '');
  const isIn = ({ path }: Sample) => Number(folder !== undefined && path.startsWith(`${folder}/`));
  const sign = isIn(a) - isIn(b) || [choice.rule, ...keepRules].reduce((told, rule) => told || comparisons[rule](a, b, choice), 0);
  return sign ? sign > 0 : a.path < b.path;
}

/** How a sample differs from the first of its group, in a few words; null for nothing that can be told. */
export function differenceTo(first: Sample, sample: Sample): string | null {
  if (first.sha256 === sample.sha256) return 'same file';
  const pixels = shareOf(sample.width * sample.height, first.width * first.height, 'pixels');
  if (pixels) return pixels;
  if (first.format !== sample.format) return `${sample.format.toUpperCase()}, not ${first.format.toUpperCase()}`;
  return shareOf(sample.bytes, first.bytes, 'bytes') ?? 'same size';
}

/** `+38 % pixels`; null where they are as many. */
function shareOf(own: number, first: number, unit: string): string | null {
  if (own === first) return null;
  const change = (own / first - 1) * 100;
  const sign = change > 0 ? '+' : '−';
  if (change >= 300) return `${(own / first).toFixed(own / first < 10 ? 1 : 0)} × the ${unit}`;
  return `${sign}${Math.abs(change) < 1 ? '<1' : Math.abs(change).toFixed(0)} % ${unit}`;
}
