/**
 * Recognises errors that are not caused by an image: a full or read-only workspace, missing memory or file descriptors. Such an error ends the job with a message;
 * it never becomes an issue of the file that was being read.
 */
import { explain, WinnowError } from '../contract/errors.ts';

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
  return /array buffer allocation failed|std::bad_alloc|out of memory/i.test(error.message) ? memoryFault(error) : null;
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
