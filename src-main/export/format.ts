/**
 * What a format is: a record that says where each image goes and what files of its own stand beside them. Names that collide, copies, checks, manifests are the
 * export's, the same for all. Formats never import each other.
 */
import { splitOf } from '../contract/read.ts';
import type { ExportFormat, Sample } from '../contract/types.ts';

/** One image of an export. */
export interface Entry {
  sample: Sample;
  split: string | null;
  /** Relative to the export, with `/`; where no file is placed, the whole path of the original. */
  path: string;
}

/** Text as it is made, so that a set of millions is never one string. */
export type Text = Iterable<string>;

export interface Format extends ExportFormat {
  /** Split of images where none is asked for and their folder names none. */
  unsplit: string | null;
  /** What images without a class are in, in place of a split, where the format can do nothing with them. */
  unlabelled: string | null;
  /** Where an image goes, before names that collide are told apart. */
  pathOf(sample: Sample, where: Where): string;
  /** The format's own files by path; `entries` come in the order of their originals' paths. */
  files(entries: readonly Entry[], csv: WriteCsv): Record<string, Text>;
  /** Folders that must be there though nothing lies in them. */
  folders?(entries: readonly Entry[], folderOf: (name: string) => string): string[];
}

export interface Where {
  split: string | null;
  /** The split was asked for; otherwise it is what the source's folders say. */
  isAsked: boolean;
  /** A safe folder name of a class, another for each class. */
  folderOf(name: string): string;
}

/** The source's tree; splits that were asked for are its top folders, and what the source called a split is gone. */
export function treePath({ path }: Sample, { split, isAsked }: Where): string {
  if (!isAsked || split === null) return path;
  const parts = path.split('/');
  const old = parts.findIndex((part, i) => i < parts.length - 1 && splitOf(`${part}/`) !== null);
  return [split, ...parts.filter((_, i) => i !== old)].join('/');
}

export const baseName = (path: string) => path.slice(path.lastIndexOf('/') + 1);

/** Makes one line of a CSV file. */
export type WriteCsv = (cells: readonly (string | number | null)[]) => string;

/** One line of RFC 4180. A text that begins with `=`, `+`, `-` or `@` stays as it is: to guard it would change names of files and classes for every reader that is no spreadsheet. */
export const csvLine: WriteCsv = (cells) => `${cells.map(csvField).join(',')}\r\n`;

/** The same for spreadsheets, which take such a text for a formula and run it: an apostrophe before it says that it is none. */
export const safeCsvLine: WriteCsv = (cells) =>
  csvLine(cells.map((cell) => (typeof cell === 'string' && /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell)));

function csvField(value: string | number | null): string {
  const text = value === null ? '' : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
