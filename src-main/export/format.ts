/**
 * An export format is a record: it decides the path of each image and adds its own files, such as annotations. Name collisions, copying, verification and
 * manifests are the same for all formats (`export.ts`). Formats never import each other.
 */
import type { WriteCsv } from '../contract/csv.ts';
import { splitNamed } from '../contract/folder-classes.ts';
import type { ExportFormat } from '../contract/export-types.ts';
import type { Sample } from '../contract/types.ts';

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
  /** The split of an image if no splits are requested and its folder names none. */
  unsplit: string | null;
  /** The folder for images without a class, in place of a split; null if the format accepts them. */
  unlabelled: string | null;
  /** True if neither paths nor files of the format tell the class of an image. */
  ignoresClasses?: true;
  /** The path of an image, before name collisions are resolved. */
  pathOf(sample: Sample, where: Where): string;
  /** The format's own files by path; `entries` are sorted by their originals' paths. */
  files(entries: readonly Entry[], csv: WriteCsv): Record<string, Text>;
  /** Folders that must exist even if they are empty. */
  folders?(entries: readonly Entry[], folderOf: (name: string) => string): string[];
}

export interface Where {
  split: string | null;
  /** True if splits were requested; otherwise the split is the one that the source's folders name. */
  isRequested: boolean;
  /** A safe, unique folder name for a class. */
  folderOf(name: string): string;
}

/** The path in the source's folder tree. Requested splits become top folders and replace the source's own split folder. */
export function treePath({ path, split: own }: Sample, { split, isRequested }: Where): string {
  if (!isRequested || split === null) return path;
  const parts = path.split('/');
  const old = own === null ? -1 : parts.findIndex((part, i) => i < parts.length - 1 && splitNamed(part) === own);
  return [split, ...parts.filter((_, i) => i !== old)].join('/');
}

/** The part of a path after the last `/`. */
export const baseName = (path: string) => path.slice(path.lastIndexOf('/') + 1);
