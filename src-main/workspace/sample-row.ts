/** A sample as a row of the database. */
import { nfc } from '../contract/same-name.ts';
import type { Decision, Marks, Sample } from '../contract/types.ts';

export interface SampleRow {
  id: number;
  path: string;
  /** By the folders. */
  class: string | null;
  split: string | null;
  bytes: number;
  modified_ms: number;
  width: number;
  height: number;
  format: string;
  frames: number;
  sha256: string;
  notice: string | null;
  value_kind: string | null;
  value_low: number;
  value_high: number;
  gone: number;
  decision: Decision | null;
  reason: string | null;
  tags: string | null;
  label: string | null;
  note: string | null;
  revision: number;
}
export const sampleFields =
  'id, path, class, split, bytes, modified_ms, width, height, format, frames, sha256, notice, value_kind, value_low, value_high, gone, decision, reason, tags, label, note, revision';

export const marksOf = ({ decision, reason, tags, label, note }: SampleRow): Marks => ({
  decision,
  reason,
  tags: tags ? (JSON.parse(tags) as string[]) : [],
  label,
  note,
});

/** One of several planes or pages is shown. */
export const isStack = ({ format, frames }: Pick<Sample, 'format' | 'frames'>) => format === 'tiff' && frames > 1;

export const toSample = (row: SampleRow): Sample => ({
  id: row.id,
  path: row.path,
  class: row.label === null ? row.class : nfc(row.label),
  folderClass: row.class,
  split: row.split,
  bytes: row.bytes,
  modifiedMs: row.modified_ms,
  width: row.width,
  height: row.height,
  format: row.format,
  frames: row.frames,
  sha256: row.sha256,
  notice: row.notice,
  values: row.value_kind === null ? null : { kind: row.value_kind, low: row.value_low, high: row.value_high },
  rendering: row.value_kind !== null || isStack(row) ? row.revision : null,
  ...marksOf(row),
});
