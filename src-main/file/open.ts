/**
 * Opens the user's files safely. A path that was a photo at the last scan can be a pipe, a socket, a device or a link to one now, and a plain `open` of a pipe waits
 * for ever. So files are opened without blocking, and only regular files are accepted. All code that reads a user's file calls this module.
 */
import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';

// Windows has neither of the last two flags, and there an open does not wait.
const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0);

/** Makes an error like the system's. 'ENOTREG': the path is a folder, pipe, socket or device. 'EFBIG': the file is larger than the caller's limit. */
function fault(code: 'ENOTREG' | 'EFBIG', path: string, message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(message), { code, syscall: 'open', path });
}

const notRegular = (path: string) => fault('ENOTREG', path, `${path} is not a regular file.`);
const tooLarge = (path: string, maxBytes: number) =>
  fault('EFBIG', path, `${path} is larger than ${Math.round(maxBytes / 2 ** 20)} MiB.`);

/** Opens a regular file for reading and follows links. Throws the system's error, or one with the code 'ENOTREG'. */
export async function openRegular(path: string): Promise<FileHandle> {
  // Checked before opening too, since opening a device can have side effects.
  if (!(await stat(path)).isFile()) throw notRegular(path);
  const handle = await open(path, flags);
  try {
    if (!(await handle.stat()).isFile()) throw notRegular(path);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Reads a whole regular file. Throws like `openRegular`, and an error with the code 'EFBIG' if the file is larger than `maxBytes` or grows meanwhile. */
export async function readRegular(path: string, maxBytes: number): Promise<Buffer> {
  await using handle = await openRegular(path);
  const { size } = await handle.stat();
  if (size > maxBytes) throw tooLarge(path, maxBytes);
  const bytes = Buffer.allocUnsafe(size + 1); // one more shows whether it grew
  let length = 0;
  while (length < bytes.length) {
    const { bytesRead } = await handle.read(bytes, length, Math.min(2 ** 28, bytes.length - length), length);
    if (!bytesRead) return bytes.subarray(0, length);
    length += bytesRead;
  }
  throw fault('EFBIG', path, `${path} grew while it was read.`);
}

/** Synchronous `openRegular`, for threads and processes that may block. The caller closes the descriptor. */
export function openRegularSync(path: string): number {
  if (!statSync(path).isFile()) throw notRegular(path);
  const descriptor = openSync(path, flags);
  try {
    if (!fstatSync(descriptor).isFile()) throw notRegular(path);
    return descriptor;
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/** Synchronous `readRegular`, for threads and processes that may block. */
export function readRegularSync(path: string, maxBytes: number): Buffer {
  const descriptor = openRegularSync(path);
  try {
    const { size } = fstatSync(descriptor);
    if (size > maxBytes) throw tooLarge(path, maxBytes);
    const bytes = Buffer.allocUnsafe(size + 1);
    let length = 0;
    while (length < bytes.length) {
      const read = readSync(descriptor, bytes, length, Math.min(2 ** 28, bytes.length - length), length);
      if (!read) return bytes.subarray(0, length);
      length += read;
    }
    throw fault('EFBIG', path, `${path} grew while it was read.`);
  } finally {
    closeSync(descriptor);
  }
}
