/**
 * Images as the scan saw them. What is kept under an image's hash (rows of pixels, embeddings, thumbnails) and what is shown as the image comes from a file that
 * is read later, and by then it may be another: so its content is compared with the hash first, and nothing is decoded that the scan has not decoded before.
 */
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Sample } from '../contract/types.ts';
import { askDisk } from '../file/gate.ts';
import { openRegular } from '../file/open.ts';
import { readBytes } from './bytes.ts';
import { openImage, type Opened } from './decode.ts';
import { DecodeError } from './raw.ts';
import { Budget, byteBudgetSize } from './budget.ts';

type Known = Pick<Sample, 'path' | 'sha256' | 'bytes'>;

const room = new Budget(byteBudgetSize);

/** Calls `work` with the file's bytes, which are those of the scan, when there is room for them. Throws DecodeError where they have changed. */
export function withBytes<Result>(
  folder: string,
  { path, sha256, bytes: size }: Known,
  work: (bytes: Buffer) => Promise<Result>,
): Promise<Result> {
  return room.hold(size, async () => {
    const read = await readBytes(join(folder, path));
    if (read.sha256 !== sha256) throw changed();
    return work(read.bytes);
  });
}

/** Calls `work` with the image, whose file is that of the scan. Throws DecodeError. */
export const withImage = <Result>(
  folder: string,
  sample: Known,
  work: (image: Opened) => Promise<Result>,
): Promise<Result> => withBytes(folder, sample, async (bytes) => work(await openImage(bytes, sample.path)));

/**
 * The file opened, for one that is too large to be read twice: its size and time are those of the scan. The caller closes it. Throws DecodeError and the system's own
 * errors.
 */
export async function openScanned(
  folder: string,
  { path, bytes, modifiedMs }: Pick<Sample, 'path' | 'bytes' | 'modifiedMs'>,
): Promise<FileHandle> {
  const handle = await askDisk(() => openRegular(join(folder, path)));
  const { size, mtimeMs } = await handle.stat();
  if (size === bytes && Math.round(mtimeMs) === modifiedMs) return handle;
  await handle.close();
  throw changed();
}

const changed = () => new DecodeError('unreadable', 'The file has changed since it was scanned. Scan again.');
