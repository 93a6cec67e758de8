/**
 * Checks every output path that the user gives: nothing is written into an opened folder, and only files that Winnow wrote are overwritten. Links are resolved and
 * folders are compared by inode, so that links, mounts and upper or lower case cannot hide where a path leads.
 */
import { accessSync, constants, existsSync, lstatSync, readlinkSync, readSync, closeSync, statSync } from 'node:fs';
import { dirname, join, parse, resolve, sep } from 'node:path';
import { WinnowError } from '../contract/errors.ts';
import { openRegularSync } from './open.ts';

/** The number of links in a chain that Linux follows. */
const maxLinks = 40;

/** `path` itself, or the nearest folder above it that exists. */
export function nearestExisting(path: string): string {
  let at = resolve(path);
  while (!existsSync(at)) at = dirname(at);
  return at;
}

const bigStat = (path: string) => statSync(path, { bigint: true });

/** The path does not exist: nothing is there, or a file is where a folder should be. */
export const isMissing = (error: unknown): boolean =>
  ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');

/** The result of `stat`; null if the path does not exist. */
function ifExists<Info>(stat: (path: string) => Info, path: string): Info | null {
  try {
    return stat(path);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/**
 * The path that a write to `path` would reach. All links are followed, including those to paths that do not exist yet. Throws `target-unwritable` for a circle
 * of links.
 */
export function realTarget(path: string): string {
  let wanted = resolve(path);
  for (let links = 0; links <= maxLinks; links++) {
    const { root } = parse(wanted);
    const parts = wanted.slice(root.length).split(sep).filter(Boolean);
    let at = root;
    let next: string | null = null;
    for (const [i, part] of parts.entries()) {
      const here = join(at, part);
      const info = ifExists(lstatSync, here);
      if (!info) return join(at, ...parts.slice(i));
      if (info.isSymbolicLink()) {
        next = join(resolve(at, readlinkSync(here)), ...parts.slice(i + 1));
        break;
      }
      at = here;
    }
    if (next === null) return at;
    wanted = next;
  }
  throw new WinnowError('target-unwritable', `${path} is a link that refers to itself. Choose another place.`);
}

/** True if `path` is `folder` or inside it. `path` need not exist. */
export function isInside(folder: string, path: string): boolean {
  const source = ifExists(bigStat, folder);
  if (!source) return false;
  for (let at = realTarget(path); ; at = dirname(at)) {
    const here = ifExists(bigStat, at);
    if (here && here.ino === source.ino && here.dev === source.dev) return true;
    if (dirname(at) === at) return false;
  }
}

/**
 * Returns the path to write to, with links resolved. Throws `target-inside-source` if it is in one of the folders; `what` starts the message: 'The folder for
 * maps'.
 */
export function requireOutside(folders: readonly string[], path: string, what: string): string {
  const inside = folders.find((folder) => isInside(folder, path));
  if (inside !== undefined)
    throw new WinnowError(
      'target-inside-source',
      `${what} would be inside the opened folder ${inside}. Winnow never writes to an opened folder. Choose another place.`,
    );
  return realTarget(path);
}

/** Every single file that Winnow writes starts with one of these. */
const ownStarts = [/^\s*\{\s*"schema":\s*"winnow\//, /^#!\/bin\/sh\n# .*\bWinnow\b/];

/**
 * Checks a path for a single output file: it must be outside of all opened folders, and new, empty or a file that Winnow wrote before. Devices and pipes such as
 * `/dev/stdout` are allowed. Returns the path to write to. Throws WinnowError.
 */
export function outputFile(path: string, folders: readonly string[], what: string): string {
  const target = requireOutside(folders, path, what);
  const info = ifExists(statSync, target);
  if (info?.isDirectory()) throw new WinnowError('target-unwritable', `${target} is a folder. Name a file in it.`);
  if (info?.isFile() && info.size > 0 && !isOwnFile(target)) {
    throw new WinnowError(
      'target-not-empty',
      `${target} already exists and was not written by Winnow. Winnow does not overwrite it: choose another name, or delete it first.`,
    );
  }
  if (info?.isFile() && info.nlink > 1)
    throw new WinnowError(
      'target-not-empty',
      `${target} is a hard link to a file that also exists elsewhere. Choose another name.`,
    );
  const parent = nearestExisting(dirname(target));
  if (!statSync(parent).isDirectory())
    throw new WinnowError('target-unwritable', `${parent} is a file, not a folder. Choose another place.`);
  if (parent !== dirname(target))
    throw new WinnowError(
      'target-unwritable',
      `The folder ${dirname(target)} does not exist. Create it first, or choose another place.`,
    );
  if (!info || info.isFile()) requireWritable(info ? target : parent);
  return target;
}

/** Throws `target-unwritable`. */
export function requireWritable(path: string) {
  try {
    accessSync(path, constants.W_OK);
  } catch (error) {
    throw new WinnowError(
      'target-unwritable',
      `${path} cannot be written to. Change its permissions, or choose another place.`,
      {
        cause: error,
      },
    );
  }
}

function isOwnFile(path: string): boolean {
  const descriptor = openRegularSync(path);
  try {
    const head = Buffer.alloc(256);
    const start = head.toString('utf8', 0, readSync(descriptor, head, 0, head.length, 0));
    return ownStarts.some((own) => own.test(start));
  } finally {
    closeSync(descriptor);
  }
}
