/**
 * Finds the images of the folder and reads what is new or changed: hash, size, thumbnail, measures. A file that cannot be read becomes
 * an issue. Rows are committed a few times a second, so that a door sees them appear and a kill loses a moment's work.
 */
import { existsSync } from 'node:fs';
import { WinnowError } from '../contract/errors.ts';
import type { Issue } from '../contract/types.ts';
import { fingerprintVersion } from '../duplicate/fingerprint.ts';
import { asDecodeError } from '../image/decode.ts';
import { fileIssue, findImages, type Found } from '../image/find.ts';
import { measureNames } from '../image/measure.ts';
import { readImage } from '../image/read.ts';
import { startReaders } from '../image/readers.ts';
import { forEachParallel } from './parallel.ts';
import type { Report } from './jobs.ts';
import type { Scanned, Table } from './table.ts';

/** Changes when other things are learned of an image than before: all are read again then. */
export const readingsVersion = `${measureNames.join(' ')} / ${fingerprintVersion}`;
/** For fewer files than this, threads would take longer to start than to read. */
const threadsFrom = 256;
const commitEveryMs = 300;

export interface ScanSummary { found: number; read: number; unreadable: number; gone: number }

export async function scan(folder: string, workspaceFolder: string, table: Table, report: Report): Promise<ScanSummary> {
  mustBeThere(folder);
  const known = table.known();
  const present = new Set<string>();
  const changed: Found[] = [];
  const scanned: Scanned[] = [];
  const issues: (Issue & { bytes: number; modifiedMs: number })[] = [];
  const addIssue = (issue: Issue, file?: Found) => {
    present.add(issue.path);
    issues.push({ ...issue, bytes: file?.bytes ?? -1, modifiedMs: file?.modifiedMs ?? -1 });
  };

  report.stage('Finding images', 0);
  for await (const file of findImages(folder, { signal: report.signal, onIssue: addIssue, isKnown: (path) => known.has(path) })) {
    present.add(file.path);
    const before = known.get(file.path);
    if (before?.bytes !== file.bytes || before.modifiedMs !== file.modifiedMs) changed.push(file);
    report.progress(present.size, 0);
  }

  mustBeThere(folder); // a disk that went while it was walked takes nothing with it

  report.stage('Reading images', changed.length);
  let committed = performance.now();
  const commit = () => {
    table.putScanned(scanned.splice(0), issues.splice(0));
    committed = performance.now();
  };
  let done = 0;
  const readers = changed.length < threadsFrom ? null : startReaders();
  const read = readers?.read ?? readImage;
  try {
    await forEachParallel(changed, readers?.hands ?? 3, report.signal, async (file) => {
      try {
        scanned.push({ ...file, ...(await read({ folder, workspaceFolder, path: file.path, bytes: file.bytes })) });
      } catch (error) {
        const isSystem = typeof (error as NodeJS.ErrnoException).syscall === 'string';
        if (isSystem && (error as NodeJS.ErrnoException).path?.startsWith(workspaceFolder)) throw error; // our own disk, not the image
        if (isSystem) {
          mustBeThere(folder);
          addIssue(fileIssue(file.path, error)); // without size and time: tried again by the next scan
        } else {
          const { code, message } = asDecodeError(error);
          addIssue({ path: file.path, code, message }, file);
        }
      }
      report.progress(++done);
      if (performance.now() - committed > commitEveryMs) commit();
    });
  } finally {
    await readers?.close();
    commit(); // what was read before a cancel stays
  }
  const gone = [...known.keys()].filter((path) => !present.has(path));
  table.retire(gone);
  table.setMeta('scannedAt', String(Date.now()));
  const { samples, issues: unreadable } = table.count();
  return { found: samples + unreadable, read: changed.length, unreadable, gone: gone.length };
}

function mustBeThere(folder: string) {
  if (!existsSync(folder)) throw new WinnowError('no-folder', `The folder ${folder} is not there. Is its disk connected? What is known of its images is kept.`);
}
