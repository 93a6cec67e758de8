/**
 * Reads images as they were scanned. Rows, embeddings and thumbnails are stored under an image's hash, but its file is read again later and may have changed by
 * then. So its bytes are compared with the hash first, and only content that the scan has decoded is decoded again.
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

/** Calls `work` with the file's bytes, when the budget allows it. Throws DecodeError where the file has changed since the scan. */
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

/** Calls `work` with the opened image. Throws DecodeError, also where the file has changed since the scan. */
export const withImage = <Result>(
  folder: string,
  sample: Known,
  work: (image: Opened) => Promise<Result>,
): Promise<Result> => withBytes(folder, sample, async (bytes) => work(await openImage(bytes, sample.path)));

/**
 * Opens a file that is too large to be read twice, after comparing its size and time with the scan. The caller closes it. Throws DecodeError and system
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
