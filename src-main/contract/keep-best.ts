/** Decides which image of a group of duplicates to keep. Engine and page share it, so the page shows exactly what the engine does. */
import { nfc } from './same-name.ts';
import { keepRules, type Decision, type Difference, type Group, type Sample } from './types.ts';

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
  /** NaN if it was not measured. */
  sharpness: number;
}

/** Positive if `a` is better. */
type Comparison = (a: Member, b: Member) => number;

/** NaN is the worst value. */
const more = (a: number, b: number): number => {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(b)) - Number(Number.isNaN(a));
  return Math.sign(a - b);
};

const comparisons: Record<KeepRule, Comparison> = {
  /** Most pixels; then most bytes, since less was lost in encoding. */
  largest: (a, b) => more(a.width * a.height, b.width * b.height) || more(a.bytes, b.bytes),
  sharpest: (a, b) => more(a.sharpness, b.sharpness),
  newest: (a, b) => more(a.modifiedMs, b.modifiedMs),
};

/**
 * The id of the image to keep. Images that the user marked as keep come first, then files in the protected folder; then the rule
 * decides, then the other rules, and finally the path, so the result never depends on the order of the members.
 */
export function best(members: readonly Member[], rule: KeepRule, protectedFolder: string | null): number {
  if (!members.length) throw new RangeError('An empty group has no best member.');
  const folder = protectedFolder === null ? null : nfc(protectedFolder.replace(/\/+$/, ''));
  const isIn = (member: Member): number =>
    Number(folder === '' || (folder !== null && nfc(member.path).startsWith(`${folder}/`)));
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

const differenceWords: Record<Difference, string> = {
  frames: 'animations or pages are compared by the first one only',
  transparency: 'the transparency differs',
  depth: 'the bits per sample differ',
  hidden: 'a part of the files is not shown',
  detail: 'a small area differs',
};

/**
 * Why a person has to look at a group before an image of it is rejected, in words; empty if the images are copies of each other. Such a group is never part of
 * a ‘keep best’ of all groups, only of one that names it.
 */
export const reviewReasons = ({ crossesClasses, differences }: Pick<Group, 'crossesClasses' | 'differences'>) => [
  ...(crossesClasses ? ['the classes differ'] : []),
  ...differences.map((difference) => differenceWords[difference]),
];

/** Whether a ‘keep best’ of all groups includes this one. */
export const isCopies = (group: Pick<Group, 'crossesClasses' | 'differences'>): boolean =>
  !group.crossesClasses && !group.differences.length;

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

/** The id of the sample to keep among those that are not rejected; null if all are rejected. */
export function bestOf(samples: readonly Sample[], choice: KeepChoice): number | null {
  const members = membersOf(samples, choice);
  return members.length ? best(members, choice.rule, choice.protectedFolder) : null;
}

/**
 * The samples that ‘keep best’ rejects, each with the id of the kept duplicate. Samples marked as keep are never rejected; a sample in two groups counts
 * once.
 */
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
