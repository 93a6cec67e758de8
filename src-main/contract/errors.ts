/** Errors for people: a code for programs and one sentence that says what happened and what to do. */

export type ErrorCode =
  | 'bad-request' | 'no-folder' | 'no-workspace' | 'workspace-busy' | 'workspace-newer' | 'workspace-corrupt' | 'nothing-to-do'
  | 'no-samples' | 'no-run' | 'no-column' | 'bad-expression' | 'target-inside-source' | 'target-not-empty' | 'target-unwritable'
  | 'disk-full' | 'cancelled' | 'compute-failed' | 'compute-lost' | 'out-of-memory' | 'job-running' | 'engine-gone' | 'failed';

export class WinnowError extends Error {
  code: ErrorCode;
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'WinnowError';
    this.code = code;
  }
}

/** The code and sentence of anything thrown. System errors of the disk are put into words here, once. */
export function explain(error: unknown): { code: ErrorCode; message: string } {
  if (error instanceof WinnowError) return { code: error.code, message: error.message };
  if (error instanceof Error) {
    const { code } = error as NodeJS.ErrnoException;
    const { errcode } = error as { errcode?: number };
    if (code === 'ERR_SQLITE_ERROR' && errcode !== undefined && [11, 26].includes(errcode & 0xff)) {
      return { code: 'workspace-corrupt', message: 'The workspace, which holds your decisions, is damaged. Your images are untouched. Close the folder; `winnow restore FOLDER` lists the backups and brings one back.' };
    }
    if (code === 'ERR_SQLITE_ERROR' && errcode === 13) return { code: 'disk-full', message: 'The disk that holds the workspace is full. What was confirmed is kept. Free some space and try again.' };
    if (code === 'ERR_SQLITE_ERROR' && errcode !== undefined && (errcode & 0xff) === 8) return { code: 'target-unwritable', message: 'The workspace cannot be written to: its disk is read-only. Choose another place with --workspace.' };
    if (error.name === 'AbortError') return { code: 'cancelled', message: 'Cancelled.' };
    if (code === 'ENOSPC') return { code: 'disk-full', message: 'The disk is full. Free some space and try again.' };
    if (code === 'ENOENT') return { code: 'no-folder', message: `Not there any more: ${(error as NodeJS.ErrnoException).path ?? error.message}` };
    if (code === 'EROFS' || code === 'EACCES' || code === 'EPERM') return { code: 'target-unwritable', message: `No permission: ${error.message}` };
    return { code: 'failed', message: error.message };
  }
  return { code: 'failed', message: String(error) };
}
