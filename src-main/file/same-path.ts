/** Finds what a person names by a path whose letters are written in another form of Unicode than on disk (`contract/same-name.ts`). */
import { lstat, readdir } from 'node:fs/promises';
import { join, parse, sep } from 'node:path';
import { WinnowError } from '../contract/errors.ts';
import { nfc } from '../contract/same-name.ts';
import { askDisk } from './gate.ts';

/**
 * The path as it is on disk: each part as it is written if that exists, else the one that is the same text. The path itself if there is none.
 * `path`: absolute. Throws WinnowError if several names are the same text.
 */
export async function pathOnDisk(path: string): Promise<string> {
  if (/^[\x00-\x7f]*$/.test(path) || (await exists(path))) return path;
  const { root } = parse(path);
  let at = root;
  for (const part of path.slice(root.length).split(sep)) {
    const next = join(at, part);
    if (await exists(next)) {
      at = next;
      continue;
    }
    const names = await askDisk(() => readdir(at)).catch(() => []);
    const same = names.filter((name) => nfc(name) === nfc(part)).sort();
    if (same.length > 1)
      throw new WinnowError(
        'no-folder',
        `${at} has ${same.length} names that are written like ‘${part}’ and differ in their Unicode form: ${same.map((name) => `‘${name}’ (${inWords(name)})`).join(' and ')}. Let the shell complete the one that you mean.`,
      );
    if (!same.length) return path;
    at = join(at, same[0]);
  }
  return at;
}

const exists = (path: string) =>
  askDisk(() => lstat(path)).then(
    () => true,
    () => false,
  );

const inWords = (name: string) =>
  name === name.normalize('NFC') ? 'composed' : name === name.normalize('NFD') ? 'decomposed' : 'mixed';
