/** Which of a group of duplicates to keep. */
export const keepRules = ['largest', 'sharpest', 'newest', 'protected'] as const;
export type KeepRule = (typeof keepRules)[number];

export interface Member {
  id: number;
  /** Relative to the opened folder, with `/`. */
  path: string;
  width: number;
  height: number;
  bytes: number;
  modifiedMs: number;
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

const comparisons: Record<Exclude<KeepRule, 'protected'>, Comparison> = {
  /** Most pixels; of as many, most bytes: less was lost in encoding. */
  largest: (a, b) => more(a.width * a.height, b.width * b.height) || more(a.bytes, b.bytes),
  sharpest: (a, b) => more(a.sharpness, b.sharpness),
  newest: (a, b) => more(a.modifiedMs, b.modifiedMs),
};

/**
 * The id of the one to keep. Files in the protected folder come before all others where one is given; then the rules decide in their order, then those not named,
 * and at last the path, so that the answer never depends on the order of the members.
 */
export function best(members: readonly Member[], rules: readonly KeepRule[], protectedFolder: string | null): number {
  if (!members.length) throw new RangeError('There is nothing to choose from.');
  const folder = protectedFolder?.replace(/\/+$/, '') ?? null;
  const isIn = (member: Member): number => Number(folder === '' || (folder !== null && member.path.startsWith(`${folder}/`)));
  const order: Comparison[] = [(a, b) => isIn(a) - isIn(b)];
  for (const rule of [...rules, ...keepRules]) if (rule !== 'protected') order.push(comparisons[rule]);
  const isBetter = (a: Member, b: Member): boolean => {
    for (const compare of order) {
      const sign = compare(a, b);
      if (sign) return sign > 0;
    }
    return a.path < b.path;
  };
  return members.reduce((kept, member) => (isBetter(member, kept) ? member : kept)).id;
}
