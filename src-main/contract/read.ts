/**
 * What the names in an expression, an order or a tile stand for: properties of a sample, what checks and duplicates say of it, or a column. One place for
 * engine and page, so that an expression chooses the same samples in both.
 */
import { parseExpression, type Predicate, type Read } from './expression.ts';
import type { Column, DuplicateKind, Group, Sample } from './types.ts';

/** Value by sample id; NaN where there is none, or past the end. */
export type ColumnValues = Float64Array;

export interface ReadSource {
  columns: readonly Column[];
  /** By a column's own name. */
  values(name: string): ColumnValues;
  checks: readonly { id: string; threshold: number }[];
  /** Kinds of the duplicate groups that a sample is in, by id. */
  duplicates: ReadonlyMap<number, readonly string[]>;
}

/** Properties of a sample; those that may have several values are `tag`, `issue` and `duplicate`. */
const properties: Record<string, Read<Sample>> = {
  path: (sample) => sample.path,
  class: (sample) => sample.class,
  label: (sample) => sample.label,
  decision: (sample) => sample.decision,
  reason: (sample) => sample.reason,
  note: (sample) => sample.note,
  tag: (sample) => sample.tags,
  split: (sample) => splitOf(sample.path),
  format: (sample) => sample.format,
  width: (sample) => sample.width,
  height: (sample) => sample.height,
  bytes: (sample) => sample.bytes,
  frames: (sample) => sample.frames,
  modified: (sample) => sample.modifiedMs,
};

const nothing: readonly string[] = [];

/** The reader of a name, or null where nothing has it. `conv-ae.error` stands for the newest run of conv-ae. */
export function readerOf(name: string, source: ReadSource): Read<Sample> | null {
  if (Object.hasOwn(properties, name)) return properties[name];
  if (name === 'duplicate') return (sample) => source.duplicates.get(sample.id) ?? nothing;
  if (name === 'issue') {
    const columns = source.checks
      .filter(({ id }) => resolveColumn(source.columns, id) !== null)
      .map(({ id, threshold }) => ({ id, threshold, values: source.values(id) }));
    return (sample) => {
      let flagged: string[] | null = null; // most samples have none: nothing is made for them
      for (const { id, values, threshold } of columns) if (values[sample.id] >= threshold) (flagged ??= []).push(id);
      return flagged ?? nothing;
    };
  }
  const column = resolveColumn(source.columns, name);
  if (column === null) return null;
  const values = source.values(column);
  const categories = source.columns.find(({ name: own }) => own === column)?.categories ?? null;
  return (sample) => {
    const value = values[sample.id];
    return value === undefined || Number.isNaN(value) ? null : categories ? categories[value] : value;
  };
}

const numbers = new Set(['width', 'height', 'bytes', 'frames', 'modified']);

/** Are the values of this name numbers, and not the names of classes that numbers stand for? */
function isNumber(name: string, { columns }: ReadSource): boolean {
  if (Object.hasOwn(properties, name) || name === 'duplicate' || name === 'issue') return numbers.has(name);
  const column = resolveColumn(columns, name);
  return column !== null && columns.find(({ name: own }) => own === column)?.categories == null;
}

/** Says of a sample whether an expression chooses it. Throws WinnowError where it does not read. */
export const predicateOf = (where: string, source: ReadSource): Predicate<Sample> =>
  parseExpression(
    where,
    (name) => readerOf(name, source),
    (name) => isNumber(name, source),
  );

/** Kinds of the groups that a sample is in, by id. */
export function kindsOf(groups: readonly Pick<Group, 'kind' | 'ids'>[]): ReadonlyMap<number, readonly DuplicateKind[]> {
  const kinds = new Map<number, DuplicateKind[]>();
  for (const { kind, ids } of groups) for (const id of ids) kinds.set(id, [...(kinds.get(id) ?? []), kind]);
  return kinds;
}

/** The column that a person means: its own name, or `<method>.<what>` for the newest run of a method (`conv-ae.error` → `conv-ae-3.error`). */
export function resolveColumn(columns: readonly Pick<Column, 'name' | 'runId'>[], name: string): string | null {
  if (columns.some((column) => column.name === name)) return name;
  const dot = name.lastIndexOf('.');
  if (dot < 0) return null;
  const [method, what] = [name.slice(0, dot), name.slice(dot)];
  const isOf = ({ name: full, runId }: Pick<Column, 'name' | 'runId'>) =>
    runId !== null &&
    full.startsWith(`${method}-`) &&
    full.endsWith(what) &&
    /^\d+$/.test(full.slice(method.length + 1, -what.length));
  return columns.findLast(isOf)?.name ?? null;
}

const splits: Record<string, string> = {
  train: 'train',
  training: 'train',
  val: 'val',
  valid: 'val',
  validation: 'val',
  dev: 'val',
  test: 'test',
  testing: 'test',
};
/** The split that a folder's name gives: `train/cat/1.jpg` → train. */
export function splitOf(path: string): string | null {
  for (const part of path.split('/').slice(0, -1))
    if (Object.hasOwn(splits, part.toLowerCase())) return splits[part.toLowerCase()];
  return null;
}
