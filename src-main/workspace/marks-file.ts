/**
 * Rows of marks from a file. In a row, `undefined` means that the file has no such field, and null that the field is empty. Throws WinnowError with the number
 * of an invalid line.
 */
import { WinnowError } from '../contract/errors.ts';
import { nfc } from '../contract/same-name.ts';
import { tagSchema } from '../contract/schemas.ts';
import type { Decision } from '../contract/types.ts';
import { cellOf, imageOf, plainText, readRows, requireObject, type ImageRow } from './rows-file.ts';

export interface MarksRow extends ImageRow {
  decision?: Decision | null;
  reason?: string | null;
  tags?: readonly string[];
  label?: string | null;
  note?: string | null;
}

const labelNames = ['label', 'class'];
const tagNames = ['tags', 'tag'];

export const readMarksFile = (file: string): Promise<MarksRow[]> => readRows(file, rowOf);

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
