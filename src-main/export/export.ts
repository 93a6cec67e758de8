/**
 * Exports a dataset into a folder beside the target: first the images, each read back, then the format's own files and the manifest. The complete folder is renamed
 * to the target, so a partial export is never taken for a complete one. An interrupted export is resumed. Originals are only read; a move sends them to the
 * system's trash after the export is complete.
 */
import { createHash } from 'node:crypto';
import { lstat, mkdir, statfs, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { explain, WinnowError } from '../contract/errors.ts';
import type { ExportRequest } from '../contract/schemas.ts';
import type { ExportPlan, ExportResult } from '../contract/export-types.ts';
import type { Decision, Issue } from '../contract/types.ts';
import { mebibytes, pathLine, plural } from '../contract/words.ts';
import { requireFolder } from '../file/gate.ts';
import { nearestExisting } from '../file/output.ts';
import type { Report } from '../workspace/report.ts';
import { forEachParallel } from '../file/parallel.ts';
import { csvLine, safeCsvLine } from '../contract/csv.ts';
import type { Entry, Text } from './format.ts';
import { countSplits, planLayout, type ExportInput, type Layout, type LeftOut } from './layout.ts';
import { manifestCsv, manifestJson } from './manifest.ts';
import { warningsOf } from './warnings.ts';
import { finishPart, isResumable, keepUsefulPart, openPart, partOf, removeEmptyFolders, type Part } from './part.ts';
import { placeFile, type Place } from './place.ts';
import { reconnectHint, checkTarget } from '../file/target.ts';
import { trashOriginals } from './trash.ts';

export type { ExportInput } from './layout.ts';

const concurrency = availableParallelism() + 1;

/** Checks the target, and counts files and bytes per split. Writes nothing. Throws WinnowError. */
export async function planExport(input: ExportInput, request: ExportRequest): Promise<ExportPlan> {
  return (await prepare(input, request)).plan;
}

/** Exports the dataset as requested. Throws WinnowError; an issue of a single image is part of the result. */
export async function exportSet(input: ExportInput, request: ExportRequest, report: Report): Promise<ExportResult> {
  const started = performance.now();
  const { plan, layout, part } = await prepare(input, request);
  if (!plan.copied)
    throw new WinnowError('no-samples', 'Nothing would be exported: every image is rejected or left out.');
  if (request.place === 'move' && request.confirmMove !== plan.copied) {
    throw new WinnowError(
      'bad-request',
      `A move takes ${plural(plan.copied, 'original')} to the system’s trash after the export is complete. Confirm with that number, ${plan.copied}.`,
    );
  }
  const { entries } = layout;
  const fingerprint = fingerprintOf(request, entries);
  await checkRoom(plan, request, part, fingerprint, entries);
  let placed = new Set<Entry>();
  let failed: Issue[] = [];
  try {
    await openPart(part, fingerprint, new Set(entries.map(({ path }) => path)));
    if (request.place === 'list') placed = new Set(entries);
    else failed = await placeAll(input, part, entries, request.place, placed, report);
    if (!placed.size)
      throw new WinnowError(
        'failed',
        `None of ${plural(entries.length, 'file')} could be exported. ${failed[0].message}`,
      );
    const there = entries.filter((entry) => placed.has(entry));
    await writeFiles(input, request, layout, part, there);
    report.signal.throwIfAborted();
    await finishPart(part, plan.to);
    // The export is complete from here on, whatever happens to the originals.
    const trash =
      request.place === 'move'
        ? await trashOriginals(input.folder, there, concurrency, report)
        : { trashed: 0, issues: [] };
    return {
      ...plan,
      ...countsOf(there),
      failed: [...failed, ...trash.issues].sort(byPath),
      trashed: trash.trashed,
      seconds: (performance.now() - started) / 1000,
    };
  } catch (error) {
    throw await toPartError(error, part);
  }
}

async function prepare(
  input: ExportInput,
  request: ExportRequest,
): Promise<{ plan: ExportPlan; layout: Layout; part: Part }> {
  const to = await checkTarget(input.folder, request.to);
  const layout = planLayout(input, request);
  const disk = await statfs(nearestExisting(to));
  const out = (why: LeftOut['why']) => layout.leftOut.filter((each) => each.why === why).length;
  const plan = {
    folder: input.folder,
    to,
    format: request.format,
    ...countsOf(layout.entries),
    rejected: out('rejected'),
    dropped: out('dropped'),
    unreadable: input.unreadable,
    freeBytes: disk.bavail * disk.bsize,
    renamed: layout.renamed,
    warnings: warningsOf(layout, request),
  };
  return { plan, layout, part: partOf(to) };
}

function countsOf(entries: readonly Entry[]) {
  const of = (decision: Decision | null) => entries.filter(({ sample }) => sample.decision === decision).length;
  return {
    copied: entries.length,
    bytes: entries.reduce((sum, { sample }) => sum + sample.bytes, 0),
    kept: of('keep'),
    undecided: of(null),
    unsure: of('unsure'),
    splits: countSplits(entries),
  };
}

/** Hash of everything that determines which bytes go where. The confirmation of a move is not part of it. */
function fingerprintOf({ confirmMove: _, ...request }: ExportRequest, entries: readonly Entry[]): string {
  const hash = createHash('sha256').update(JSON.stringify({ ...request, to: resolve(request.to) }));
  for (const { sample, split, path } of entries)
    hash.update(JSON.stringify([sample.path, sample.sha256, sample.decision, sample.class, split, path]));
  return hash.digest('hex');
}

/** Checks the free space for the missing files, before anything is written. */
async function checkRoom(
  plan: ExportPlan,
  { place }: ExportRequest,
  part: Part,
  fingerprint: string,
  entries: readonly Entry[],
) {
  if (place !== 'copy' && place !== 'move') return;
  let missing = plan.bytes;
  if (missing > plan.freeBytes && (await isResumable(part, fingerprint))) {
    for (const { path } of entries) missing -= (await lstat(join(part.set, path)).catch(() => null))?.size ?? 0;
  }
  if (missing > plan.freeBytes)
    throw new WinnowError(
      'disk-full',
      `The export needs ${mebibytes(missing)} and the target’s disk has ${mebibytes(plan.freeBytes)} free. Free some space, or choose another disk.`,
    );
}

async function placeAll(
  { folder }: ExportInput,
  { set }: Part,
  entries: readonly Entry[],
  place: Place,
  placed: Set<Entry>,
  report: Report,
): Promise<Issue[]> {
  const failed: Issue[] = [];
  let done = 0;
  report.stage({ copy: 'Copying', move: 'Copying', hardlink: 'Linking', symlink: 'Linking' }[place], entries.length);
  await forEachParallel(entries, concurrency, report.signal, async (entry) => {
    const issue = await placeFile(join(folder, entry.sample.path), join(set, entry.path), entry.sample, place);
    if (issue) {
      await requireFolder(folder, reconnectHint);
      failed.push(issue);
    } else placed.add(entry);
    report.progress(++done);
  });
  return failed.sort(byPath);
}

/** Writes the format's files and the manifest. Images have their names already: if an image has the name of one of these files, the file is renamed. */
async function writeFiles(
  input: ExportInput,
  request: ExportRequest,
  { format, entries, leftOut, names, folderOf }: Layout,
  { set }: Part,
  placed: readonly Entry[],
) {
  const isList = request.place === 'list';
  const csv = request.safeForSpreadsheets ? safeCsvLine : csvLine;
  await removeEmptyFolders(set);
  for (const folder of isList ? [] : (format.folders?.(placed, folderOf) ?? []))
    await mkdir(join(set, folder), { recursive: true });
  const there = new Set(placed);
  const left = [
    ...leftOut,
    ...entries.filter((entry) => !there.has(entry)).map(({ sample }): LeftOut => ({ sample, why: 'failed' })),
  ].sort((a, b) => (a.sample.path < b.sample.path ? -1 : 1));
  const files: Record<string, Text> = {
    ...format.files(placed, csv),
    ...(isList ? lists(placed) : {}),
    'manifest.csv': manifestCsv(placed, input, csv),
    'manifest.json': manifestJson(placed, left, input, request),
  };
  for (const [name, text] of Object.entries(files)) {
    const file = join(set, names.take(name));
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, blocks(text));
  }
}

/** One path per line, as `--from` reads it: `files.txt`, or one file per split. */
const lists = (entries: readonly Entry[]): Record<string, Text> =>
  Object.fromEntries(
    [...Map.groupBy(entries, ({ split }) => split)].map(([split, inside]) => [
      `${split ?? 'files'}.txt`,
      inside.map(({ path }) => `${pathLine(path)}\n`),
    ]),
  );

/** Joins lines into blocks: a write per line would take minutes for a large dataset. */
function* blocks(text: Text): Text {
  let block = '';
  for (const line of text) {
    block += line;
    if (block.length < 2 ** 18) continue;
    yield block;
    block = '';
  }
  yield block;
}

/** The error, with a note on the files that stay: another attempt resumes from them. */
async function toPartError(error: unknown, part: Part): Promise<WinnowError> {
  const { code, message } = explain(error);
  const stays = (await keepUsefulPart(part))
    ? ` Finished files stay in ${part.folder}; run the same export again to resume.`
    : '';
  return new WinnowError(code, message + stays, { cause: error });
}

const byPath = (a: { path: string }, b: { path: string }) => (a.path < b.path ? -1 : 1);
