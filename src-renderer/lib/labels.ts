/** Tile captions: short values of columns and properties. */
import { parseCall } from '../../src-main/contract/column-functions.ts';
import { readerOf } from '../../src-main/contract/read.ts';
import type { Sample } from '../../src-main/contract/types.ts';
import type { Session } from '../state/session.svelte.ts';
import { ago, bytes, score, whole } from './format.ts';

const written: Record<string, (value: number) => string> = {
  bytes,
  width: whole,
  height: whole,
  frames: whole,
  modified: (value) => ago(value),
};

/** Functions of columns as captions: `pca-1 P97`. */
const writtenCalls: Record<string, (value: number, columns: readonly string[]) => string> = {
  percentile: (value, [column]) => `${column.replace(/\.[^.]*$/, '')} P${Math.round(100 * value)}`,
  agreement: (value) => `all from P${Math.round(100 * value)}`,
  disagreement: (value) => `${Math.round(100 * value)} apart`,
  flagged: (value, columns) => `flagged by ${value} of ${columns.length}`,
};

function writerOf(name: string): (value: number) => string {
  const columns = parseCall(name)?.columns;
  if (columns) return (value) => writtenCalls[name.slice(0, name.indexOf('('))](value, columns);
  return written[name] ?? score;
}

export function labelReader(names: readonly string[], { source }: Session): (sample: Sample) => string[] {
  const readers = [...new Set(names)].flatMap((name) => {
    const read = readerOf(name, source);
    return read ? [{ read, write: writerOf(name) }] : [];
  });
  return (sample) =>
    readers.flatMap(({ read, write }) => {
      const value = read(sample);
      if (value === null || value === '') return [];
      if (typeof value === 'number') return [write(value)];
      return typeof value === 'string' ? [value] : [...value];
    });
}
