/** Converts errors of the system and of decoders to issues of one file. Errors of Winnow itself are thrown. */
import type { Issue } from '../contract/types.ts';
import { ownFault } from '../file/fault.ts';
import { toDecodeError, DecodeError } from './decode.ts';

/**
 * `isFinding`: the cause is the file's content, and stays until the file changes. A system error is not a finding: the next scan reads the file again.
 * Throws WinnowError for an error that is not the file's.
 */
export function issueOf(path: string, error: unknown): { issue: Issue; isFinding: boolean } {
  const own = error instanceof DecodeError ? null : ownFault(error);
  if (own) throw own;
  if (isOfSystem(error)) return { issue: fileIssue(path, error), isFinding: false };
  const { code, message } = toDecodeError(error);
  return { issue: { path, code, message }, isFinding: code !== 'unreadable' };
}

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
