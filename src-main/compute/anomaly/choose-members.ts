/**
 * Which members `auto` combines. There are two kinds of evidence: planted defects, which are small, and how many of the images outside the selected normal ones a member finds
 * unusual, which tells of images of another kind. A member is dropped if neither speaks for it. Chosen over sets with each set left out: `test/bench/anomaly.md`.
 */
import { clamp, largestOf, smallestOf } from '../../contract/numbers.ts';
import { quantileOf } from '../../contract/statistics.ts';
import { wholePercent } from '../../contract/words.ts';

export interface Judged {
  name: string;
  /** 0 for a member that is dropped. */
  weight: number;
  /** How well it separates planted defects from held-out normal images (AUROC); null if there are too few of them. */
  judged: number | null;
  /** The highest AUROC that is not told from chance. */
  chance: number;
  /** An image with a higher score is unusual. */
  limit: number;
  /** Held-out normal images that give the limit. */
  normals: number;
  /** The fraction of the unselected images that it finds unusual; missing if they tell nothing. */
  unusual?: number;
  /** Planted defects speak for it. */
  isStrong?: boolean;
}

/** For each member the fraction of the unselected images that it finds unusual; `images`: how many were looked at. */
export interface Unusual {
  shares: readonly number[];
  images: number;
}

/** This fraction of unseen normal images is expected to be unusual. */
const usualShare = 0.1;
/** Planted defects speak for a member if its AUROC is at most this much below the best. */
const tolerance = 0.2;
/** The unselected images speak for the members that find at least this part of the most that one finds. */
const leastOfMost = 0.75;

/**
 * The score that `usualShare` of unseen normal images is expected to exceed, by held-out scores of normal images: the quantile of Weibull (type 6 of Hyndman & Fan 1996). With fewer
 * than nine scores it is the highest, which more images exceed.
 */
export function usualLimit(heldOut: readonly number[]): number {
  const sorted = Float64Array.from(heldOut).sort();
  const at = clamp((1 - usualShare) * (sorted.length + 1) - 1, 0, sorted.length - 1);
  return quantileOf(sorted, sorted.length > 1 ? at / (sorted.length - 1) : 0);
}

/** The unselected images tell something if a member finds this fraction of them unusual: at least twice that of normal images, and at least two standard errors more. */
const leastUnusual = (normals: number, images: number): number =>
  Math.max(2 * usualShare, usualShare + 2 * Math.sqrt(usualShare * (1 - usualShare) * (1 / normals + 1 / images)));

/**
 * Gives the weight 0 to members for which no evidence speaks. Without evidence those count that are not far below the best. `unusualOf` looks at the unselected images; it is
 * called only if planted defects do not speak for all, and gives nothing if there are too few.
 */
export async function chooseMembers(
  members: readonly Judged[],
  unusualOf: () => Promise<Unusual | undefined>,
): Promise<void> {
  if (members.some(({ judged }) => judged === null)) return;
  const best = largestOf(members.map(({ judged }) => judged as number));
  const isNear = ({ judged }: Judged): boolean => (judged as number) >= best - tolerance;
  const isTold = members.some(({ judged, chance }) => (judged as number) >= chance);
  for (const member of members) member.isStrong = isTold && isNear(member);
  const weak = members.filter(({ isStrong }) => !isStrong);
  if (!weak.length) return;
  const { shares, images } = (await unusualOf()) ?? { shares: [], images: 0 };
  const most = shares.length ? largestOf(shares) : 0;
  const least = Math.max(leastUnusual(smallestOf(members.map(({ normals }) => normals)), images), leastOfMost * most);
  if (most >= least) members.forEach((member, i) => (member.unusual = shares[i]));
  for (const member of weak) {
    const isByOthers = member.unusual !== undefined && member.unusual >= least;
    const isWithoutEvidence = !isTold && member.unusual === undefined && isNear(member);
    if (!isByOthers && !isWithoutEvidence) member.weight = 0;
  }
}

/** One sentence: what was chosen, and why. */
export function whyThese(members: readonly Judged[]): string {
  const byDefects = ({ name, judged }: Judged): string => (judged === null ? name : `${name} (${judged.toFixed(2)})`);
  const byUnusual = ({ name, unusual = 0 }: Judged): string => `${name} (${wholePercent(unusual)})`;
  const used = members.filter(({ weight }) => weight);
  const dropped = members.filter(({ weight }) => !weight);
  const leftOut = (nameOf: typeof byDefects): string =>
    dropped.length ? `; it leaves out ${dropped.map(nameOf).join(', ')}` : '';
  if (members.some(({ judged }) => judged === null))
    return `The score combines ${used.map(byDefects).join(', ')}; there are too few normal images to judge them by planted defects.`;
  const strong = used.filter(({ isStrong }) => isStrong);
  const also = used.filter(({ isStrong }) => !isStrong);
  if (!strong.length)
    return also.some(({ unusual }) => unusual !== undefined)
      ? `No method finds planted defects, so the score combines those that find the most unusual images among the unselected ones: ${also.map(byUnusual).join(', ')}${leftOut(byUnusual)}.`
      : `No method finds planted defects, so the score combines those near the best (AUROC): ${also.map(byDefects).join(', ')}${leftOut(byDefects)}.`;
  const how = `The score combines the methods that find planted defects (AUROC): ${strong.map(byDefects).join(', ')}`;
  return also.length
    ? `${how}; and those that find the most unusual images among the unselected ones: ${also.map(byUnusual).join(', ')}${leftOut(byUnusual)}.`
    : `${how}${leftOut(byDefects)}.`;
}
