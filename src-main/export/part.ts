/**
 * The folder of an unfinished export, `.<name>.winnow-part` beside the target: `set/` becomes the target when it is complete, `plan.json` identifies the export. The
 * same export resumes from it; another export starts from scratch.
 */
import { existsSync, lstatSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { WinnowError } from '../contract/errors.ts';
import { writeAtomically } from '../file/write-atomically.ts';

const schema = 'winnow/part@1';

export interface Part {
  folder: string;
  /** The folder that becomes the target. */
  set: string;
}

/** `to` is a real path. */
export function partOf(to: string): Part {
  const folder = join(dirname(to), `.${basename(to)}.winnow-part`);
  return { folder, set: join(folder, 'set') };
}

/** Does the unfinished export there match this one? */
export async function isGrowing({ folder, set }: Part, fingerprint: string): Promise<boolean> {
  if (isLink(folder) || isLink(set)) return false;
  try {
    const plan = JSON.parse(await readFile(join(folder, 'plan.json'), 'utf8')) as {
      schema: string;
      fingerprint: string;
    };
    return plan.schema === schema && plan.fingerprint === fingerprint;
  } catch {
    return false;
  }
}

/** Prepares the folder: files placed by the same export stay, everything else is removed. */
export async function openPart(part: Part, fingerprint: string, paths: ReadonlySet<string>): Promise<void> {
  if (await isGrowing(part, fingerprint)) {
    await mkdir(part.set, { recursive: true });
    await keepOnly(part.set, '', paths);
    return;
  }
  if (!(await isOurs(part))) {
    throw new WinnowError(
      'target-not-empty',
      `${part.folder} holds files that are not Winnow’s, where the export would grow. Move them away, or choose another name.`,
    );
  }
  await rm(part.folder, { recursive: true, force: true });
  await mkdir(part.set, { recursive: true });
  await writeAtomically(join(part.folder, 'plan.json'), `${JSON.stringify({ schema, fingerprint })}\n`);
}

/** Links are never followed: they lead outside of the export. */
const isLink = (path: string) => lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;

/** A folder with this name and other content belongs to the user. */
async function isOurs({ folder, set }: Part): Promise<boolean> {
  if (isLink(folder) || isLink(set)) return false;
  const there = await readdir(folder).catch(() => []);
  return there.every((name) => name === 'set' || name.startsWith('plan.json'));
}

/** Removes what an interrupted export wrote besides images; it is written again. */
async function keepOnly(root: string, at: string, paths: ReadonlySet<string>): Promise<void> {
  for (const entry of await readdir(join(root, at), { withFileTypes: true })) {
    const path = at ? `${at}/${entry.name}` : entry.name;
    if (entry.isDirectory()) await keepOnly(root, path, paths);
    else if (!paths.has(path)) await rm(join(root, path));
  }
}

/** Removes empty folders, as after a file that could not be placed: readers would take them for classes. */
export async function removeEmptyFolders(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const inner = join(folder, entry.name);
    await removeEmptyFolders(inner);
    if (!(await readdir(inner)).length) await rmdir(inner);
  }
}

/** After a failure: is there anything that another attempt can use? */
export async function leavePart(part: Part): Promise<boolean> {
  try {
    if (!(await isOurs(part))) return false;
    await removeEmptyFolders(part.set);
    if ((await readdir(part.set)).length) return true;
    await rm(part.folder, { recursive: true });
  } catch {
    // Missing, not Winnow's or not writable: the failure itself is reported.
  }
  return false;
}

/** Renames the complete export to its target, atomically. */
export async function finishPart(part: Part, to: string): Promise<void> {
  if (existsSync(to)) await rmdir(to); // empty, as checked; a race makes this fail, and nothing is lost
  await rename(part.set, to);
  await syncFolder(dirname(to));
  await rm(part.folder, { recursive: true, force: true });
}

/** Flushes the new name to the disk where the system supports it: a move deletes the originals next. */
async function syncFolder(folder: string): Promise<void> {
  try {
    await using handle = await open(folder);
    await handle.sync();
  } catch {
    // Windows syncs no folders; its file system keeps names in a journal.
  }
}
