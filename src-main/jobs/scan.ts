/**
 * Scans the folder: finds images and reads those that are new or changed (hash, size, thumbnail, measurements). An unreadable file becomes
 * an issue. Rows are committed a few times a second, so clients see them appear and a crash loses little.
 */
import { isDeepStrictEqual } from 'node:util';
import { WinnowError } from '../contract/errors.ts';
import type { Plane } from '../contract/plane.ts';
import type { Issue, Sample } from '../contract/types.ts';
import { leftOutText, type LeftOutFolders } from '../contract/left-out.ts';
import { plural, whole } from '../contract/words.ts';
import { fingerprintVersion } from '../duplicate/fingerprint.ts';
import { requireFolder } from '../file/gate.ts';
import { findImages, lookAt, type Found } from '../image/find.ts';
import { issueOf } from '../image/issue.ts';
import { levelsFor, levelsOf, type Levels } from '../image/levels.ts';
import { folderRendering, setFolderRendering } from '../image/rendering.ts';
import { measureNames } from '../image/measure.ts';
import { clearParts } from '../image/thumb-file.ts';
import { startReaders, type Readers } from '../image/readers.ts';
import type { Limits } from '../image/reader.ts';
import { embeddedCount, candidatePairs } from './embeddings.ts';
import { forEachParallel } from '../file/parallel.ts';
import type { JobContext } from './context.ts';
import type { JobType } from './job-type.ts';
import type { Report } from '../workspace/report.ts';
import type { Scanned, Table } from '../workspace/table.ts';

/** Changes when the measurements change: all images are then read again. */
export const readingsVersion = `${measureNames.join(' ')} / ${fingerprintVersion} / pixels 4`;
const commitEveryMs = 300;

/** Paths of left out folders that are kept for messages. */
const leftOutShown = 5;

const resultsAreKept = 'The results for its images are kept.';

export interface ScanSummary {
  found: number;
  read: number;
  unreadable: number;
  gone: number;
  leftOut: LeftOutFolders;
}

/** `plane`: of all stacks of the folder, from now on. */
export const scanJob: JobType<{ plane?: Plane }> = {
  kind: 'scan',
  prepare: ({ plane }, context) => ({
    title: 'Scan',
    run: async (report) => {
      if (plane) setPlane(context, plane);
      return summaryOf(await refresh(context, report));
    },
  }),
};

function setPlane(context: JobContext, plane: Plane): void {
  if (isDeepStrictEqual(folderRendering(context.folder).plane, plane)) return;
  setRendering(context, { plane }, context.table.stacks());
}

/**
 * Sets a part of the folder's rendering. `changed`: the images that get other pixels by it; a scan reads them again. What was computed from their pixels is forgotten first, so that
 * nothing of it is left if the program ends in between.
 */
function setRendering(
  { folder, table, rows }: ScanContext,
  part: { levels: Levels } | { plane: Plane },
  changed: readonly Sample[],
): void {
  rows.forget(changed.map(({ sha256 }) => sha256));
  table.putRendering(
    part,
    changed.map(({ path }) => path),
  );
  setFolderRendering(folder, part);
}

function summaryOf({ found, read, unreadable, gone, leftOut }: ScanSummary): string {
  const parts = [plural(found, 'image file'), `${whole(read)} read`];
  if (unreadable) parts.push(`${whole(unreadable)} unreadable`);
  if (gone) parts.push(`${whole(gone)} gone`);
  const hidden = leftOutText(leftOut);
  return parts.join(', ') + (hidden ? `; ${hidden}` : '');
}

/** The folders that the last scan left out. */
export const leftOutFolders = (table: Table): LeftOutFolders =>
  JSON.parse(table.meta('leftOut') ?? '{"count":0,"paths":[]}') as LeftOutFolders;

/** Scans the folder, then finds duplicates and scores checks if samples have changed since they were last computed. */
export async function refresh(context: JobContext, report: Report): Promise<ScanSummary> {
  const { folder, workspaceFolder, table, groups, quality } = context;
  const summary = await scan(context, report);
  const embedded = embeddedCount(context); // embeddings give more candidate pairs
  const derivedFrom = `${table.meta('measuresRevision')} ${table.count().samples}${embedded ? ` ${embedded}` : ''}`;
  if (table.meta('derivedFrom') !== derivedFrom) {
    const likely = embedded ? await candidatePairs(context, report.signal) : [];
    const isComplete = await groups.find(folder, workspaceFolder, report, likely);
    quality.run();
    if (isComplete) table.setMeta('derivedFrom', derivedFrom);
  }
  return summary;
}

/** The same for a job that computes afterwards: the compute process starts while files are read. */
export function refreshToCompute(context: JobContext, report: Report): Promise<ScanSummary> {
  context.compute.call('backend', undefined).catch(() => undefined); // the first call that is needed says why it does not start
  return refresh(context, report);
}

type ScanContext = Pick<JobContext, 'folder' | 'workspaceFolder' | 'table' | 'rows'>;

/** An issue with the size and the time that its file had; -1 if the file is read again in any case. */
export type Unread = Issue & { bytes: number; modifiedMs: number };

export interface ScanOptions {
  /** Override the defaults. */
  limits?: Partial<Limits>;
  /** Called with the path of each folder before it is listed; '' is the scanned folder. */
  onFolder?: (path: string) => void;
  /** Called with the issue of each file that this scan has tried to read. */
  onUnread?: (issue: Unread) => void;
}

/** Scans the whole folder. Throws WinnowError. */
export async function scan(
  context: ScanContext,
  report: Report,
  { limits, onFolder, onUnread }: ScanOptions = {},
): Promise<ScanSummary> {
  const { folder, workspaceFolder, table } = context;
  await requireFolder(folder, resultsAreKept, report.signal);
  clearParts(workspaceFolder);
  const known = table.known();
  const present = new Set<string>();
  const changed: Found[] = [];
  const issues: Unread[] = [];
  const images: string[] = [];
  const hidden: string[] = [];

  let readers: Readers | undefined;
  report.stage('Finding images', 0);
  try {
    for await (const file of findImages(folder, {
      signal: report.signal,
      onIssue(issue) {
        present.add(issue.path);
        issues.push(toUnread(issue));
      },
      onFolder,
      onHidden: (path) => hidden.push(path),
      isKnown: (path) => known.has(path),
    })) {
      present.add(file.path);
      images.push(file.path);
      const before = known.get(file.path);
      if (before?.bytes !== file.bytes || before.modifiedMs !== file.modifiedMs) {
        changed.push(file);
        (readers ??= startReaders(report.signal, limits)).prepare(changed.length); // they start while the walk continues
      }
      report.progress(present.size, 0);
    }

    await requireFolder(folder, resultsAreKept, report.signal); // a disk that was removed during the walk must not hide samples

    table.places.expect(images);
    table.putScanned([], issues);
    await readFiles(context, changed, readers, report, { isKnown: (path) => known.has(path), onUnread });
    await setLevels(context, report, () => (readers ??= startReaders(report.signal, limits)));
  } finally {
    await readers?.close();
  }
  const gone = [...known.keys()].filter((path) => !present.has(path));
  table.markGone(gone);
  table.assignClasses();
  const leftOut: LeftOutFolders = { count: hidden.length, paths: hidden.slice(0, leftOutShown) };
  table.setMeta('leftOut', JSON.stringify(leftOut));
  table.setMeta('scannedAt', String(Date.now()));
  const { samples, issues: unreadable } = table.count();
  return { found: samples + unreadable, read: changed.length, unreadable, gone: gone.length, leftOut };
}

/**
 * Scans only the files at these paths, which need not exist: no walk, and each is read even if its size and time have not changed. Paths of folders are ignored. Throws
 * WinnowError.
 */
export async function scanPaths(
  context: ScanContext,
  paths: readonly string[],
  report: Report,
  onUnread: (issue: Unread) => void,
): Promise<void> {
  const { folder, table } = context;
  await requireFolder(folder, resultsAreKept, report.signal);
  const isKnown = (path: string) => table.isKnown(path);
  const files: Found[] = [];
  const issues: Unread[] = [];
  const gone: string[] = [];
  for (const path of paths) {
    let isGone = true;
    const found = await lookAt(folder, path, {
      signal: report.signal,
      isKnown,
      onIssue(issue) {
        isGone = issue.code === 'vanished';
        if (!isGone) issues.push(toUnread(issue));
      },
    });
    if (found && found !== 'folder') files.push(found);
    else if (isGone && isKnown(path)) gone.push(path);
  }
  if (gone.length) await requireFolder(folder, resultsAreKept, report.signal);
  table.markGone(gone);
  table.putScanned([], issues);
  issues.forEach(onUnread);
  const hasOtherFolders = gone.length > 0 || !files.every(({ path }) => table.places.isKnown(path));
  if (!files.length) {
    if (hasOtherFolders) table.assignClasses();
    return;
  }
  const readers = startReaders(report.signal);
  try {
    await readFiles(context, files, readers, report, { isKnown, onUnread });
    await setLevels(context, report, () => readers);
  } finally {
    await readers.close();
    if (hasOtherFolders) table.assignClasses();
  }
}

/**
 * Sets the levels of the folder by the values of its images of measurements. Images that were read with other levels are read again, and what was computed from
 * their pixels is forgotten.
 */
async function setLevels(context: ScanContext, report: Report, readers: () => Readers): Promise<void> {
  const { folder, table } = context;
  const files = table.measured();
  const before = folderRendering(folder).levels;
  const levels = levelsOf(files.map(({ values }) => values));
  if (isDeepStrictEqual(before, levels)) return;
  const again = files.filter(({ values }) => !isDeepStrictEqual(levelsFor(values, before), levelsFor(values, levels)));
  setRendering(context, { levels }, again);
  if (!again.length) return;
  await readFiles(context, again, readers(), report, { isKnown: () => true, stage: 'Setting levels' });
}

const toUnread = (issue: Issue): Unread => ({ ...issue, bytes: -1, modifiedMs: -1 });

/** Reads the files and stores what was read, a few times a second. `readers` may be missing if there are no files. */
async function readFiles(
  { folder, workspaceFolder, table }: ScanContext,
  files: readonly Found[],
  readers: Readers | undefined,
  report: Report,
  {
    isKnown,
    onUnread,
    stage = 'Reading images',
  }: { isKnown: (path: string) => boolean; onUnread?: (issue: Unread) => void; stage?: string },
): Promise<void> {
  report.stage(stage, files.length);
  const rendering = folderRendering(folder);
  const scanned: Scanned[] = [];
  const issues: Unread[] = [];
  let committed = performance.now();
  const commit = () => {
    table.putScanned(scanned.splice(0), issues.splice(0));
    committed = performance.now();
  };
  let done = 0;
  try {
    await forEachParallel(files, readers?.prepare(files.length) ?? 1, report.signal, async (file) => {
      try {
        scanned.push({
          ...file,
          ...(await (readers as Readers).read({
            folder,
            workspaceFolder,
            path: file.path,
            bytes: file.bytes,
            rendering,
          })),
        });
      } catch (error) {
        report.signal.throwIfAborted();
        const isTransient = isTemporary(error);
        const { issue, isFinding } = isTransient
          ? { issue: { path: file.path, code: 'unreadable' as const, message: error.message }, isFinding: false }
          : issueOf(file.path, error);
        if (!isFinding) await requireFolder(folder, resultsAreKept, report.signal);
        const unread = isFinding ? { ...issue, bytes: file.bytes, modifiedMs: file.modifiedMs } : toUnread(issue);
        if (!isTransient || !isKnown(file.path)) issues.push(unread);
        onUnread?.(unread);
      }
      report.progress(++done);
      if (performance.now() - committed > commitEveryMs) commit();
    });
  } finally {
    commit(); // a cancelled scan keeps what it has read
  }
}

/**
 * If memory runs out or the disk does not respond for one file, the scan continues. This is not an issue of the image, so a known sample stays, and the next
 * scan tries again.
 */
const isTemporary = (error: unknown): error is WinnowError =>
  error instanceof WinnowError && (error.code === 'out-of-memory' || error.code === 'no-folder');
