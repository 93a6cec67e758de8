/**
 * Recognises errors that are not caused by an image: a full or read-only workspace, missing memory or file descriptors, a library that cannot be loaded. Such an error ends the
 * job with a message; it never becomes an issue of the file that was being read.
 */
import { explain, WinnowError } from '../contract/errors.ts';
import { libraryOf, missingLibrary } from '../setup/library.mjs';

const memoryFault = (cause: unknown) =>
  new WinnowError('out-of-memory', 'There was not enough memory. Close other programs and try again.', { cause });

/** The error as a WinnowError if Winnow or the machine caused it; null if the file may be the cause. */
export function ownFault(error: unknown): WinnowError | null {
  if (error instanceof WinnowError) return error;
  if (!(error instanceof Error)) return null;
  const { code } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'EMFILE':
    case 'ENFILE':
      return new WinnowError(
        'failed',
        'The system’s limit of open files is reached. Close other programs, or raise the limit, and try again.',
        { cause: error },
      );
    case 'ENOMEM':
    case 'ERR_MEMORY_ALLOCATION_FAILED':
      return memoryFault(error);
    case 'ERR_SQLITE_ERROR': {
      const parsed = explain(error);
      return new WinnowError(parsed.code, parsed.message, { cause: error });
    }
  }
  if (error.name === 'AbortError') return new WinnowError('cancelled', 'Cancelled.', { cause: error });
  const library = libraryOf(error);
  if (library) return libraryFault(library, error);
  return /allocation failed|could not allocate memory|std::bad_alloc|out of memory/i.test(error.message) &&
    isMemoryShort()
    ? memoryFault(error)
    : null;
}

/**
 * True if 1 GiB cannot be had. A library's message is no evidence: libvips has one for all threads, so that it may be about another file, and a damaged file may ask for more
 * than any machine has.
 */
function isMemoryShort(): boolean {
  try {
    new ArrayBuffer(2 ** 30).transfer(0);
    return false;
  } catch {
    return true;
  }
}

const libraryFault = (library: string, cause: unknown) => new WinnowError('failed', missingLibrary(library), { cause });

/** The result of `load`, which loads a library: it is at fault if that fails, and not the file that needs it. Throws WinnowError. */
export async function loadLibrary<Library>(name: string, load: () => Library | Promise<Library>): Promise<Library> {
  try {
    return await load();
  } catch (error) {
    throw ownFault(error) ?? libraryFault(name, error);
  }
}

/** Converts an error from writing to the workspace into a WinnowError. */
export function workspaceFault(error: unknown): WinnowError {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOSPC':
      return new WinnowError(
        'disk-full',
        'The disk that holds the workspace is full. Confirmed changes are kept. Free some space and try again.',
        { cause: error },
      );
    case 'EDQUOT':
      return new WinnowError(
        'disk-full',
        'Your quota on the disk that holds the workspace is used up. Confirmed changes are kept. Free some space and try again.',
        { cause: error },
      );
    case 'EROFS':
      return new WinnowError(
        'target-unwritable',
        'The workspace cannot be written to: its disk is read-only. Choose another place with --workspace.',
        { cause: error },
      );
    case 'EACCES':
    case 'EPERM':
      return new WinnowError(
        'target-unwritable',
        'Winnow has no permission to write to its workspace. Give it permission, or choose another place with --workspace.',
        { cause: error },
      );
  }
  return (
    ownFault(error) ??
    new WinnowError(
      'failed',
      `Writing to the workspace failed: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    )
  );
}
