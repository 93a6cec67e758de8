/**
 * The truth about images from a table: which are normal and which anomalous. The truth of a row is in a column such as `is_anomaly`, or else in a column such as
 * `label`; a defect may have a name. Throws WinnowError with the number of a line that cannot be read.
 */
import { basename } from 'node:path';
import { WinnowError } from '../contract/errors.ts';
import type { Verdict } from '../contract/folder-truth.ts';
import { nfc } from '../contract/same-name.ts';
import type { Sample } from '../contract/types.ts';
import { matcherOf } from './match-rows.ts';
import { cellOf, imageOf, readRows, requireObject, type ImageRow } from './rows-file.ts';

export interface FileTruth {
  verdicts: (readonly [sampleId: number, verdict: Verdict])[];
  rows: number;
  /** Number of rows without a matching image, and the path of one. */
  unmatched: number;
  example: string | null;
}

interface TruthRow extends ImageRow {
  /** Null if the cell is empty. */
  verdict: Verdict | null;
  where: string;
}

/** These columns say yes or no. */
const flagNames = [
  'is_anomaly',
  'is_anomalous',
  'anomaly',
  'anomalous',
  'is_defect',
  'defective',
  'abnormal',
  'truth',
  'target',
];
/** These columns name a class. */
const classNames = ['label', 'class', 'category', 'defect_type', 'defect', 'type'];
const normalWords = new Set(
  '0 0.0 false no n good ok okay normal nominal none pass passed clean negative healthy defect-free defect_free'.split(
    ' ',
  ),
);
const anomalousWords = new Set(
  '1 1.0 true yes y bad ng nok anomaly anomalous abnormal defect defective fail failed positive'.split(' '),
);
const isNumber = (text: string) => /^[+-]?\d*\.?\d+(e[+-]?\d+)?$/i.test(text);

/** Reads and matches all rows. Throws `bad-request`. */
export async function importTruth(
  file: string,
  samples: readonly Pick<Sample, 'id' | 'path' | 'sha256'>[],
): Promise<FileTruth> {
  const name = basename(file);
  const rows = await readRows(file, rowOf);
  const find = matcherOf(samples, rows);
  const verdicts = new Map<number, { verdict: Verdict; where: string }>();
  let unmatched = 0;
  let example: string | null = null;
  for (const row of rows) {
    const sample = find(row);
    if (!sample) {
      unmatched++;
      example ??= row.paths[0] ?? row.sha256;
    } else if (row.verdict) {
      const before = verdicts.get(sample.id);
      if (before && before.verdict.isAnomalous !== row.verdict.isAnomalous)
        throw new WinnowError(
          'bad-request',
          `${row.where} contradicts ${before.where[0].toLowerCase()}${before.where.slice(1)} about ${sample.path}. Correct one of them.`,
        );
      verdicts.set(sample.id, { verdict: row.verdict, where: row.where });
    }
  }
  if (rows.length && unmatched === rows.length)
    throw new WinnowError(
      'bad-request',
      `No row of ${name} matches an image of this folder. The first path is ${example}; paths are relative to the folder.`,
    );
  return {
    verdicts: [...verdicts].map(([id, { verdict }]) => [id, verdict] as const),
    rows: rows.length,
    unmatched,
    example,
  };
}

function rowOf(unchecked: unknown, where: string): TruthRow {
  const source = requireObject(unchecked, where);
  const image = imageOf(source, where);
  const [flag, label] = [cellOf(source, flagNames, 200, where), cellOf(source, classNames, 200, where)];
  if (flag === undefined && label === undefined)
    throw new WinnowError(
      'bad-request',
      `${where} says nothing about the image. Name a column is_anomaly (0 or 1) or label (good, or the kind of defect).`,
    );
  return { ...image, verdict: flag === undefined ? ofClass(label!, where) : ofFlag(flag, label, where), where };
}

function ofFlag(text: string | null, label: string | null | undefined, where: string): Verdict | null {
  if (text === null) return null;
  const word = text.toLowerCase();
  if (normalWords.has(word)) return { isAnomalous: false, type: null };
  if (anomalousWords.has(word)) return { isAnomalous: true, type: typeOf(label) };
  throw new WinnowError('bad-request', `${where}: ‘${text}’ is neither 0 (normal) nor 1 (anomalous).`);
}

/** Any word that does not mean normal is a kind of defect. A number other than 0 and 1 could be anything. */
function ofClass(text: string | null, where: string): Verdict | null {
  if (text === null) return null;
  if (normalWords.has(text.toLowerCase())) return { isAnomalous: false, type: null };
  if (isNumber(text) && Number(text) !== 1)
    throw new WinnowError(
      'bad-request',
      `${where}: the label ${text} is neither 0 (normal) nor 1 (anomalous). Write words, or 0 and 1.`,
    );
  return { isAnomalous: true, type: typeOf(text) };
}

const typeOf = (label: string | null | undefined): string | null =>
  label && !anomalousWords.has(label.toLowerCase()) && !normalWords.has(label.toLowerCase()) ? nfc(label) : null;
