/** What a person should know before an export: labels that the format does not use, splits without images. */
import type { ExportRequest } from '../contract/schemas.ts';
import { plural } from '../contract/words.ts';
import type { Entry } from './format.ts';
import { formats } from './index.ts';
import { countSplits, type Layout } from './layout.ts';

export function warningsOf({ format, entries }: Layout, { splits }: ExportRequest): string[] {
  const warnings: string[] = [];
  const corrected = entries.filter(({ sample }) => sample.label !== null && sample.class !== sample.folderClass).length;
  if (format.ignoresClasses && corrected) {
    const others = formats.filter(({ ignoresClasses }) => !ignoresClasses).map(({ id }) => `‘${id}’`);
    warnings.push(
      `${plural(corrected, 'corrected label')} ${corrected === 1 ? 'is' : 'are'} not used by this format, which keeps the folders as they are: choose ${others.slice(0, -1).join(', ')} or ${others.at(-1)}. Only the manifest lists ${corrected === 1 ? 'it' : 'them'}.`,
    );
  }
  const counts = countSplits(entries);
  if (!entries.length) return warnings;
  if (format.unlabelled !== null && counts[format.unlabelled] === entries.length)
    return [...warnings, `No image has a class: all are in ‘${format.unlabelled}’, outside of the splits.`];
  if (splits) return [...warnings, ...tooFew(counts, splits)];
  return format.unsplit === null ? warnings : [...warnings, ...withoutSplits(counts, entries)];
}

const tooFew = (counts: Record<string, number>, splits: NonNullable<ExportRequest['splits']>): string[] =>
  (['train', 'val', 'test'] as const).flatMap((split) =>
    splits[split] > 0 && !counts[split] ? [`No image is in ${split}: there are too few for its fraction.`] : [],
  );

function withoutSplits(counts: Record<string, number>, entries: readonly Entry[]): string[] {
  const empty = ['train', 'val', 'test'].filter((split) => !counts[split]);
  if (!empty.length) return [];
  const why = entries.some(({ sample }) => sample.split !== null)
    ? 'the folders divide the images so'
    : 'no division was asked for';
  return [`No image is in ${empty.join(' or ')}: ${why}. To divide them, ask for a split, such as 0.8,0.1,0.1.`];
}
