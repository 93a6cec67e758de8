/**
 * Reads files again after the scan. Rows, embeddings and thumbnails are stored under the hash of the file, which may have changed since. So the hash is verified
 * first, and only content that the scan has decoded without harm is decoded here.
 */
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Sample } from '../contract/types.ts';
import { askDisk } from '../file/gate.ts';
import { openRegular } from '../file/open.ts';
import { readBytes } from './bytes.ts';
import { openImage, type Opened } from './decode.ts';
import { folderRendering } from './rendering.ts';
import { DecodeError } from './raw.ts';
import { Budget, byteBudgetSize } from './budget.ts';

type Known = Pick<Sample, 'path' | 'sha256' | 'bytes'>;

const bytesInFlight = new Budget(byteBudgetSize);

/** Calls `work` with the file's bytes. Waits until the budget allows it. Throws DecodeError if the file has changed since the scan. */
export function withBytes<Result>(
  folder: string,
  { path, sha256, bytes: size }: Known,
  work: (bytes: Buffer) => Promise<Result>,
): Promise<Result> {
  return bytesInFlight.hold(size, async () => {
    const read = await readBytes(join(folder, path));
    if (read.sha256 !== sha256) throw changed();
    return work(read.bytes);
  });
}

/** Calls `work` with the opened image. Throws DecodeError, also if the file has changed since the scan. */
export const withImage = <Result>(
  folder: string,
  sample: Known,
  work: (image: Opened) => Promise<Result>,
): Promise<Result> =>
  withBytes(folder, sample, async (bytes) => work(await openImage(bytes, sample.path, folderRendering(folder))));

/**
 * Opens a file to be sent as it is, too large for memory: it is read once to compare its hash with the scan. The caller closes it and reads from position 0. Throws
 * DecodeError and system errors.
 */
export async function openScanned(
  folder: string,
  { path, bytes, modifiedMs, sha256 }: Pick<Sample, 'path' | 'bytes' | 'modifiedMs' | 'sha256'>,
): Promise<FileHandle> {
  const handle = await askDisk(() => openRegular(join(folder, path)));
  const { size, mtimeMs } = await handle.stat();
  if (size === bytes && Math.round(mtimeMs) === modifiedMs && (await hashOf(handle)) === sha256) return handle;
  await handle.close();
  throw changed();
}

async function hashOf(handle: FileHandle): Promise<string> {
  const hash = createHash('sha256');
  const piece = Buffer.allocUnsafe(2 ** 20);
  for (let at = 0; ;) {
    const { bytesRead } = await askDisk(() => handle.read(piece, 0, piece.length, at));
    if (!bytesRead) return hash.digest('hex');
    hash.update(piece.subarray(0, bytesRead));
    at += bytesRead;
  }
}

const changed = () => new DecodeError('unreadable', 'The file has changed since it was scanned. Scan again.');
