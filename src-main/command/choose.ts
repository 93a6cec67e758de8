/** Selects the images of a command: paths, globs or one expression, a saved view, or a list of paths from a file or standard input. */
import { isAbsolute, relative, resolve, sep } from 'node:path';
import type { Command } from 'commander';
import { WinnowError } from '../contract/errors.ts';
import { predicateOf } from '../contract/read.ts';
import { PathIndex } from '../contract/same-name.ts';
import type { Choice } from '../contract/schemas.ts';
import type { Sample } from '../contract/types.ts';
import type { Client } from '../door/client.ts';
import { linesOf, readText } from '../file/lines.ts';
import { selectSamples } from '../workspace/edits.ts';
import { readSource } from './samples.ts';

export interface ChoiceOptions {
  where?: string;
  view?: string;
  from?: string;
  skipMissing?: boolean;
}

export const addChoice = (command: Command): Command =>
  command
    .argument('[what...]', 'paths within the folder, globs, or one expression')
    .option('--where <expression>', 'images that match this expression')
    .option('--view <name>', 'images of a saved view')
    .option('--from <file>', "paths from a file, one per line ('-': standard input)")
    .option('--skip-missing', 'with --from: skip paths that are not in the folder');

/** `listed` are the paths of `--from`. Throws `bad-request` unless exactly one way is given. */
export async function choiceOf(
  client: Client,
  samples: readonly Sample[],
  what: readonly string[],
  listed: readonly string[] | null,
  options: ChoiceOptions,
): Promise<Choice> {
  const ways = [what.length > 0, options.where !== undefined, options.view !== undefined, listed !== null].filter(
    Boolean,
  ).length;
  if (ways !== 1)
    throw new WinnowError(
      'bad-request',
      'Select images in exactly one way: paths, globs or an expression, --where, --view, or --from.',
    );
  if (options.where !== undefined) return { where: options.where };
  if (listed) return { ids: idsOf(client, samples, listed, options.skipMissing ?? false) };
  if (options.view !== undefined) {
    const view = (await client.calls.views.list.query()).find(({ name }) => name === options.view);
    if (!view) throw new WinnowError('bad-request', `There is no view ‘${options.view}’. \`views\` lists them.`);
    return view.where === null ? { ids: samples.map(({ id }) => id) } : { where: view.where };
  }
  const paths = new PathIndex(samples);
  const [only] = what;
  // One argument that is neither a path nor a glob but has an operator is an expression.
  const isExpression =
    what.length === 1 &&
    !paths.all(withinFolder(client, only, paths)).length &&
    (/[<>=]/.test(only) || /\slike\s/.test(only));
  return isExpression ? { where: only } : { paths: what.map((path) => withinFolder(client, path, paths)) };
}

/** The samples that the engine would select for this choice. Throws the same errors. */
export async function chosenSamples(client: Client, samples: readonly Sample[], choice: Choice): Promise<Sample[]> {
  const source = 'where' in choice ? await readSource(client, (reading) => predicateOf(choice.where, reading)) : null;
  const ids = new Set(
    selectSamples(
      choice,
      () => samples,
      () => source as NonNullable<typeof source>,
    ),
  );
  return samples.filter(({ id }) => ids.has(id));
}

/** A path relative to the opened folder, also if the shell completed it relative to the working directory. */
export function withinFolder(client: Client, path: string, paths: PathIndex<{ path: string }>): string {
  const isKnown = (one: string) => paths.all(one).length > 0;
  if (isKnown(path)) return path;
  const inside = relative(client.folder, resolve(path));
  const isInside = inside !== '' && !isAbsolute(inside) && inside.split(sep)[0] !== '..';
  const relativePath = inside.split(sep).join('/');
  return isInside && (isKnown(relativePath) || isAbsolute(path)) ? relativePath : path.replace(/^\.\//, '');
}

function idsOf(client: Client, samples: readonly Sample[], listed: readonly string[], skipMissing: boolean): number[] {
  const byPath = new PathIndex(samples);
  const inside = (path: string) => relative(client.folder, path).split(sep).join('/'); // lists of an export have absolute paths
  const ids: number[] = [];
  for (const path of listed) {
    const exact = byPath.all(path);
    const found = exact.length ? exact : byPath.all(isAbsolute(path) ? inside(path) : path.replace(/^\.\//, ''));
    for (const { id } of found) ids.push(id);
    if (found.length) continue;
    if (!skipMissing)
      throw new WinnowError(
        'no-samples',
        `No image of this folder is ‘${path}’. Paths are relative to the folder; --skip-missing skips such lines.`,
      );
  }
  return ids;
}

/**
 * The paths of `--from`, one per line. A line that starts with a quotation mark is a JSON string, for names with line breaks or surrounding blanks. Call
 * this before the folder is opened: in a pipe, the writing command has the folder open until it exits.
 */
export async function readList({ from }: ChoiceOptions): Promise<string[] | null> {
  if (from === undefined) return null;
  const name = from === '-' ? 'standard input' : from;
  const paths: string[] = [];
  for (const [line, number] of linesOf(await readText(from), name)) {
    if (line.startsWith('"')) paths.push(pathIn(line, `Line ${number} of ${name}`));
    else if (line) paths.push(line);
  }
  return paths;
}

/** The path that a line gives as a JSON string. */
export function pathIn(line: string, where: string): string {
  try {
    return String(JSON.parse(line));
  } catch {
    throw new WinnowError('bad-request', `${where} starts with a quotation mark but is not a JSON string.`);
  }
}
