/**
 * An export format is a record: where each image goes, and which files of its own it adds. Name collisions, copying, verification and manifests are common to all
 * formats and belong to the export. Formats never import each other.
 */
import { splitOf } from '../contract/read.ts';
import type { ExportFormat, Sample } from '../contract/types.ts';

/** One image of an export. */
export interface Entry {
  sample: Sample;
  split: string | null;
  /** Relative to the export, with `/`; for a list of files, the absolute path of the original. */
  path: string;
}

/** Text in pieces, so that a dataset of millions is never one string. */
export type Text = Iterable<string>;

export interface Format extends ExportFormat {
  /** The split of images where none is requested and their folder names none. */
  unsplit: string | null;
  /** The folder, in place of a split, of images without a class, where the format cannot use them. */
  unlabelled: string | null;
  /** The path of an image, before name collisions are resolved. */
  pathOf(sample: Sample, where: Where): string;
  /** The format's own files by path; `entries` are sorted by their originals' paths. */
  files(entries: readonly Entry[], csv: WriteCsv): Record<string, Text>;
  /** Folders that must exist even if they are empty. */
  folders?(entries: readonly Entry[], folderOf: (name: string) => string): string[];
}

export interface Where {
  split: string | null;
  /** Whether the split was requested; otherwise it comes from the source's folders. */
  isAsked: boolean;
  /** A safe, unique folder name for a class. */
  folderOf(name: string): string;
}

/** The source's tree. Requested splits become its top folders, and the source's own split folder is dropped. */
export function treePath({ path }: Sample, { split, isAsked }: Where): string {
  if (!isAsked || split === null) return path;
  const parts = path.split('/');
  const old = parts.findIndex((part, i) => i < parts.length - 1 && splitOf(`${part}/`) !== null);
  return [split, ...parts.filter((_, i) => i !== old)].join('/');
}

export const baseName = (path: string) => path.slice(path.lastIndexOf('/') + 1);

/** Makes one line of a CSV file. */
export type WriteCsv = (cells: readonly (string | number | null)[]) => string;

/** One line of RFC 4180. Text that starts with `=`, `+`, `-` or `@` is unchanged: escaping would change names for every reader that is not a spreadsheet. */
export const csvLine: WriteCsv = (cells) => `${cells.map(csvField).join(',')}\r\n`;

/** The same for spreadsheets, which run such text as a formula: an apostrophe before it prevents that. */
export const safeCsvLine: WriteCsv = (cells) =>
  csvLine(cells.map((cell) => (typeof cell === 'string' && /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell)));

function csvField(value: string | number | null): string {
  const text = value === null ? '' : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
