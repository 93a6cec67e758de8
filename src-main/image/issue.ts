/** Converts errors of the system and of decoders to issues of one file. Errors that the file did not cause are thrown. */
import type { Issue } from '../contract/types.ts';
import { ownFault } from '../file/fault.ts';
import { toDecodeError, DecodeError } from './decode.ts';

/**
 * The issue of a file that could not be read. `isFinding`: the cause is the file's content, so the next scan skips the file unless it has changed. After a system
 * error the next scan reads the file again. Throws WinnowError if the file is not the cause.
 */
export function issueOf(path: string, error: unknown): { issue: Issue; isFinding: boolean } {
  const own = error instanceof DecodeError ? null : ownFault(error);
  if (own) throw own;
  if (isOfSystem(error)) return { issue: fileIssue(path, error), isFinding: false };
  const { code, message } = toDecodeError(error);
  return { issue: { path, code, message }, isFinding: code !== 'unreadable' };
}

/** True for an error of a system call, such as ENOENT. */
export const isOfSystem = (error: unknown): boolean => typeof (error as NodeJS.ErrnoException).syscall === 'string';

/** Converts a system error on one file to an issue. */
export function fileIssue(path: string, error: unknown): Issue {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'ENOENT':
      return { path, code: 'vanished', message: 'The file is gone, or is a broken link.' };
    case 'EACCES':
    case 'EPERM':
      return { path, code: 'no-permission', message: 'No permission to read this.' };
    case 'ELOOP':
      return { path, code: 'unreadable', message: 'The link refers to itself.' };
    case 'ENOTREG':
      return { path, code: 'unreadable', message: 'This is not a file but a folder, a pipe, a socket or a device.' };
    default:
      return { path, code: 'unreadable', message: `The system could not read this: ${message}` };
  }
}
