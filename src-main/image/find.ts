/**
 * Finds the image files in a folder. Each real folder is visited once, and folders before links to folders: so circular links end, and a file is listed under its
 * own path and not under a link. Hidden and system folders are left out. A folder that cannot be listed is reported as an issue. An error that is not the folder's is thrown: otherwise its files
 * would count as deleted.
 */
import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isHiddenFolder, isInHiddenFolder } from '../contract/left-out.ts';
import type { Issue } from '../contract/types.ts';
import { ownFault } from '../file/fault.ts';
import { plural } from '../contract/words.ts';
import { askDisk } from '../file/gate.ts';
import { openRegular } from '../file/open.ts';
import { formatOfBytes, formatOfName, sniffBytes } from './format.ts';
import { fileIssue } from './issue.ts';
import { isXmlProlog, maxPrologBytes } from './xml.ts';

export interface Found {
  path: string;
  bytes: number;
  modifiedMs: number;
}

export interface FindOptions {
  signal: AbortSignal;
  onIssue(issue: Issue): void;
  /** Called with the path of each folder before it is listed; '' is the whole folder. */
  onFolder?(path: string): void;
  /** Called with the path of each hidden or system folder, which is left out. */
  onHidden?(path: string): void;
  /** True for files of an earlier scan: they are images, so their first bytes are not read again. */
  isKnown(path: string): boolean;
}

/** Yields image files in a stable order. Paths are relative to `folder`, with `/`. */
export async function* findImages(folder: string, options: FindOptions): AsyncGenerator<Found> {
  const entered = new Set<string>();
  const waiting: string[] = ['']; // folders; links to folders are appended last
  const links: string[] = [];
  while (waiting.length || links.length) {
    options.signal.throwIfAborted();
    const at = waiting.pop() ?? (links.shift() as string);
    let entries: Dirent[];
    try {
      const real = await askDisk(() => realpath(join(folder, at)), options.signal);
      if (entered.has(real)) continue;
      entered.add(real);
      options.onFolder?.(at);
      entries = await list(folder, at, options);
    } catch (error) {
      options.signal.throwIfAborted();
      if (at === '') throw ownFault(error) ?? error;
      options.onIssue(issueHere(at, error));
      continue;
    }
    entries.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
    const inner: string[] = [];
    for (const entry of entries) {
      const path = at ? `${at}/${entry.name}` : entry.name;
      if (entry.isDirectory()) {
        if (isHiddenFolder(entry.name)) options.onHidden?.(path);
        else inner.push(path);
      } else if (entry.isFile() || entry.isSymbolicLink()) {
        const found = await lookAt(folder, path, options);
        if (found === 'folder') {
          if (isHiddenFolder(entry.name)) options.onHidden?.(path);
          else links.push(path);
        } else if (found) yield found;
      } else if (formatOfName(path)) options.onIssue(fileIssue(path, { code: 'ENOTREG' }));
    }
    for (const path of inner.reverse()) waiting.push(path);
  }
}

/** The image at a path. Null if there is none; why, is told by `onIssue`, but not for a missing file whose name is not that of an image. */
export async function lookAt(folder: string, path: string, options: FindOptions): Promise<Found | 'folder' | null> {
  if (isInHiddenFolder(path)) return null;
  const named = formatOfName(path) !== null;
  const file = join(folder, path);
  try {
    const info = await askDisk(() => stat(file), options.signal);
    if (info.isDirectory()) return 'folder';
    if (!info.isFile()) {
      if (named) options.onIssue(fileIssue(path, { code: 'ENOTREG' }));
      return null;
    }
    if (!named && !options.isKnown(path) && !(await startsLikeImage(file, options))) return null;
    if (named && path.split('/').at(-1)?.startsWith('._') && isAppleDouble(await head(file, options))) return null;
    return { path, bytes: info.size, modifiedMs: Math.round(info.mtimeMs) };
  } catch (error) {
    options.signal.throwIfAborted();
    const issue = issueHere(path, error);
    if (named) options.onIssue(issue);
    return null;
  }
}

/** Throws WinnowError if the file is not the cause. */
function issueHere(path: string, error: unknown): Issue {
  const own = ownFault(error);
  if (own) throw own;
  return fileIssue(path, error);
}

/** Lists a folder. A name that is not valid UTF-8 cannot be a path in Winnow: it is skipped and reported in a printable form. */
async function list(folder: string, at: string, { signal, onIssue }: FindOptions): Promise<Dirent[]> {
  const entries = await askDisk(() => readdir(join(folder, at), { withFileTypes: true }), signal);
  // A valid name may contain the replacement character too.
  if (!entries.some(({ name }) => name.includes('\uFFFD'))) return entries;
  const raw = await askDisk(() => readdir(join(folder, at), { withFileTypes: true, encoding: 'buffer' }), signal);
  const valid: Dirent[] = [];
  const broken: Dirent<Buffer>[] = [];
  for (const entry of raw) {
    const name = entry.name.toString();
    if (Buffer.from(name).equals(entry.name)) valid.push(Object.assign(entry as unknown as Dirent, { name }));
    else broken.push(entry);
  }
  const names = new Set(valid.map(({ name }) => name));
  for (const entry of broken) {
    let name = printable(entry.name);
    while (names.has(name)) name += '\uFFFD';
    names.add(name);
    const path = at ? `${at}/${name}` : name;
    if (entry.isDirectory())
      onIssue({
        path,
        code: 'unreadable',
        message: `The folder’s name is not valid UTF-8. Rename it to include its ${await contentOf(folder, at, entry.name, signal)}.`,
      });
    else if (formatOfName(entry.name.toString('latin1')))
      onIssue({ path, code: 'unreadable', message: 'The file’s name is not valid UTF-8. Rename it to include it.' });
  }
  return valid;
}

/** What lies in a folder whose name is no text, in words. */
async function contentOf(folder: string, at: string, name: Buffer, signal: AbortSignal): Promise<string> {
  const path = Buffer.concat([Buffer.from(join(folder, at, '/')), name]);
  const entries = await askDisk(() => readdir(path, { encoding: 'buffer', withFileTypes: true }), signal).catch(
    () => null,
  );
  if (!entries) return 'images';
  const folders = entries.filter((entry) => entry.isDirectory()).length;
  return `${plural(entries.length - folders, 'file')}${folders ? ` and ${plural(folders, 'folder')}` : ''}`;
}

/** Replaces each byte that is not valid UTF-8 by the replacement character and the byte in hexadecimal. */
function printable(name: Buffer): string {
  let text = '';
  for (let at = 0; at < name.length;) {
    const length = [1, 2, 3, 4].find(
      (n) => at + n <= name.length && Buffer.from(name.toString('utf8', at, at + n)).equals(name.subarray(at, at + n)),
    );
    text += length ? name.toString('utf8', at, at + length) : `\uFFFD${name[at].toString(16).padStart(2, '0')}`;
    at += length ?? 1;
  }
  return text;
}

async function startsLikeImage(file: string, options: FindOptions): Promise<boolean> {
  const start = await head(file, options);
  if (start.length === sniffBytes && isXmlProlog(start))
    return formatOfBytes(await head(file, options, maxPrologBytes)) !== null;
  return formatOfBytes(start) !== null;
}

async function head(file: string, { signal }: FindOptions, length = sniffBytes): Promise<Buffer> {
  const handle = await askDisk(() => openRegular(file), signal);
  try {
    const { buffer, bytesRead } = await askDisk(() => handle.read(Buffer.alloc(length), 0, length, 0), signal);
    return buffer.subarray(0, bytesRead);
  } finally {
    void handle.close().catch(() => undefined);
  }
}

/** On foreign file systems, macOS stores the attributes of `name.jpg` in a file `._name.jpg`, which is not an image. */
const isAppleDouble = (start: Buffer) => start.length >= 4 && start.readUInt32BE(0) === 0x00051607;
