/**
 * From pairs to groups. A group is led by the picture that most others are copies of, and takes in whoever is a copy of the leader and
 * agrees with all who are in it already. So A ~ B ~ C makes no group of three where A and C differ.
 */
import type { TurnKind } from './turn.ts';

export interface Link { a: number; b: number; kind: TurnKind; similarity: number }
export interface Gathered { kind: TurnKind; members: { picture: number; similarity: number }[] }

/** A newcomer to a large group is compared with this many of its members. */
const mostAsked = 8;

/** A group that has grown as large asks on: its pictures had too many look-alikes for all to be links of the leader. */
const crowd = 16;

/** `size`: of two that could lead, the larger does. `compare`: gives the link of two that have none, if there is one. */
export async function gather(links: readonly Link[], size: (picture: number) => number, compare: (a: number, b: number) => Promise<Link | null>): Promise<Gathered[]> {
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
  for (const kind of ['near', 'rotated', 'mirrored'] as const) {
    const of = (picture: number): [number, Link][] => [...linked.get(picture)!].filter(([, link]) => link.kind === kind);
    const count = new Map([...linked.keys()].map((picture) => [picture, of(picture).length]));
    const leaders = [...linked.keys()].filter((p) => count.get(p)).sort((p, q) => count.get(q)! - count.get(p)! || size(q) - size(p) || p - q);
    const taken = new Set<number>();
    for (const leader of leaders) {
      if (taken.has(leader)) continue;
      const members = [{ picture: leader, similarity: 1 }];
      const asked = new Set([leader]);
      const ask = async (picture: number, similarity: number): Promise<void> => {
        asked.add(picture);
        for (const other of members.slice(1, 1 + mostAsked)) if (!linked.get(picture)!.has(other.picture) && !(await compare(picture, other.picture))) return;
        members.push({ picture, similarity });
      };
      const nearest = of(leader).filter(([p]) => !taken.has(p)).sort(([p, k], [q, l]) => l.similarity - k.similarity || p - q);
      for (const [picture, { similarity }] of nearest) await ask(picture, similarity);
      for (let i = 1; members.length >= crowd && i < members.length; i++) {
        for (const [picture] of of(members[i].picture)) {
          if (taken.has(picture) || asked.has(picture)) continue;
          asked.add(picture);
          const link = await compare(leader, picture);
          if (link?.kind === kind) await ask(picture, link.similarity);
        }
      }
      if (members.length < 2) continue;
      for (const { picture } of members) taken.add(picture);
      groups.push({ kind, members });
    }
  }
  return groups;
}

/** A picture that is like its own mirror image is a near copy before it is a mirrored one. */
function isCloser(one: Link, other: Link): boolean {
  const order = (kind: TurnKind): number => (kind === 'near' ? 0 : kind === 'rotated' ? 1 : 2);
  return order(one.kind) < order(other.kind) || (one.kind === other.kind && one.similarity > other.similarity);
}
