/** How images are ordered and grouped: pure functions over ids, values and rows. */
import { clamp } from '../../src-main/contract/numbers.ts';
import type { Sample } from '../../src-main/contract/types.ts';

export const orderProperties = [
  { name: 'path', title: 'Path' },
  { name: 'bytes', title: 'File size' },
  { name: 'width', title: 'Width' },
  { name: 'height', title: 'Height' },
  { name: 'modified', title: 'Date' },
] as const;
export const groupings = [
  { name: 'none', title: 'No groups' },
  { name: 'class', title: 'Class' },
  { name: 'issue', title: 'Issue' },
  { name: 'duplicate', title: 'Duplicate set' },
  { name: 'decision', title: 'Decision' },
] as const;
export type Grouping = (typeof groupings)[number]['name'];
export interface Order {
  by: string;
  descending: boolean;
}
/** The images `from` … `to` of a list, under one heading. */
export interface Section {
  title: string | null;
  from: number;
  to: number;
}
export interface Arranged {
  shown: readonly Sample[];
  sections: readonly Section[];
}

/** The largest id plus one: the length of a table by id. */
export function lengthOf(ids: Iterable<number>): number {
  let most = -1;
  for (const id of ids) if (id > most) most = id;
  return most + 1;
}

/** Ids by value, stable. Those without a value come last in both directions. */
export function sortedByValue(ids: Int32Array, values: Float64Array, descending: boolean): Int32Array {
  const sign = descending ? -1 : 1;
  const known = ids.filter((id) => !Number.isNaN(values[id]));
  const unknown = ids.filter((id) => Number.isNaN(values[id]));
  const rank = new Int32Array(values.length);
  ids.forEach((id, i) => (rank[id] = i));
  known.sort((a, b) => sign * (values[a] - values[b]) || rank[a] - rank[b]);
  const out = new Int32Array(ids.length);
  out.set(known);
  out.set(unknown, known.length);
  return out;
}

export const inOneSection = (shown: readonly Sample[]): Arranged => ({
  shown,
  sections: [{ title: null, from: 0, to: shown.length }],
});

/** Images under headings, in the order of the headings; those without one come last, under `untitled`. */
export function inSections(
  samples: readonly Sample[],
  titleOf: (sample: Sample) => string,
  untitled: string,
): Arranged {
  const shown: Sample[] = [];
  const sections: Section[] = [];
  const groups = [...Map.groupBy(samples, titleOf)].sort(
    ([a], [b]) => Number(a === '') - Number(b === '') || a.localeCompare(b, 'en', { numeric: true }),
  );
  for (const [title, members] of groups) {
    sections.push({ title: title || untitled, from: shown.length, to: shown.length + members.length });
    for (const sample of members) shown.push(sample);
  }
  return { shown, sections };
}

/** The position of each id in the list, by id; -1 if it is not in the list. */
export function positionsOf(shown: readonly Sample[]): Int32Array {
  const out = new Int32Array(lengthOf(shown.map(({ id }) => id))).fill(-1);
  for (let i = 0; i < shown.length; i++) out[shown[i].id] = i;
  return out;
}

/** `panes` images starting at `from`; near the end, the last ones. */
export function panesFrom(list: readonly Sample[], from: number, panes: number): readonly Sample[] {
  const at = clamp(from, 0, list.length - panes);
  return list.slice(at, at + panes);
}
