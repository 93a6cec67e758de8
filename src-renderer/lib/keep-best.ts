/**
 * Which image of a group the engine would keep, so that it can be shown before it is done. The rule is the engine's; a test holds the two against each other.
 * Rejected images are out of it: what is left of a group is judged.
 */
import type { ColumnValues } from '../../src-main/contract/read.ts';
import type { KeepBest } from '../../src-main/contract/schemas.ts';
import type { Group, Sample } from '../../src-main/contract/types.ts';

export interface KeepChoice {
  rule: KeepBest['rule'];
  protectedFolder: string | null;
  /** By sample id. */
  sharpness: ColumnValues;
}

/** The id of the one to keep; null where there is none to choose from. */
export function bestOf(members: readonly Sample[], choice: KeepChoice): number | null {
  return members.filter(({ decision }) => decision !== 'reject').sort((a, b) => compareBest(a, b, choice))[0]?.id ?? null;
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

const isWithin = (path: string, folder: string) => path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);

function compareBest(a: Sample, b: Sample, { rule, protectedFolder, sharpness }: KeepChoice): number {
  const value = (sample: Sample) => (rule === 'largest' ? sample.width * sample.height : rule === 'newest' ? sample.modifiedMs : (sharpness[sample.id] ?? NaN));
  const order = (x: number, y: number) => (Number.isNaN(x) ? (Number.isNaN(y) ? 0 : 1) : Number.isNaN(y) ? -1 : y - x);
  return (protectedFolder ? Number(isWithin(b.path, protectedFolder)) - Number(isWithin(a.path, protectedFolder)) : 0)
    || order(value(a), value(b)) || (a.path < b.path ? -1 : 1);
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
