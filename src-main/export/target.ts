/** Whether an export may be made where it is asked for. Throws WinnowError; writes nothing. */
import { constants, existsSync, readdirSync, statSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { dirname } from 'node:path';
import { WinnowError } from '../contract/errors.ts';
import { isInside, nearestExisting } from '../file/output.ts';
import { partOf } from './part.ts';

export async function checkTarget(folder: string, to: string): Promise<void> {
  if (!existsSync(folder)) throw goneError(folder);
  if (isInside(folder, to) || isInside(folder, partOf(to).folder)) {
    throw new WinnowError('target-inside-source', `The target lies inside the opened folder, which is never written to. Choose a place outside ${folder}.`);
  }
  if (existsSync(to)) checkEmpty(to);
  const above = nearestExisting(dirname(to));
  if (!statSync(above).isDirectory()) throw new WinnowError('target-unwritable', `${above} is a file, so nothing can be made in it. Choose another place.`);
  await access(above, constants.W_OK).catch((error: unknown) => {
    throw new WinnowError('target-unwritable', `No permission to write to ${above}. Choose another place.`, { cause: error });
  });
}

export const goneError = (folder: string) => new WinnowError('no-folder', `${folder} is gone. Was its disk taken out? Bring it back, then export again.`);

function checkEmpty(to: string) {
  let entries: string[];
  try {
    entries = readdirSync(to);
  } catch {
    throw new WinnowError('target-not-empty', `${to} is not a folder that can be written to.`);
  }
  if (entries.length) throw new WinnowError('target-not-empty', `${to} is not empty, and an export overwrites nothing. Choose a new folder.`);
  // An export appears by taking the folder's place, and the top of a disk has none that could be taken.
  if (statSync(to).dev !== statSync(dirname(to)).dev) throw new WinnowError('target-unwritable', `${to} is the top of a disk. Name a new folder in it.`);
}
