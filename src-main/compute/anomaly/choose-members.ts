/**
 * Which members `auto` combines. There are two kinds of evidence: planted defects, which are small, and how many of the images that are not known to be normal a member finds
 * unusual, which tells of images of another kind. A member is dropped if neither speaks for it. Chosen over sets with each set left out: `test/bench/anomaly.md`.
 */
import { largestOf } from '../../contract/numbers.ts';
import { leastChance } from '../../contract/planted.ts';
import { wholePercent } from '../../contract/words.ts';

export interface Judged {
  name: string;
  /** 0 for a member that is dropped. */
  weight: number;
  /** How well it separates planted defects from held-out normal images (AUROC); null if there are too few of them. */
  judged: number | null;
  /** The `usualQuantile` of its held-out scores. */
  limit: number;
  /** The fraction of the other images above the limit; missing if they tell nothing. */
  unusual?: number;
  /** Planted defects speak for it. */
  isStrong?: boolean;
}

/** An image is unusual if its score is above this quantile of the held-out scores. */
export const usualQuantile = 0.9;
/** Planted defects speak for a member if its AUROC is at most this much below the best. */
const tolerance = 0.2;
/** The other images tell something if a member finds this fraction of them unusual, twice as many as of normal images. */
const leastUnusual = 0.2;
/** They speak for the members that find at least this part of the most that one finds. */
const leastOfMost = 0.75;

/**
 * Gives the weight 0 to members for which no evidence speaks. Without evidence those count that are not far below the best. `sharesOf` gives for each member the fraction of
 * the other images that it finds unusual, or nothing if there are too few; called only if planted defects do not speak for all.
 */
export async function chooseMembers(members: readonly Judged[], sharesOf: () => Promise<number[]>): Promise<void> {
  if (members.some(({ judged }) => judged === null)) return;
  const best = largestOf(members.map(({ judged }) => judged as number));
  const isNear = ({ judged }: Judged): boolean => (judged as number) >= best - tolerance;
  for (const member of members) member.isStrong = best >= leastChance && isNear(member);
  const weak = members.filter(({ isStrong }) => !isStrong);
  if (!weak.length) return;
  const shares = await sharesOf();
  const most = Math.max(0, ...shares);
  if (most >= leastUnusual) members.forEach((member, i) => (member.unusual = shares[i]));
  const least = Math.max(leastUnusual, leastOfMost * most);
  for (const member of weak) {
    const isByOthers = member.unusual !== undefined && member.unusual >= least;
    const isWithoutEvidence = best < leastChance && member.unusual === undefined && isNear(member);
    if (!isByOthers && !isWithoutEvidence) member.weight = 0;
  }
}

/** One sentence: what was chosen, and why. */
export function whyThese(members: readonly Judged[]): string {
  const byDefects = ({ name, judged }: Judged): string => (judged === null ? name : `${name} (${judged.toFixed(2)})`);
  const byOthers = ({ name, unusual = 0 }: Judged): string => `${name} (${wholePercent(unusual)})`;
  const used = members.filter(({ weight }) => weight);
  const dropped = members.filter(({ weight }) => !weight);
  const leftOut = (nameOf: typeof byDefects): string =>
    dropped.length ? `; it leaves out ${dropped.map(nameOf).join(', ')}` : '';
  if (members.some(({ judged }) => judged === null))
    return `The score combines ${used.map(byDefects).join(', ')}; there are too few normal images to judge them by planted defects.`;
  const strong = used.filter(({ isStrong }) => isStrong);
  if (strong.length) {
    const also = used.flatMap((member) =>
      member.isStrong
        ? []
        : [`; also ${byDefects(member)}, which finds ${wholePercent(member.unusual ?? 0)} of the other images unusual`],
    );
    return `The score combines the methods that find planted defects (AUROC): ${strong.map(byDefects).join(', ')}${also.join('')}${leftOut(byDefects)}.`;
  }
  return used.some(({ unusual }) => unusual !== undefined)
    ? `No method finds planted defects, so the score combines those that find the most unusual images among the others: ${used.map(byOthers).join(', ')}${leftOut(byOthers)}.`
    : `No method finds planted defects, so the score combines those near the best (AUROC): ${used.map(byDefects).join(', ')}${leftOut(byDefects)}.`;
}
