/**
 * Opens files that other programs put there. A name that was a photo a moment ago can be a pipe, a socket, a device or a link to one by now, and a plain
 * `open` of a pipe waits for ever: so nothing here blocks, and only regular files are opened. Every place that reads a file of the user's comes through here.
 */
import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';

// Not on Windows, where neither exists and an open does not wait.
const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0);

/** `code` 'ENOTREG': a folder, pipe, socket or device stands where a file was expected. `code` 'EFBIG': the file is larger than the caller takes. */
function fault(code: 'ENOTREG' | 'EFBIG', path: string, message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(message), { code, syscall: 'open', path });
}

const notRegular = (path: string) => fault('ENOTREG', path, `${path} is not a regular file.`);
const tooLarge = (path: string, maxBytes: number) =>
  fault('EFBIG', path, `${path} is larger than ${Math.round(maxBytes / 2 ** 20)} MiB.`);

/** Opens a regular file for reading; links are followed. Throws the system's error, or one with the code 'ENOTREG'. */
export async function openRegular(path: string): Promise<FileHandle> {
  // Asked before opening, since to open a device can already do something.
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

/** The whole content, at most `maxBytes` of it, also of a file that grows meanwhile. Throws as `openRegular`, and 'EFBIG' above. */
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

/** As `openRegular`, for threads and processes that may wait. The caller closes the descriptor. */
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

/** As `readRegular`, for threads and processes that may wait. */
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
