/** Tile captions: short values of columns and properties. */
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

export function labelReader(names: readonly string[], { source }: Session): (sample: Sample) => string[] {
  const readers = [...new Set(names)].flatMap((name) => {
    const read = readerOf(name, source);
    return read ? [{ read, write: written[name] ?? score }] : [];
  });
  return (sample) =>
    readers.flatMap(({ read, write }) => {
      const value = read(sample);
      if (value === null || value === '') return [];
      if (typeof value === 'number') return [write(value)];
      return typeof value === 'string' ? [value] : [...value];
    });
}
