/**
 * Walks a folder for image files. Real folders come before links to folders and each real folder is entered once, so that loops end
 * and a file is listed under its plainest name. What cannot be listed is told, not thrown.
 */
import { type Dirent } from 'node:fs';
import { open, readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Issue } from '../contract/types.ts';
import { formatOfBytes, formatOfName, sniffBytes } from './format.ts';

export interface Found {
  path: string;
  bytes: number;
  modifiedMs: number;
}

export interface FindOptions {
  signal: AbortSignal;
  onIssue(issue: Issue): void;
  /** Names known from an earlier scan need no look at their first bytes. */
  isKnown(path: string): boolean;
}

/** Yields image files in a stable order; paths relative to `folder`, with `/`. */
export async function* findImages(folder: string, options: FindOptions): AsyncGenerator<Found> {
  const entered = new Set<string>();
  const waiting: string[] = ['']; // folders; links to folders are appended last
  const links: string[] = [];
  while (waiting.length || links.length) {
    options.signal.throwIfAborted();
    const at = waiting.pop() ?? (links.shift() as string);
    let entries: Dirent[];
    try {
      const real = await realpath(join(folder, at));
      if (entered.has(real)) continue;
      entered.add(real);
      entries = await readdir(join(folder, at), { withFileTypes: true });
    } catch (error) {
      if (at === '') throw error;
      options.onIssue(fileIssue(at, error));
      continue;
    }
    entries.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
    const inner: string[] = [];
    for (const entry of entries) {
      const path = at ? `${at}/${entry.name}` : entry.name;
      if (entry.isDirectory()) inner.push(path);
      else if (entry.isFile() || entry.isSymbolicLink()) {
        const found = await look(folder, path, options);
        if (found === 'folder') links.push(path);
        else if (found) yield found;
      }
    }
    waiting.push(...inner.reverse());
  }
}

async function look(folder: string, path: string, options: FindOptions): Promise<Found | 'folder' | null> {
  const named = formatOfName(path) !== null;
  try {
    const info = await stat(join(folder, path));
    if (info.isDirectory()) return 'folder';
    if (!info.isFile()) return null;
    if (!named && !options.isKnown(path) && !(await isImage(join(folder, path)))) return null;
    if (named && path.split('/').at(-1)?.startsWith('._') && (await isAppleDouble(join(folder, path)))) return null;
    return { path, bytes: info.size, modifiedMs: Math.round(info.mtimeMs) };
  } catch (error) {
    if (named) options.onIssue(fileIssue(path, error));
    return null;
  }
}

async function head(file: string): Promise<Buffer> {
  await using handle = await open(file);
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(sniffBytes), 0, sniffBytes, 0);
  return buffer.subarray(0, bytesRead);
}

const isImage = async (file: string) => formatOfBytes(await head(file)) !== null;
/** macOS leaves `._name.jpg` beside files on foreign disks: attributes, not an image. */
const isAppleDouble = async (file: string) => (await head(file)).readUInt32BE(0) === 0x00051607;

/** A system error on one file, as an issue. */
export function fileIssue(path: string, error: unknown): Issue {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'ENOENT': return { path, code: 'vanished', message: 'The file is gone, or is a link to nothing.' };
    case 'EACCES': case 'EPERM': return { path, code: 'no-permission', message: 'No permission to read this.' };
    case 'ELOOP': return { path, code: 'unreadable', message: 'The link leads back to itself.' };
    default: return { path, code: 'unreadable', message: `The system could not read this: ${message}` };
  }
}
