/**
 * Errors: a stable code for programs, and a message for people that says what happened and what to do. Every error from the system or the database becomes
 * such a message here.
 */

export type ErrorCode =
  | 'bad-request'
  | 'no-folder'
  | 'no-workspace'
  | 'workspace-busy'
  | 'workspace-newer'
  | 'workspace-corrupt'
  | 'nothing-to-do'
  | 'no-samples'
  | 'no-run'
  | 'no-column'
  | 'no-map'
  | 'bad-expression'
  | 'target-inside-source'
  | 'target-not-empty'
  | 'target-unwritable'
  | 'disk-full'
  | 'cancelled'
  | 'compute-failed'
  | 'compute-lost'
  | 'out-of-memory'
  | 'job-running'
  | 'engine-gone'
  | 'failed';

export class WinnowError extends Error {
  code: ErrorCode;
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'WinnowError';
    this.code = code;
  }
}

type Explanation = [code: ErrorCode, message: string];

/** SQLite's primary result codes. */
const sqliteMessages: Record<number, Explanation> = {
  5: ['workspace-busy', 'Another program is using the workspace. Close that program and try again.'], // BUSY
  6: ['workspace-busy', 'Another program is using the workspace. Close that program and try again.'], // LOCKED
  7: ['out-of-memory', 'There is not enough memory. Close other programs and try again.'], // NOMEM
  8: [
    'target-unwritable',
    'The workspace cannot be written to: its disk is read-only. Choose another place with --workspace.',
  ], // READONLY
  10: [
    'failed',
    'The disk that holds the workspace reports an error. Your decisions are saved. Check the disk, then open the folder again.',
  ], // IOERR
  11: [
    'workspace-corrupt',
    'The workspace, which holds your decisions, is damaged. Your images are untouched. Close the folder; `winnow restore FOLDER` lists the backups and restores one.',
  ], // CORRUPT
  13: [
    'disk-full',
    'The disk that holds the workspace is full. Your decisions are saved. Free some space and try again.',
  ], // FULL
  14: [
    'target-unwritable',
    'The workspace cannot be opened: its folder is missing, or permission is denied. Check the folder, or choose another place with --workspace.',
  ], // CANTOPEN
};
sqliteMessages[26] = sqliteMessages[11]; // NOTADB

/** Messages for file system errors, by error code. `what` is the path, or 'The file' if the error names none. */
const systemMessages: Record<string, (what: string) => Explanation> = {
  ENOENT: (what) => ['no-folder', `${what} does not exist any more, or never did. Was it moved, or its disk removed?`],
  ENOTDIR: (what) => [
    'target-unwritable',
    `${what}: there is a file where a folder is needed. Choose another place, or move that file.`,
  ],
  EISDIR: (what) => ['target-unwritable', `${what} is a folder, but a file is needed. Choose a file.`],
  ENOTREG: (what) => ['bad-request', `${what} is not a regular file. Choose a file, not a folder, pipe or device.`],
  EEXIST: (what) => [
    'target-not-empty',
    `${what} already exists and is not overwritten. Choose another name, or move it.`,
  ],
  ENOTEMPTY: (what) => [
    'target-not-empty',
    `${what} is not empty, and files are not overwritten. Choose another folder.`,
  ],
  EACCES: (what) => [
    'target-unwritable',
    `${what}: permission denied. Change its permissions, or choose another place.`,
  ],
  EROFS: (what) => ['target-unwritable', `${what} cannot be written: its disk is read-only. Choose another place.`],
  ENOSPC: () => ['disk-full', 'The disk is full. Free some space and try again.'],
  EDQUOT: () => ['disk-full', 'Your disk quota is used up. Free some space and try again.'],
  EFBIG: (what) => ['failed', `${what} is larger than its disk allows. Choose another disk.`],
  ENAMETOOLONG: (what) => [
    'bad-request',
    `${what.length > 120 ? `${what.slice(0, 100)}…` : what}: the name is too long for this disk. Choose a shorter one.`,
  ],
  EILSEQ: (what) => ['target-unwritable', `${what}: the disk does not allow this name. Choose another one.`],
  ELOOP: (what) => [
    'target-unwritable',
    `${what} is a symbolic link that points back to itself. Remove the link, or choose another place.`,
  ],
  EBUSY: (what) => ['target-unwritable', `${what} is in use by another program. Close that program and try again.`],
  EXDEV: (what) => ['target-unwritable', `${what} is on another disk. Choose a place on the same disk.`],
  EMFILE: () => [
    'failed',
    'Too many files are open. Close other programs and try again, or raise the limit with `ulimit -n`.',
  ],
  EIO: (what) => ['failed', `The disk reports an error at ${what}. Check the disk, then try again.`],
  ETIMEDOUT: (what) => ['failed', `${what} does not respond. Is the network disk connected? Try again when it is.`],
  ENXIO: (what) => ['bad-request', `${what} is a device or pipe, which cannot be read. Choose a file.`],
  ENOMEM: () => ['out-of-memory', 'There is not enough memory. Close other programs, or use fewer images at once.'],
};
for (const [code, sameAs] of [
  ['EPERM', 'EACCES'],
  ['ENFILE', 'EMFILE'],
  ['EINVAL', 'EILSEQ'],
  ['ETXTBSY', 'EBUSY'],
  ['ENODEV', 'ENXIO'],
  ['ESTALE', 'ETIMEDOUT'],
  ['EHOSTDOWN', 'ETIMEDOUT'],
  ['ENOTCONN', 'ETIMEDOUT'],
  ['ERR_WORKER_OUT_OF_MEMORY', 'ENOMEM'],
  ['ERR_MEMORY_ALLOCATION_FAILED', 'ENOMEM'],
  ['ERR_STRING_TOO_LONG', 'ENOMEM'],
  ['ERR_BUFFER_TOO_LARGE', 'ENOMEM'],
])
  systemMessages[code] = systemMessages[sameAs];

/** The code and message of anything that was thrown. */
export function explain(error: unknown): { code: ErrorCode; message: string } {
  const [code, message] = explanationOf(error);
  return { code, message };
}

function explanationOf(error: unknown): Explanation {
  if (error instanceof WinnowError) return [error.code, error.message];
  if (!(error instanceof Error)) return ['failed', String(error)];
  const { code = '', path, dest, syscall } = error as NodeJS.ErrnoException & { dest?: string };
  if (code === 'ERR_SQLITE_ERROR') {
    const known = sqliteMessages[((error as { errcode?: number }).errcode ?? 0) & 0xff];
    return (
      known ?? [
        'failed',
        `The workspace could not be read or written: ${error.message}. Your decisions are saved. Open the folder again.`,
      ]
    );
  }
  if (error.name === 'AbortError') return ['cancelled', 'Cancelled.'];
  if (code === 'EFBIG' && syscall === 'open') return ['bad-request', error.message]; // from file/open.ts; the message has the limit
  // Node also uses EINVAL for wrong arguments.
  if (Object.hasOwn(systemMessages, code) && (code !== 'EINVAL' || syscall))
    return systemMessages[code](dest ?? path ?? 'The file');
  if (error instanceof RangeError) return explainRangeError(error);
  return ['failed', error.message];
}

/** Out of memory and stack overflow have no codes: they are recognised by their messages. */
function explainRangeError({ message }: RangeError): Explanation {
  if (
    /allocation failed|out of memory|invalid (typed )?array( buffer)? length|invalid string length|set maximum size exceeded|map maximum size exceeded/i.test(
      message,
    )
  )
    return systemMessages.ENOMEM('');
  if (/call stack/i.test(message))
    return [
      'failed',
      'The data is nested too deeply or is too large. Your decisions are saved. If it comes from a file, check that it is the right one.',
    ];
  return ['failed', message];
}
