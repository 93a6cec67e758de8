/** Which of a group of duplicates to keep. Engine and page ask the same question, so that what is shown is what is done. */
import { keepRules, type Decision, type Group, type Sample } from './types.ts';

export { keepRules };
export type KeepRule = (typeof keepRules)[number];

export interface Member {
  id: number;
  /** Relative to the opened folder, with `/`. */
  path: string;
  width: number;
  height: number;
  bytes: number;
  modifiedMs: number;
  decision: Decision | null;
  /** NaN where it was not measured. */
  sharpness: number;
}

/** Above 0 where `a` is the better one. */
type Comparison = (a: Member, b: Member) => number;

/** What is not a number is the worst. */
const more = (a: number, b: number): number => {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(b)) - Number(Number.isNaN(a));
  return Math.sign(a - b);
};

const comparisons: Record<KeepRule, Comparison> = {
  /** Most pixels; of as many, most bytes: less was lost in encoding. */
  largest: (a, b) => more(a.width * a.height, b.width * b.height) || more(a.bytes, b.bytes),
  sharpest: (a, b) => more(a.sharpness, b.sharpness),
  newest: (a, b) => more(a.modifiedMs, b.modifiedMs),
};

/**
 * The id of the one to keep. What a person has marked to be kept comes before all others, then files in the protected folder where one is given; then the rule
 * decides, then the other rules, and at last the path, so that the answer never depends on the order of the members.
 */
export function best(members: readonly Member[], rule: KeepRule, protectedFolder: string | null): number {
  if (!members.length) throw new RangeError('There is nothing to choose from.');
  const folder = protectedFolder?.replace(/\/+$/, '') ?? null;
  const isIn = (member: Member): number =>
    Number(folder === '' || (folder !== null && member.path.startsWith(`${folder}/`)));
  const order: Comparison[] = [
    (a, b) => Number(a.decision === 'keep') - Number(b.decision === 'keep'),
    (a, b) => isIn(a) - isIn(b),
    ...[rule, ...keepRules].map((name) => comparisons[name]),
  ];
  const isBetter = (a: Member, b: Member): boolean => {
    for (const compare of order) {
      const sign = compare(a, b);
      if (sign) return sign > 0;
    }
    return a.path < b.path;
  };
  return members.reduce((kept, member) => (isBetter(member, kept) ? member : kept)).id;
}

export interface KeepChoice {
  rule: KeepRule;
  protectedFolder: string | null;
  /** By sample id. */
  sharpness: Float64Array;
}

const membersOf = (samples: readonly Sample[], { sharpness }: KeepChoice): Member[] =>
  samples
    .filter(({ decision }) => decision !== 'reject')
    .map((sample) => ({ ...sample, sharpness: sharpness[sample.id] ?? NaN }));

/** Of the samples that are not rejected, the id of the one to keep; null where there is none. */
export function bestOf(samples: readonly Sample[], choice: KeepChoice): number | null {
  const members = membersOf(samples, choice);
  return members.length ? best(members, choice.rule, choice.protectedFolder) : null;
}

/** What ‘keep best’ rejects of these groups, each with the id of what is kept in its place. What was marked to be kept is never rejected; a sample of two groups counts once. */
export function rejectsOf(
  groups: readonly Pick<Group, 'ids' | 'kind'>[],
  sampleOf: (id: number) => Sample | undefined,
  choice: KeepChoice,
): Map<number, { kept: number; kind: Group['kind'] }> {
  const rejects = new Map<number, { kept: number; kind: Group['kind'] }>();
  for (const { ids, kind } of groups) {
    const members = ids.flatMap((id) => sampleOf(id) ?? []).filter(({ id }) => !rejects.has(id));
    const kept = bestOf(members, choice);
    if (kept === null) continue;
    for (const { id, decision } of members)
      if (id !== kept && decision !== 'reject' && decision !== 'keep') rejects.set(id, { kept, kind });
  }
  return rejects;
}
