/**
 * Rows of marks from a file. In a row, `undefined` means that the file has no such field, and null that the field is empty. Throws WinnowError with the number
 * of an invalid line.
 */
import { basename } from 'node:path';
import { WinnowError } from '../contract/errors.ts';
import { nfc } from '../contract/same-name.ts';
import { tagSchema } from '../contract/schemas.ts';
import type { Decision } from '../contract/types.ts';
import {
  cellOf,
  hashNames,
  imageOf,
  pathNames,
  plainText,
  readRows,
  requireObject,
  type ImageRow,
} from './rows-file.ts';

export interface MarksRow extends ImageRow {
  decision?: Decision | null;
  reason?: string | null;
  tags?: readonly string[];
  label?: string | null;
  note?: string | null;
}

const labelNames = ['label', 'class'];
const tagNames = ['tags', 'tag'];

const markNames = ['decision', 'keep', 'reason', ...labelNames, ...tagNames, 'note'];
const known = new Set([...pathNames, ...hashNames, ...markNames]);
const listedColumns = 6;

export interface MarksFile {
  rows: MarksRow[];
  /** What to know about the file: columns that are not used. */
  notes: string[];
}

/** Throws `bad-request` if no row says anything about its image. */
export async function readMarksFile(file: string): Promise<MarksFile> {
  const unknown = new Set<string>();
  const rows = await readRows(file, (source, where) => {
    const row = rowOf(source, where);
    // Manifests, and other documents, have many more fields than marks.
    if (where.startsWith('Line ') && !isOfManifest(source as object))
      for (const key in source as object) if (!known.has(key) && key) unknown.add(key);
    return row;
  });
  const columns = [...unknown];
  const list = columns
    .slice(0, listedColumns)
    .map((column) => column.slice(0, 60))
    .join(', ');
  const more = columns.length > listedColumns ? ` and ${columns.length - listedColumns} more` : '';
  const unused = columns.length === 1 ? `The column ${list} is not used.` : `The columns ${list}${more} are not used.`;
  if (!rows.some((row) => saysSomething(row)))
    throw new WinnowError(
      'bad-request',
      `${basename(file)} names images, but says nothing about them. ${columns.length ? `${unused} ` : ''}Marks are read from the columns ${markNames.join(', ')}; in COCO, from images whose annotations have one category.`,
    );
  return { rows, notes: columns.length ? [`${unused} Marks are read from the columns ${markNames.join(', ')}.`] : [] };
}

/** Whether a row is one of `manifest.csv` of an export. */
const isOfManifest = (row: object): boolean => 'original' in row && 'sha256' in row && 'split' in row;

const saysSomething = ({ decision, reason, tags, label, note }: MarksRow): boolean =>
  [decision, reason, tags, label, note].some((value) => value !== undefined);

function rowOf(unchecked: unknown, where: string): MarksRow {
  const source = requireObject(unchecked, where);
  const cell = (names: readonly string[], longest: number) => cellOf(source, names, longest, where);
  const row: MarksRow = imageOf(source, where);
  const [reason, label, note] = [cell(['reason'], 2000), cell(labelNames, 200), cell(['note'], 2000)];
  const decision = decisionOf(source, where);
  const tags = tagsOf(source, where);
  if (decision !== undefined) row.decision = decision;
  if (reason !== undefined) row.reason = reason;
  if (label !== undefined) row.label = label && nfc(label);
  if (note !== undefined) row.note = note;
  if (tags !== undefined) row.tags = tags;
  return row;
}

const decisionWords: Record<string, Decision | null> = {
  '': null,
  undecided: null,
  null: null,
  none: null,
  keep: 'keep',
  kept: 'keep',
  reject: 'reject',
  rejected: 'reject',
  drop: 'reject',
  unsure: 'unsure',
};
const keepWords: Record<string, Decision | null> = {
  '': null,
  true: 'keep',
  yes: 'keep',
  1: 'keep',
  false: 'reject',
  no: 'reject',
  0: 'reject',
};

/** From a column `decision`, or a column `keep` with yes and no. */
function decisionOf(source: Record<string, unknown>, where: string): Decision | null | undefined {
  const key = ['decision', 'keep'].find((each) => each in source);
  if (key === undefined) return undefined;
  const word = plainText(source[key], `${where}: ${key}`).trim().toLowerCase();
  const words = key === 'keep' ? { ...decisionWords, ...keepWords } : decisionWords;
  if (!Object.hasOwn(words, word)) {
    throw new WinnowError(
      'bad-request',
      `${where}: ‘${word.slice(0, 120)}’ is not a decision. It can be ${key === 'keep' ? 'yes, no' : 'keep, reject, unsure, undecided'} or empty.`,
    );
  }
  return words[word];
}

const maxTags = 1000;
const splitTags = (text: string) => text.split(text.includes(',') ? ',' : ';');

/** From a list, or from text separated by commas, or by semicolons if there is no comma. */
function tagsOf(source: Record<string, unknown>, where: string): string[] | undefined {
  const key = tagNames.find((each) => each in source);
  if (key === undefined) return undefined;
  const value = source[key] ?? '';
  const list = Array.isArray(value)
    ? value.map((tag: unknown) => plainText(tag, `${where}: a tag`))
    : splitTags(plainText(value, `${where}: ${key}`));
  const tags = list.map((tag) => nfc(tag.trim())).filter(Boolean);
  if (tags.length > maxTags) throw new WinnowError('bad-request', `${where} has more than ${maxTags} tags.`);
  for (const tag of tags) {
    if (!tagSchema.safeParse(tag).success)
      throw new WinnowError(
        'bad-request',
        `${where}: ‘${tag.slice(0, 120)}’ is not a valid tag. A tag has no comma and at most 100 characters.`,
      );
  }
  return [...new Set(tags)].sort();
}
