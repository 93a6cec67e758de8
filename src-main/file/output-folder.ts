/**
 * A folder that the user chooses for many output files, such as error maps. It may contain other files: `winnow-files.jsonl` lists the files that Winnow wrote,
 * one path per line, and Winnow replaces only listed files. Links are not followed, so that nothing is written into an opened folder.
 */
import { existsSync, statSync } from 'node:fs';
import { appendFile, lstat, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { WinnowError } from '../contract/errors.ts';
import { readRegular } from './open.ts';
import { isInside, isMissing, nearestExisting, requireOutside, requireWritable } from './output.ts';
import { writeAtomically } from './write-atomically.ts';

const listName = 'winnow-files.jsonl';
const schema = 'winnow/files@1';
const longestList = 2 ** 28;

export class OutputFolder {
  /** With links resolved. */
  readonly path: string;
  #sources: readonly string[];
  #what: string;
  #listed: Set<string> | null = null;

  /** `sources`: the opened folders, which are never written to. `what` starts messages about this folder: 'The folder for maps'. Throws WinnowError. */
  constructor(path: string, sources: readonly string[], what: string) {
    this.#sources = sources;
    this.#what = what;
    this.path = requireOutside(sources, path, what);
    if (existsSync(this.path) && !statSync(this.path).isDirectory())
      throw new WinnowError('target-unwritable', `${this.path} is a file, not a folder. Choose another place.`);
    const above = nearestExisting(this.path);
    if (!statSync(above).isDirectory())
      throw new WinnowError('target-unwritable', `${above} is a file, not a folder. Choose another place.`);
    requireWritable(above);
  }

  /** Checks, before a long computation, that all these files can be written. Writes nothing. Throws WinnowError for the first that cannot. */
  async check(names: Iterable<string>): Promise<void> {
    this.#listed = await this.#readList();
    const folders = new Set<string>();
    for (const name of names) await this.#checkFile(name, this.#listed, folders);
  }

  /** Writes one file and creates missing folders. Throws WinnowError like `check`. */
  async write(name: string, data: string | Uint8Array): Promise<void> {
    const listed = (this.#listed ??= await this.#readList());
    await this.#checkFile(name, listed, new Set()); // again: the disk may have changed since
    if (!listed.has(name)) {
      await this.#list(name, listed.size === 0);
      listed.add(name);
    }
    await writeAtomically(join(this.path, name), data);
  }

  /** `folders`: those that are checked already. */
  async #checkFile(name: string, listed: ReadonlySet<string>, folders: Set<string>): Promise<void> {
    const file = join(this.path, name);
    await this.#checkFolder(dirname(file), folders);
    const info = await lstat(file).catch(missing);
    if (info && !(info.isFile() && listed.has(name))) {
      throw new WinnowError(
        'target-not-empty',
        `${file} already exists and was not written by Winnow. Winnow does not overwrite it: choose another folder, or move that file away.`,
      );
    }
  }

  async #checkFolder(folder: string, checked: Set<string>): Promise<void> {
    if (checked.has(folder)) return;
    const inside = relative(this.path, folder);
    if (inside !== '') await this.#checkFolder(dirname(folder), checked);
    const info = inside === '' ? null : await lstat(folder).catch(missing);
    if (info && !info.isDirectory())
      throw new WinnowError(
        'target-unwritable',
        `${folder} is ${info.isSymbolicLink() ? 'a link' : 'a file'}, but a folder is needed there. Choose another place, or move it away.`,
      );
    const source = this.#sources.find((each) => isInside(each, folder));
    if (source !== undefined) {
      throw new WinnowError(
        'target-inside-source',
        `${this.#what} would write to ${folder}, which is inside the opened folder ${source}. Winnow never writes to an opened folder. Choose another place.`,
      );
    }
    checked.add(folder);
  }

  async #readList(): Promise<Set<string>> {
    const file = join(this.path, listName);
    const info = await lstat(file).catch(missing);
    if (!info) return new Set();
    const [head, ...lines] =
      info.isFile() && info.nlink === 1 ? (await readRegular(file, longestList)).toString('utf8').split('\n') : [''];
    if (head !== JSON.stringify({ schema }))
      throw new WinnowError(
        'target-not-empty',
        `${file} is not a list of files that Winnow wrote. Choose another folder, or move that file away.`,
      );
    return new Set(lines.flatMap(nameOf));
  }

  /** Adds a file to the list before the file is written: if the command is killed in between, the next one may replace the file. */
  async #list(name: string, isFirst: boolean): Promise<void> {
    const file = join(this.path, listName);
    const line = `${JSON.stringify(name)}\n`;
    if (isFirst && !(await lstat(file).catch(missing))) {
      await mkdir(this.path, { recursive: true });
      await writeFile(file, `${JSON.stringify({ schema })}\n${line}`, { flag: 'wx' });
    } else await appendFile(file, line);
  }
}

/** The path in a line of the list; none if the line is incomplete, as the last one can be. */
function nameOf(line: string): string[] {
  try {
    return [String(JSON.parse(line))];
  } catch {
    return [];
  }
}

function missing(error: unknown): null {
  if (isMissing(error)) return null;
  throw error;
}
