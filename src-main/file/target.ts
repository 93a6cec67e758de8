/** Checks the target of an export of a dataset or a model: a new or empty folder outside of the opened folder. Writes nothing. */
import { constants, existsSync, lstatSync, readdirSync, statSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { WinnowError } from '../contract/errors.ts';
import { requireFolder } from './gate.ts';
import { nearestExisting, requireOutside } from './output.ts';

/** Returns the target with links resolved. Throws WinnowError. */
export async function checkTarget(folder: string, path: string): Promise<string> {
  await requireFolder(folder, reconnectHint);
  const to = requireOutside([folder], path, 'The target');
  if (existsSync(to)) checkEmpty(to);
  const above = nearestExisting(dirname(to));
  if (!statSync(above).isDirectory())
    throw new WinnowError('target-unwritable', `${above} is a file, not a folder. Choose another place.`);
  if (!existsSync(to) && lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) {
    throw new WinnowError(
      'target-unwritable',
      `${resolve(path)} is a link to ${to}, which does not exist. Create that folder first, or choose another place.`,
    );
  }
  await access(above, constants.W_OK).catch((error: unknown) => {
    throw new WinnowError('target-unwritable', `No permission to write to ${above}. Choose another place.`, {
      cause: error,
    });
  });
  return to;
}

/** What to do when the opened folder is gone. */
export const reconnectHint = 'Connect it, then export again.';

function checkEmpty(to: string) {
  let entries: string[];
  try {
    entries = readdirSync(to);
  } catch {
    throw new WinnowError('target-not-empty', `${to} is not a writable folder.`);
  }
  if (entries.length)
    throw new WinnowError(
      'target-not-empty',
      `${to} is not empty, and an export never overwrites files. Choose a new folder.`,
    );
  // The finished export replaces this folder by a rename, and a mount point cannot be replaced.
  if (statSync(to).dev !== statSync(dirname(to)).dev)
    throw new WinnowError('target-unwritable', `${to} is the root of a disk. Choose a new folder in it.`);
}
