/**
 * Forms groups from pairs of copies. The leader of a group is the picture with the most copies. A picture joins if it matches the leader and the members. So
 * if A matches B and B matches C, but A does not match C, there is no group of three.
 */
import type { TurnKind } from './turn.ts';

/** A pair of copies. */
export interface Link {
  a: number;
  b: number;
  kind: TurnKind;
  similarity: number;
}
export interface Gathered {
  kind: TurnKind;
  members: { picture: number; similarity: number }[];
}

/** From the strictest relation to the loosest: a group of one kind may contain pairs of the kinds before it. */
const kinds = ['near', 'rotated', 'mirrored'] as const;

/** A new member of a large group is compared with this many of its members. */
const maxMembersCompared = 4;

/** From this size on, a group also tries the copies of its members: look-ups are limited, so in a large group not every copy of the leader has a link to it. */
const largeGroup = 8;

interface GatherOptions {
  /** In pixels: among pictures with equally many copies, the largest leads. */
  size(picture: number): number;
  /** True for pairs that the user marked as not duplicates: they never share a group. */
  isNotDuplicate(a: number, b: number): boolean;
  /** Compares a pair without a link; null if it is no copy. */
  compare(a: number, b: number): Promise<Link | null>;
}

/** `links`: the pairs that were found. The result is sorted like the kinds; a picture is in at most one group of each kind. */
export async function gather(
  links: readonly Link[],
  { size, isNotDuplicate, compare }: GatherOptions,
): Promise<Gathered[]> {
  const linked = new Map<number, Map<number, Link>>();
  const put = (a: number, b: number, link: Link): void => {
    const others = linked.get(a) ?? new Map<number, Link>();
    linked.set(a, others);
    const before = others.get(b);
    if (!before || isCloser(link, before)) others.set(b, link);
  };
  for (const link of links) {
    put(link.a, link.b, link);
    put(link.b, link.a, link);
  }
  const groups: Gathered[] = [];
  for (const [rank, kind] of kinds.entries()) {
    const of = (picture: number): [number, Link][] =>
      [...linked.get(picture)!].filter(([, link]) => kinds.indexOf(link.kind) <= rank);
    const count = new Map([...linked.keys()].map((picture) => [picture, of(picture).length]));
    const leaders = [...linked.keys()]
      .filter((p) => count.get(p))
      .sort((p, q) => count.get(q)! - count.get(p)! || size(q) - size(p) || p - q);
    const taken = new Set<number>();
    for (const leader of leaders) {
      if (taken.has(leader)) continue;
      const members: (Gathered['members'][number] & { kind: TurnKind })[] = [
        { picture: leader, similarity: 1, kind: 'near' },
      ];
      const tried = new Set([leader]);
      const tryMember = async (picture: number, { similarity, kind }: Link): Promise<void> => {
        tried.add(picture);
        if (members.some((member) => isNotDuplicate(member.picture, picture))) return;
        for (const other of members.slice(1, 1 + maxMembersCompared))
          if (!linked.get(picture)!.has(other.picture) && !(await compare(picture, other.picture))) return;
        members.push({ picture, similarity, kind });
      };
      const nearest = of(leader)
        .filter(([p]) => !taken.has(p))
        .sort(([p, k], [q, l]) => l.similarity - k.similarity || p - q);
      for (const [picture, link] of nearest) await tryMember(picture, link);
      for (let i = 1; members.length >= largeGroup && i < members.length; i++) {
        for (const [picture] of of(members[i].picture)) {
          if (taken.has(picture) || tried.has(picture)) continue;
          tried.add(picture);
          const link = await compare(leader, picture);
          if (link && kinds.indexOf(link.kind) <= rank) await tryMember(picture, link);
        }
      }
      for (const { picture } of members) taken.add(picture);
      if (members.some((m) => m.kind === kind && m.picture !== leader))
        groups.push({ kind, members: members.map(({ picture, similarity }) => ({ picture, similarity })) });
    }
  }
  return groups;
}

/** Stricter kinds come first: a picture that equals its own mirror image is a near copy, not a mirrored one. */
function isCloser(one: Link, other: Link): boolean {
  const rank = kinds.indexOf(one.kind) - kinds.indexOf(other.kind);
  return rank < 0 || (rank === 0 && one.similarity > other.similarity);
}
