/**
 * Finds the images of the folder and reads what is new or changed: hash, size, thumbnail, measures. A file that cannot be read becomes
 * an issue. Rows are committed a few times a second, so that a door sees them appear and a kill loses a moment's work.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { WinnowError } from '../contract/errors.ts';
import type { Issue } from '../contract/types.ts';
import { asDecodeError, DecodeError, openImage } from '../image/decode.ts';
import { fingerprint, fingerprintVersion } from '../duplicate/fingerprint.ts';
import { fileIssue, findImages, type Found } from '../image/find.ts';
import { measureNames } from '../image/measure.ts';
import { makeThumb } from '../image/pixels.ts';
import { forEachParallel } from './parallel.ts';
import { writeWhole } from './files.ts';
import type { Report } from './jobs.ts';
import type { Scanned, Table } from './table.ts';

/** Changes when other things are learned of an image than before: all are read again then. */
export const readingsVersion = `${measureNames.join(' ')} / ${fingerprintVersion}`;
/** A file above this is not read into memory. */
const maxFileBytes = 2 ** 30;
const commitEveryMs = 300;

export interface ScanSummary { found: number; read: number; unreadable: number; gone: number }

export const thumbFile = (workspaceFolder: string, sha256: string) => join(workspaceFolder, 'thumbs', sha256.slice(0, 2), `${sha256}.jpg`);

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
  try {
    await forEachParallel(changed, availableParallelism() + 1, report.signal, async (file) => {
      try {
        scanned.push(await readImage(folder, workspaceFolder, file));
      } catch (error) {
        const isSystem = typeof (error as NodeJS.ErrnoException).syscall === 'string';
        if (isSystem && (error as NodeJS.ErrnoException).path?.startsWith(workspaceFolder)) throw error; // our own disk, not the image
        if (isSystem) {
          mustBeThere(folder);
          addIssue(fileIssue(file.path, error)); // without size and time: tried again by the next scan
        }
        else {
          const { code, message } = asDecodeError(error);
          addIssue({ path: file.path, code, message }, file);
        }
      }
      report.progress(++done);
      if (performance.now() - committed > commitEveryMs) commit();
    });
  } finally {
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

async function readImage(folder: string, workspaceFolder: string, file: Found): Promise<Scanned> {
  if (file.bytes > maxFileBytes) throw new DecodeError('too-large', 'The file is larger than 1 GiB.');
  const bytes = await readFile(join(folder, file.path));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const image = await openImage(bytes, file.path);
  const thumb = await makeThumb(image).catch((error: unknown) => {
    throw asDecodeError(error, bytes);
  });
  const target = thumbFile(workspaceFolder, sha256);
  if (!existsSync(target)) await writeWhole(target, thumb.bytes);
  const { width, height, format, frames } = image;
  return { ...file, width, height, format, frames, sha256, measures: thumb.measures, fingerprint: fingerprint(thumb.data, thumb.width, thumb.height, thumb.channels) };
}

/** Where a thumbnail was lost, as when somebody tidied up, it is made again. Throws where the image is gone too. */
export async function remakeThumb(folder: string, workspaceFolder: string, { path, sha256 }: { path: string; sha256: string }): Promise<string> {
  const { bytes } = await makeThumb(await openImage(await readFile(join(folder, path)), path));
  const target = thumbFile(workspaceFolder, sha256);
  await writeWhole(target, bytes);
  return target;
}
