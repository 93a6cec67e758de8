/** What went wrong with one file, as an issue: from the system's errors and from the decoders'. What is a fault of the program's own side is no issue and is thrown. */
import type { Issue } from '../contract/types.ts';
import { ownFault } from '../file/fault.ts';
import { toDecodeError, DecodeError } from './decode.ts';

/**
 * `isFinding`: it lies in the file's content and stands until the file changes. What the system said of reading it is none: a scan tries such a file again.
 * Throws WinnowError for what the file has no part in.
 */
export function issueOf(path: string, error: unknown): { issue: Issue; isFinding: boolean } {
  const own = error instanceof DecodeError ? null : ownFault(error);
  if (own) throw own;
  if (isOfSystem(error)) return { issue: fileIssue(path, error), isFinding: false };
  const { code, message } = toDecodeError(error);
  return { issue: { path, code, message }, isFinding: code !== 'unreadable' };
}

export const isOfSystem = (error: unknown): boolean => typeof (error as NodeJS.ErrnoException).syscall === 'string';

/** A system error on one file, as an issue. */
export function fileIssue(path: string, error: unknown): Issue {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'ENOENT':
      return { path, code: 'vanished', message: 'The file is gone, or is a link to nothing.' };
    case 'EACCES':
    case 'EPERM':
      return { path, code: 'no-permission', message: 'No permission to read this.' };
    case 'ELOOP':
      return { path, code: 'unreadable', message: 'The link leads back to itself.' };
    case 'ENOTREG':
      return { path, code: 'unreadable', message: 'This is no file but a folder, a pipe, a socket or a device.' };
    default:
      return { path, code: 'unreadable', message: `The system could not read this: ${message}` };
  }
}
