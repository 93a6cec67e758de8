/** Errors for people: a code for programs and one sentence that says what happened and what to do. */

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

type Told = [code: ErrorCode, message: string];

/** SQLite's primary result codes. */
const sqliteSentences: Record<number, Told> = {
  5: ['workspace-busy', 'Another program uses the workspace at this moment. Close that program and try again.'], // BUSY
  6: ['workspace-busy', 'Another program uses the workspace at this moment. Close that program and try again.'], // LOCKED
  7: ['out-of-memory', 'There is not enough memory. Close other programs and try again.'], // NOMEM
  8: [
    'target-unwritable',
    'The workspace cannot be written to: its disk is read-only. Choose another place with --workspace.',
  ], // READONLY
  10: [
    'failed',
    'The disk that holds the workspace reports an error. What was confirmed is kept. Check the disk, then open the folder again.',
  ], // IOERR
  11: [
    'workspace-corrupt',
    'The workspace, which holds your decisions, is damaged. Your images are untouched. Close the folder; `winnow restore FOLDER` lists the backups and brings one back.',
  ], // CORRUPT
  13: [
    'disk-full',
    'The disk that holds the workspace is full. Confirmed changes are kept. Free some space and try again.',
  ], // FULL
  14: [
    'target-unwritable',
    'The workspace cannot be opened: its folder is missing, or there is no permission for it. Check the folder, or choose another place with --workspace.',
  ], // CANTOPEN
};
sqliteSentences[26] = sqliteSentences[11]; // NOTADB

/** What the system says of files, by its code; `what` is the path, or 'The file' where the system names none. */
const systemSentences: Record<string, (what: string) => Told> = {
  ENOENT: (what) => ['no-folder', `${what} does not exist, or not any more. Was it moved, or its disk taken out?`],
  ENOTDIR: (what) => [
    'target-unwritable',
    `${what}: a file stands where a folder is needed. Choose another place, or move that file away.`,
  ],
  EISDIR: (what) => ['target-unwritable', `${what} is a folder, and a file is needed. Name a file.`],
  ENOTREG: (what) => ['bad-request', `${what} is not a regular file. Name a file, not a folder, pipe or device.`],
  EEXIST: (what) => [
    'target-not-empty',
    `${what} exists already, and nothing is written over. Choose another name, or move it away.`,
  ],
  ENOTEMPTY: (what) => [
    'target-not-empty',
    `${what} is not empty, and nothing is written over. Choose another folder.`,
  ],
  EACCES: (what) => [
    'target-unwritable',
    `${what}: there is no permission. Change its permissions, or choose another place.`,
  ],
  EROFS: (what) => ['target-unwritable', `${what} cannot be written: its disk is read-only. Choose another place.`],
  ENOSPC: () => ['disk-full', 'The disk is full. Free some space and try again.'],
  EDQUOT: () => ['disk-full', 'Your share of the disk is used up. Free some space and try again.'],
  EFBIG: (what) => ['failed', `${what} is larger than its disk takes. Choose another disk.`],
  ENAMETOOLONG: (what) => [
    'bad-request',
    `${what.length > 120 ? `${what.slice(0, 100)}…` : what}: the name is too long for the disk. Choose a shorter one.`,
  ],
  EILSEQ: (what) => ['target-unwritable', `${what}: the disk does not take this name. Choose another one.`],
  ELOOP: (what) => [
    'target-unwritable',
    `${what} is a link that refers to itself. Remove the link, or choose another place.`,
  ],
  EBUSY: (what) => ['target-unwritable', `${what} is in use by another program. Close that program and try again.`],
  EXDEV: (what) => ['target-unwritable', `${what} lies on another disk. Choose a place on the same disk.`],
  EMFILE: () => [
    'failed',
    'Too many files are open at once. Close other programs and try again, or raise the limit with `ulimit -n`.',
  ],
  EIO: (what) => ['failed', `The disk reports an error at ${what}. Check the disk, then try again.`],
  ETIMEDOUT: (what) => ['failed', `${what} does not answer. Is the network disk connected? Try again when it is.`],
  ENXIO: (what) => ['bad-request', `${what} is a device or pipe that cannot be read here. Name a file.`],
  ENOMEM: () => [
    'out-of-memory',
    'There is not enough memory. Close other programs, or do it with fewer images at once.',
  ],
};
for (const [code, like] of [
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
  systemSentences[code] = systemSentences[like];

/** The code and sentence of anything thrown. What the system and the database say is put into words here, once. */
export function explain(error: unknown): { code: ErrorCode; message: string } {
  const [code, message] = told(error);
  return { code, message };
}

function told(error: unknown): Told {
  if (error instanceof WinnowError) return [error.code, error.message];
  if (!(error instanceof Error)) return ['failed', String(error)];
  const { code = '', path, dest, syscall } = error as NodeJS.ErrnoException & { dest?: string };
  if (code === 'ERR_SQLITE_ERROR') {
    const known = sqliteSentences[((error as { errcode?: number }).errcode ?? 0) & 0xff];
    return (
      known ?? [
        'failed',
        `The workspace could not be read or written: ${error.message}. What was confirmed is kept. Open the folder again.`,
      ]
    );
  }
  if (error.name === 'AbortError') return ['cancelled', 'Cancelled.'];
  if (code === 'EFBIG' && syscall === 'open') return ['bad-request', error.message]; // of file/open.ts, with the limit
  // Node says EINVAL of wrong arguments too.
  if (Object.hasOwn(systemSentences, code) && (code !== 'EINVAL' || syscall))
    return systemSentences[code](dest ?? path ?? 'The file');
  if (error instanceof RangeError) return rangeSentence(error);
  return ['failed', error.message];
}

/** Of memory and of depth there are only messages. */
function rangeSentence({ message }: RangeError): Told {
  if (
    /allocation failed|out of memory|invalid (typed )?array( buffer)? length|invalid string length|set maximum size exceeded|map maximum size exceeded/i.test(
      message,
    )
  )
    return systemSentences.ENOMEM('');
  if (/call stack/i.test(message))
    return [
      'failed',
      'Something here is nested too deeply or is too large to work on. Your decisions are kept. If it comes from a file, is it the right one?',
    ];
  return ['failed', message];
}
