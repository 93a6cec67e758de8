/**
 * Scans the folder: finds images and reads those that are new or changed (hash, size, thumbnail, measurements). An unreadable file becomes
 * an issue. Rows are committed a few times a second, so clients see them appear and a crash loses little.
 */
import { WinnowError } from '../contract/errors.ts';
import type { Issue } from '../contract/types.ts';
import { plural, whole } from '../contract/words.ts';
import { fingerprintVersion } from '../duplicate/fingerprint.ts';
import { requireFolder } from '../file/gate.ts';
import { findImages, type Found } from '../image/find.ts';
import { issueOf } from '../image/issue.ts';
import { measureNames } from '../image/measure.ts';
import { clearParts } from '../image/read.ts';
import { startReaders, type Readers } from '../image/readers.ts';
import type { Limits } from '../image/reader.ts';
import { embeddedCount, candidatePairs } from './embeddings.ts';
import { forEachParallel } from '../file/parallel.ts';
import type { JobContext } from './context.ts';
import type { JobType } from './job-type.ts';
import type { Report } from '../workspace/report.ts';
import type { Scanned, Table } from '../workspace/table.ts';

/** Changes when the measurements change: all images are then read again. */
export const readingsVersion = `${measureNames.join(' ')} / ${fingerprintVersion}`;
const commitEveryMs = 300;

const resultsAreKept = 'The results for its images are kept.';

export interface ScanSummary {
  found: number;
  read: number;
  unreadable: number;
  gone: number;
}

export const scanJob: JobType<void> = {
  kind: 'scan',
  prepare: (_, context) => ({ title: 'Scan', run: async (report) => summaryOf(await refresh(context, report)) }),
};

function summaryOf({ found, read, unreadable, gone }: ScanSummary): string {
  const parts = [plural(found, 'image file'), `${whole(read)} read`];
  if (unreadable) parts.push(`${whole(unreadable)} unreadable`);
  if (gone) parts.push(`${whole(gone)} gone`);
  return parts.join(', ');
}

/** Scans the folder, then finds duplicates and scores checks if samples have changed since they were last computed. */
export async function refresh(context: JobContext, report: Report): Promise<ScanSummary> {
  const { folder, workspaceFolder, table, groups, quality } = context;
  const summary = await scan(folder, workspaceFolder, table, report);
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

/** `limits` overrides the defaults. */
export async function scan(
  folder: string,
  workspaceFolder: string,
  table: Table,
  report: Report,
  limits: Partial<Limits> = {},
): Promise<ScanSummary> {
  await requireFolder(folder, resultsAreKept, report.signal);
  clearParts(workspaceFolder);
  const known = table.known();
  const present = new Set<string>();
  const changed: Found[] = [];
  const scanned: Scanned[] = [];
  const issues: (Issue & { bytes: number; modifiedMs: number })[] = [];
  const addIssue = (issue: Issue, file?: Found) => {
    present.add(issue.path);
    issues.push({ ...issue, bytes: file?.bytes ?? -1, modifiedMs: file?.modifiedMs ?? -1 });
  };

  let readers: Readers | undefined;
  report.stage('Finding images', 0);
  try {
    for await (const file of findImages(folder, {
      signal: report.signal,
      onIssue: addIssue,
      isKnown: (path) => known.has(path),
    })) {
      present.add(file.path);
      const before = known.get(file.path);
      if (before?.bytes !== file.bytes || before.modifiedMs !== file.modifiedMs) {
        changed.push(file);
        readers ??= startReaders(report.signal, limits); // starts while the walk continues
      }
      report.progress(present.size, 0);
    }

    await requireFolder(folder, resultsAreKept, report.signal); // a disk that was removed during the walk must not hide samples

    report.stage('Reading images', changed.length);
    let committed = performance.now();
    const commit = () => {
      table.putScanned(scanned.splice(0), issues.splice(0));
      committed = performance.now();
    };
    let done = 0;
    try {
      await forEachParallel(changed, readers?.concurrency(changed.length) ?? 1, report.signal, async (file) => {
        try {
          scanned.push({
            ...file,
            ...(await (readers as Readers).read({ folder, workspaceFolder, path: file.path, bytes: file.bytes })),
          });
        } catch (error) {
          report.signal.throwIfAborted();
          const isTransient = isTemporary(error);
          const { issue, isFinding } = isTransient
            ? { issue: { path: file.path, code: 'unreadable' as const, message: error.message }, isFinding: false }
            : issueOf(file.path, error);
          if (!isFinding) await requireFolder(folder, resultsAreKept, report.signal);
          if (!isTransient || !known.has(file.path)) addIssue(issue, isFinding ? file : undefined);
        }
        report.progress(++done);
        if (performance.now() - committed > commitEveryMs) commit();
      });
    } finally {
      commit(); // a cancelled scan keeps what it has read
    }
  } finally {
    await readers?.close();
  }
  const gone = [...known.keys()].filter((path) => !present.has(path));
  table.markGone(gone);
  table.setMeta('scannedAt', String(Date.now()));
  const { samples, issues: unreadable } = table.count();
  return { found: samples + unreadable, read: changed.length, unreadable, gone: gone.length };
}

/**
 * If memory runs out or the disk does not respond for one file, the scan continues. This is not an issue of the image, so a known sample stays, and the next
 * scan tries again.
 */
const isTemporary = (error: unknown): error is WinnowError =>
  error instanceof WinnowError && (error.code === 'out-of-memory' || error.code === 'no-folder');
