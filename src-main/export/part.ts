/**
 * The folder of an unfinished export, `.<name>.winnow-part` beside the target. Its `set/` becomes the target when it is complete; `plan.json` identifies the export.
 * The same export resumes from this folder; any other export starts from scratch.
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

/** `to`: the target, with links resolved. */
export function partOf(to: string): Part {
  const folder = join(dirname(to), `.${basename(to)}.winnow-part`);
  return { folder, set: join(folder, 'set') };
}

/** True if the folder holds an unfinished export with this fingerprint. */
export async function isResumable({ folder, set }: Part, fingerprint: string): Promise<boolean> {
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
  if (await isResumable(part, fingerprint)) {
    await mkdir(part.set, { recursive: true });
    await keepOnly(part.set, '', paths);
    return;
  }
  if (!(await isOurs(part))) {
    throw new WinnowError(
      'target-not-empty',
      `${part.folder} contains files that Winnow did not write, where the export would be built. Move them away, or choose another name.`,
    );
  }
  await rm(part.folder, { recursive: true, force: true });
  await mkdir(part.set, { recursive: true });
  await writeAtomically(join(part.folder, 'plan.json'), `${JSON.stringify({ schema, fingerprint })}\n`);
}

/** Links are never followed: they lead out of the export. */
const isLink = (path: string) => lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;

/** A folder with this name and other content belongs to the user. */
async function isOurs({ folder, set }: Part): Promise<boolean> {
  if (isLink(folder) || isLink(set)) return false;
  const there = await readdir(folder).catch(() => []);
  return there.every((name) => name === 'set' || name.startsWith('plan.json'));
}

/** Removes all files except those at `paths`: what an interrupted export wrote besides images is written again. */
async function keepOnly(root: string, at: string, paths: ReadonlySet<string>): Promise<void> {
  for (const entry of await readdir(join(root, at), { withFileTypes: true })) {
    const path = at ? `${at}/${entry.name}` : entry.name;
    if (entry.isDirectory()) await keepOnly(root, path, paths);
    else if (!paths.has(path)) await rm(join(root, path));
  }
}

/** Removes empty folders, such as those of files that could not be placed: readers would take them for classes. */
export async function removeEmptyFolders(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const inner = join(folder, entry.name);
    await removeEmptyFolders(inner);
    if (!(await readdir(inner)).length) await rmdir(inner);
  }
}

/** After a failure: removes the folder if it is empty. Returns true if it holds files from which another attempt can resume. */
export async function keepUsefulPart(part: Part): Promise<boolean> {
  try {
    if (!(await isOurs(part))) return false;
    await removeEmptyFolders(part.set);
    if ((await readdir(part.set)).length) return true;
    await rm(part.folder, { recursive: true });
  } catch {
    // The folder is missing or not writable; the caller reports the failure itself.
  }
  return false;
}

/** Renames the complete export to its target, atomically. */
export async function finishPart(part: Part, to: string): Promise<void> {
  if (existsSync(to)) await rmdir(to); // it was empty when the export started; if it is not now, this fails and nothing is lost
  await rename(part.set, to);
  await syncFolder(dirname(to));
  await rm(part.folder, { recursive: true, force: true });
}

/** Flushes the new name to the disk, since a move sends the originals to the trash next. */
async function syncFolder(folder: string): Promise<void> {
  try {
    await using handle = await open(folder);
    await handle.sync();
  } catch {
    // Windows cannot sync a folder; NTFS journals the names itself.
  }
}
