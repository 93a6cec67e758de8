/** Plans an export before anything is written: the images with their splits and paths, and the images that are left out with the reason. */
import { join } from 'node:path';
import { WinnowError } from '../contract/errors.ts';
import type { ColumnValues } from '../contract/read.ts';
import type { ExportRequest } from '../contract/schemas.ts';
import type { Group, Run, Sample } from '../contract/types.ts';
import type { Entry, Format } from './format.ts';
import { formats } from './index.ts';
import { UniqueNames, safeName } from './names.ts';
import { assignSplits } from '../workspace/splits.ts';

export interface ExportInput {
  folder: string;
  samples: readonly Sample[];
  /** True for images to leave out in addition to rejected ones. */
  isDropped(sample: Sample): boolean;
  unreadable: number;
  /** Finished runs, oldest first. */
  runs: readonly Run[];
  groups: readonly Group[];
  /** Scores for the manifest. */
  columns: readonly { name: string; values: ColumnValues }[];
}

/** `undecided` and `unsure` occur with `keptOnly`; `failed`: the file has changed or disappeared since the scan. */
export type ExclusionReason = 'rejected' | 'dropped' | 'undecided' | 'unsure' | 'failed';
export interface LeftOut {
  sample: Sample;
  why: ExclusionReason;
}

export interface Layout {
  format: Format;
  /** Sorted by the paths of the originals. */
  entries: Entry[];
  leftOut: LeftOut[];
  renamed: number;
  names: UniqueNames;
  folderOf(name: string): string;
}

/** Throws WinnowError if the format is unknown. */
export function planLayout(input: ExportInput, request: ExportRequest): Layout {
  const format = formatOf(request.format);
  const leftOut: LeftOut[] = [];
  const chosen: Sample[] = [];
  for (const sample of [...input.samples].sort((a, b) => (a.path < b.path ? -1 : 1))) {
    const why = exclusionReason(sample, input, request);
    if (why) leftOut.push({ sample, why });
    else chosen.push(sample);
  }
  const isLeft = (sample: Sample) => sample.class === null && format.unlabelled !== null;
  const assigned =
    request.splits &&
    assignSplits(
      chosen.filter((sample) => !isLeft(sample)),
      input.groups,
      request.splits,
      request.seed,
    );
  const names = new UniqueNames();
  const folderOf = classFolders(chosen);
  let renamed = 0;
  const entries = chosen.map((sample): Entry => {
    const given = assigned ? (assigned.get(sample.id) ?? null) : (sample.split ?? format.unsplit);
    const split = isLeft(sample) ? format.unlabelled : given;
    if (request.place === 'list') return { sample, split, path: join(input.folder, sample.path) };
    const wanted = format.pathOf(sample, { split, isRequested: Boolean(assigned), folderOf });
    const path = names.take(wanted);
    if (path !== wanted) renamed++;
    return { sample, split, path };
  });
  return { format, entries, leftOut, renamed, names, folderOf };
}

const splitNames = ['train', 'val', 'test', 'unlabelled'];

/** The number of images of each split that has any. */
export const countSplits = (entries: readonly Entry[]): Record<string, number> =>
  Object.fromEntries(
    splitNames
      .map((split) => [split, entries.filter((entry) => entry.split === split).length] as const)
      .filter(([, count]) => count),
  );

function formatOf(id: string): Format {
  const format = formats.find((each) => each.id === id);
  if (!format)
    throw new WinnowError(
      'bad-request',
      `There is no export format ‘${id}’. There are ${formats.map((each) => each.id).join(', ')}.`,
    );
  return format;
}

function exclusionReason(
  sample: Sample,
  { isDropped }: ExportInput,
  { keptOnly }: ExportRequest,
): ExclusionReason | null {
  if (sample.decision === 'reject') return 'rejected';
  if (isDropped(sample)) return 'dropped';
  return keptOnly && sample.decision !== 'keep' ? (sample.decision ?? 'undecided') : null;
}

/** Two classes never share a folder, even on a case-insensitive file system. */
function classFolders(samples: readonly Sample[]): (name: string) => string {
  const names = new UniqueNames();
  const folders = new Map(
    [...new Set(samples.flatMap((sample) => sample.class ?? []))]
      .sort()
      .map((name) => [name, names.takeFolder(safeName(name))]),
  );
  return (name) => folders.get(name) as string;
}
