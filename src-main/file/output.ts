/**
 * Decides where the program may write. Every output path from the user is checked here: links are resolved and paths compared by inode, so that
 * nothing is written into an opened folder, and only Winnow's own files are overwritten.
 */
import { existsSync, lstatSync, readlinkSync, readSync, closeSync, statSync } from 'node:fs';
import { dirname, join, parse, resolve, sep } from 'node:path';
import { WinnowError } from '../contract/errors.ts';
import { openRegularSync } from './open.ts';

/** As many links in a row as Linux follows. */
const maxLinks = 40;

/** The nearest folder above that exists, or `path` itself. */
export function nearestExisting(path: string): string {
  let at = resolve(path);
  while (!existsSync(at)) at = dirname(at);
  return at;
}

const bigStat = (path: string) => statSync(path, { bigint: true });

/** Nothing is there, or what stands above it is a file. */
export const isMissing = (error: unknown): boolean =>
  ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');

/** Null where nothing is, or where what stands above it is a file. */
function ofWhatIsThere<Info>(stat: (path: string) => Info, path: string): Info | null {
  try {
    return stat(path);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** The path that a write to `path` would reach: every link is followed, also one that leads to nothing yet. Throws `target-unwritable` for links that lead to themselves. */
export function realTarget(path: string): string {
  let wanted = resolve(path);
  for (let links = 0; links <= maxLinks; links++) {
    const { root } = parse(wanted);
    const parts = wanted.slice(root.length).split(sep).filter(Boolean);
    let at = root;
    let next: string | null = null;
    for (const [i, part] of parts.entries()) {
      const here = join(at, part);
      const info = ofWhatIsThere(lstatSync, here);
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

/** Would `path`, which need not exist, lie in `folder` or be it? Compared by what the disk says a folder is, so that links, mounts and capitals do not hide it. */
export function isInside(folder: string, path: string): boolean {
  const source = ofWhatIsThere(bigStat, folder);
  if (!source) return false;
  for (let at = realTarget(path); ; at = dirname(at)) {
    const here = ofWhatIsThere(bigStat, at);
    if (here && here.ino === source.ino && here.dev === source.dev) return true;
    if (dirname(at) === at) return false;
  }
}

/** Throws `target-inside-source` where `path` lies in one of the folders. `what` names it at the start of a sentence: 'The folder for maps'. Returns the real path, which is the one to write to. */
export function requireOutside(folders: readonly string[], path: string, what: string): string {
  const inside = folders.find((folder) => isInside(folder, path));
  if (inside !== undefined)
    throw new WinnowError(
      'target-inside-source',
      `${what} would be inside the opened folder ${inside}. Winnow never writes to an opened folder. Choose another place.`,
    );
  return realTarget(path);
}

/** The start of a file that Winnow wrote: what it begins with tells it from everybody else's. */
const ownStarts = [/^\s*\{\s*"schema":\s*"winnow\//, /^#!\/bin\/sh\n# .*\bWinnow\b/];

/**
 * Where a single file may be written: outside of every opened folder, in place of nothing or of a file that Winnow wrote before. Devices and pipes, as
 * `/dev/stdout`, are written to as they are. Returns the path to write to. Throws WinnowError.
 */
export function outputFile(path: string, folders: readonly string[], what: string): string {
  const target = requireOutside(folders, path, what);
  const info = ofWhatIsThere(statSync, target);
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
  if (parent !== dirname(target) || !statSync(parent).isDirectory())
    throw new WinnowError(
      'target-unwritable',
      `The folder ${dirname(target)} does not exist. Create it first, or choose another place.`,
    );
  return target;
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
