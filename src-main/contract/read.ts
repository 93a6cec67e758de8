/**
 * Resolves names in expressions, sort orders and tiles: properties of a sample, its checks and duplicates, or a column. Engine
 * and page share it, so an expression selects the same samples in both.
 */
import { flagReader, parseCall, percentileReader } from './column-functions.ts';
import { WinnowError } from './errors.ts';
import { parseExpression, type Predicate, type Read } from './expression.ts';
import type { Column, DuplicateKind, Group, Sample } from './types.ts';

/** Value by sample id; NaN means no value, as does an id past the end. */
export type ColumnValues = Float64Array;

export interface ReadSource {
  columns: readonly Column[];
  /** By the full name of a column. */
  values(name: string): ColumnValues;
  checks: readonly { id: string; threshold: number }[];
  /** Kinds of the duplicate groups that a sample is in, by id. */
  duplicates: ReadonlyMap<number, readonly string[]>;
  /** The threshold on a column, by its full name: null if it is not the score of a ranking with a threshold. */
  threshold(column: string): number | null;
}

/** Properties of a sample. `tag`, `issue` and `duplicate` may have several values. */
const properties: Record<string, Read<Sample>> = {
  path: (sample) => sample.path,
  class: (sample) => sample.class,
  label: (sample) => sample.label,
  decision: (sample) => sample.decision,
  reason: (sample) => sample.reason,
  note: (sample) => sample.note,
  tag: (sample) => sample.tags,
  split: (sample) => sample.split,
  format: (sample) => sample.format,
  width: (sample) => sample.width,
  height: (sample) => sample.height,
  bytes: (sample) => sample.bytes,
  frames: (sample) => sample.frames,
  modified: (sample) => sample.modifiedMs,
};

const nothing: readonly string[] = [];

/** The reader for a name, or null if the name is unknown. `conv-ae.error` means the newest run of conv-ae. */
export function readerOf(name: string, source: ReadSource): Read<Sample> | null {
  if (Object.hasOwn(properties, name)) return properties[name];
  if (name === 'duplicate') return (sample) => source.duplicates.get(sample.id) ?? nothing;
  if (name === 'issue') {
    const columns = source.checks
      .filter(({ id }) => resolveColumn(source.columns, id) !== null)
      .map(({ id, threshold }) => ({ id, threshold, values: source.values(id) }));
    return (sample) => {
      let flagged: string[] | null = null; // most samples have none: allocate nothing for them
      for (const { id, values, threshold } of columns) if (values[sample.id] >= threshold) (flagged ??= []).push(id);
      return flagged ?? nothing;
    };
  }
  const call = parseCall(name);
  if (call) return readerOfCall(call, source);
  const column = resolveColumn(source.columns, name);
  if (column === null) return null;
  const values = source.values(column);
  const categories = source.columns.find(({ name: full }) => full === column)?.categories ?? null;
  return (sample) => {
    const value = values[sample.id];
    return value === undefined || Number.isNaN(value) ? null : categories ? categories[value] : value;
  };
}

/** Null if a column is unknown, has no numbers, or lacks the threshold that the function takes. */
function readerOfCall(
  { of, takes, columns: names }: NonNullable<ReturnType<typeof parseCall>>,
  source: ReadSource,
): Read<Sample> | null {
  const columns = names.map((name) => (isNumber(name, source) ? resolveColumn(source.columns, name) : null));
  if (columns.includes(null)) return null;
  const readers: ((id: number) => number)[] = [];
  for (const column of columns as string[]) {
    if (takes === 'percentile') {
      readers.push(percentileReader(source.values(column)));
      continue;
    }
    const threshold = source.threshold(column);
    if (threshold === null) return null;
    readers.push(flagReader(source.values(column), threshold));
  }
  return ({ id }) => {
    const value = of(readers.map((read) => read(id)));
    return Number.isNaN(value) ? null : value;
  };
}

const numbers = new Set(['width', 'height', 'bytes', 'frames', 'modified']);

/** Whether the values are numbers, not category codes. */
function isNumber(name: string, { columns }: ReadSource): boolean {
  if (Object.hasOwn(properties, name) || name === 'duplicate' || name === 'issue') return numbers.has(name);
  if (parseCall(name)) return true;
  const column = resolveColumn(columns, name);
  return column !== null && columns.find(({ name: full }) => full === column)?.categories == null;
}

/** The columns of a function that lack the threshold that it takes. */
function unplacedIn(name: string, source: ReadSource): string[] {
  const call = parseCall(name);
  if (call?.takes !== 'flag') return [];
  return call.columns.filter((column) => {
    const full = isNumber(column, source) ? resolveColumn(source.columns, column) : null;
    return full !== null && source.threshold(full) === null;
  });
}

/** Compiles an expression. Throws WinnowError on a syntax error, and if it needs the threshold of a column that has none. */
export const predicateOf = (where: string, source: ReadSource): Predicate<Sample> =>
  parseExpression(
    where,
    (name) => {
      const [unplaced] = unplacedIn(name, source);
      if (unplaced === undefined) return readerOf(name, source);
      throw new WinnowError(
        'bad-expression',
        `‘${unplaced}’ has no threshold: it is not the score of a finished ranking, or no image has a score. Leave it out of ‘${name}’.`,
      );
    },
    (name) => isNumber(name, source),
  );

/** Kinds of the groups that a sample is in, by id. */
export function kindsOf(groups: readonly Pick<Group, 'kind' | 'ids'>[]): ReadonlyMap<number, readonly DuplicateKind[]> {
  const kinds = new Map<number, DuplicateKind[]>();
  for (const { kind, ids } of groups) for (const id of ids) kinds.set(id, [...(kinds.get(id) ?? []), kind]);
  return kinds;
}

/** The full name of a column: the name itself, or `<method>.<what>` for the newest run of a method (`conv-ae.error` → `conv-ae-3.error`). */
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
