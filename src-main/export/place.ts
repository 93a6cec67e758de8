/** Places one image file in an export, as a copy or a link, and reads it back. A file whose SHA-256 differs from the scan's is removed again. */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, link, lstat, mkdir, open, readlink, realpath, rm, stat, symlink, utimes } from 'node:fs/promises';
import { dirname } from 'node:path';
import { WinnowError } from '../contract/errors.ts';
import type { ExportRequest } from '../contract/schemas.ts';
import type { Issue, Sample } from '../contract/types.ts';
import { askDisk } from '../file/gate.ts';
import { openRegular } from '../file/open.ts';
import { fileIssue, issueOf } from '../image/issue.ts';

const pieceBytes = 2 ** 20;

export type Place = Exclude<ExportRequest['place'], 'list'>;

/**
 * Places a file, or verifies one that an interrupted export has placed. Returns an issue if the file has changed since the scan or cannot be read. Throws an error
 * that affects all files, such as a full disk.
 */
export async function placeFile(original: string, target: string, sample: Sample, place: Place): Promise<Issue | null> {
  if (await isPlaced(original, target, sample, place)) return null;
  // Never overwrite it: it may be a link, and its target would change.
  await rm(target, { force: true });
  try {
    await (await askDisk(() => openRegular(original))).close();
  } catch (error) {
    return issueOf(sample.path, error).issue;
  }
  try {
    await mkdir(dirname(target), { recursive: true });
    await ways[place](original, target);
  } catch (error) {
    return issueOrThrow(error, original, sample, place);
  }
  if ((await hashOf(target)) === sample.sha256) return null;
  await rm(target, { force: true });
  return {
    path: sample.path,
    code: 'unreadable',
    message: 'The file changed since it was scanned. Scan again, then export.',
  };
}

/** The SHA-256 of a file, as hex. Throws the system's error. */
export async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  const handle = await askDisk(() => openRegular(file));
  try {
    const piece = Buffer.allocUnsafe(pieceBytes);
    for (;;) {
      const { bytesRead } = await askDisk(() => handle.read(piece, 0, piece.length));
      if (!bytesRead) return hash.digest('hex');
      hash.update(piece.subarray(0, bytesRead));
    }
  } finally {
    void handle.close().catch(() => undefined); // not awaited: on a stalled disk, close hangs too
  }
}

async function copy(original: string, target: string) {
  await copyFile(original, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  const { atimeMs, mtimeMs } = await stat(original);
  await utimes(target, atimeMs / 1000, mtimeMs / 1000);
}

const ways: Record<Place, (original: string, target: string) => Promise<void>> = {
  copy,
  // The originals are moved to the trash later: the copy must be flushed to the disk.
  move: async (original, target) => {
    await copy(original, target);
    await using file = await open(target, process.platform === 'win32' ? 'r+' : 'r');
    await file.sync();
  },
  // A link to a relative link would break.
  hardlink: async (original, target) => link(await realpath(original), target),
  symlink: (original, target) => symlink(original, target, 'file'),
};

async function isPlaced(original: string, target: string, { sha256 }: Sample, place: Place): Promise<boolean> {
  try {
    const info = await lstat(target);
    if (place === 'symlink' ? !info.isSymbolicLink() || (await readlink(target)) !== original : !info.isFile())
      return false;
    if (place === 'hardlink') {
      const { dev, ino } = await stat(original);
      if (info.dev !== dev || info.ino !== ino) return false;
    }
    return (await hashOf(target)) === sha256;
  } catch {
    return false;
  }
}

/** Returns the issue of an unreadable original. Throws an error that affects all files: a full disk, or one without support for links. */
async function issueOrThrow(error: unknown, original: string, sample: Sample, place: Place): Promise<Issue> {
  const { code } = error as NodeJS.ErrnoException;
  if (place === 'hardlink' && code === 'EXDEV') {
    throw new WinnowError(
      'target-unwritable',
      'Hard links cannot cross disks, and the target is on another disk than the images. Export copies or symbolic links.',
      { cause: error },
    );
  }
  const isLink = place === 'hardlink' || place === 'symlink';
  if (
    isLink &&
    ['EPERM', 'EACCES', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL', 'EISDIR', 'EMLINK'].includes(code as string)
  ) {
    const windows =
      process.platform === 'win32' && place === 'symlink'
        ? ' Windows allows symbolic links in developer mode (Settings, For developers).'
        : '';
    throw new WinnowError(
      'target-unwritable',
      `The system does not allow links there.${windows} Export copies instead.`,
      { cause: error },
    );
  }
  if (
    !(await hashOf(original).then(
      () => true,
      () => false,
    ))
  )
    return fileIssue(sample.path, error);
  if (['EINVAL', 'ENAMETOOLONG', 'EILSEQ'].includes(code as string))
    return { path: sample.path, code: 'unreadable', message: 'The target’s disk does not support this file name.' };
  throw error;
}
