/** `import FOLDER FILE`: imports marks from a table, a COCO file or the manifest of an export. */
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { WinnowError } from '../contract/errors.ts';
import { PathIndex } from '../contract/same-name.ts';
import type { ImportResult, Sample } from '../contract/types.ts';
import { plural, printable, whole } from '../contract/words.ts';
import type { Client } from '../door/client.ts';
import { linesOf, readText } from '../file/lines.ts';
import { stdinPrefix } from '../workspace/commands.ts';
import { folderCommand, inFolder, type FolderOptions } from './folder-command.ts';
import { say } from './output.ts';
import { knownSamples, writeMarks } from './samples.ts';

interface ImportOptions extends FolderOptions {
  from?: string;
  dryRun?: boolean;
  skipMissing?: boolean;
}

export function addImportCommand(program: Command) {
  folderCommand(
    program,
    'decide',
    'import',
    'import decisions, tags, labels and notes from CSV, JSON Lines, COCO or the manifest of an export',
    ['photos labels.csv --dry-run', 'photos export/manifest.json', 'photos - < marks.jsonl'],
  )
    .argument('[file]', "the file; '-' for standard input")
    .option('--from <file>', 'the file (same as the argument)')
    .option(
      '--skip-missing',
      'JSON Lines only: skip rows whose path is not in the folder instead of matching them by file name',
    )
    .option('--dry-run', 'only report what would change')
    .action(async (folder: string, file: string | undefined, options: ImportOptions) => {
      if ((file === undefined) === (options.from === undefined))
        throw new WinnowError('bad-request', "Name one file to import; '-' for standard input.");
      const named = file ?? (options.from as string);
      // Read before the folder is opened: in a pipe, the writing command has the folder open until it exits.
      // A pipe such as <(…) can be read by this process only, and the engine may be another one.
      const isHere =
        named === '-' || options.skipMissing || statSync(named, { throwIfNoEntry: false })?.isFile() === false;
      const text = isHere ? await readText(named) : null;
      await inFolder(folder, options, (client) => importCommand(client, named, text, options));
    });
}

async function importCommand(client: Client, file: string, text: string | null, options: ImportOptions): Promise<void> {
  const samples = await knownSamples(client);
  const dryRun = options.dryRun ?? false;
  const send = (path: string) => client.calls.workspace.import.mutate({ file: path, dryRun });
  let result: ImportResult;
  if (text !== null && options.skipMissing) {
    const paths = new PathIndex(samples);
    const { kept, passed } = splitByPresence(text, paths);
    const imported = kept.length
      ? await throughFile(kept.join('\n'), send)
      : { rows: 0, matched: 0, changed: 0, unmatched: [], notes: [] };
    result = {
      ...imported,
      rows: imported.rows + passed.length,
      unmatched: [...passed, ...imported.unmatched].slice(0, 100),
    };
  } else result = text === null ? await send(resolve(file)) : await throughFile(text, send); // the engine may have another working directory
  const { rows, matched, changed, unmatched, notes } = result;
  say(
    options,
    `${plural(rows, 'row')}, ${whole(matched)} for images of this folder; ${dryRun ? `${plural(changed, 'image')} would change. Nothing was written.` : `${changed || !matched ? `${plural(changed, 'image')} changed.` : 'nothing changed, since they have these marks already.'}`}`,
  );
  for (const note of notes) say(options, note);
  for (const path of unmatched.slice(0, 5)) say(options, `  no match: ${path}`);
  if (unmatched.length > 5) say(options, `  … and ${rows - matched - 5} more`);
  await writeMarks(client, options, 'import', { dryRun, ...result });
  if (!matched && !options.skipMissing)
    throw new WinnowError(
      'nothing-to-do',
      `No row is about an image of this folder, so nothing was imported. The first path is ${printable(unmatched[0])}; paths are relative to the folder.`,
    );
}

/** Passes the text as a temporary file, since the engine may be another process. The extension states the format. */
async function throughFile(text: string, work: (file: string) => Promise<ImportResult>): Promise<ImportResult> {
  const folder = mkdtempSync(join(tmpdir(), stdinPrefix));
  try {
    const file = join(folder, `marks.${kindOf(text)}`);
    writeFileSync(file, text, { mode: 0o600 });
    return await work(file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** JSON Lines if the first line is a complete JSON object, JSON if the text starts like JSON, else CSV. */
function kindOf(text: string): 'jsonl' | 'json' | 'csv' {
  const start = text.replace(/^\uFEFF/, '').trimStart();
  if (!/^[{[]/.test(start)) return 'csv';
  const end = start.search(/\n|$/);
  const [first, isMore] = [start.slice(0, end), start.slice(end).trim() !== ''];
  try {
    const value = JSON.parse(first) as object;
    return isMore || 'path' in value ? 'jsonl' : 'json';
  } catch {
    return 'json';
  }
}

/** Rows of JSON Lines whose path is in the folder, unchanged, and the paths of the other rows. */
function splitByPresence(text: string, paths: PathIndex<Sample>): { kept: string[]; passed: string[] } {
  const kept: string[] = [];
  const passed: string[] = [];
  for (const [line, number] of linesOf(text, 'The file')) {
    if (!line.trim()) continue;
    let path: unknown;
    try {
      ({ path } = JSON.parse(line) as { path?: unknown });
    } catch {
      path = undefined;
    }
    if (typeof path !== 'string')
      throw new WinnowError(
        'bad-request',
        `Line ${number} is not a JSON object with a path, as --skip-missing requires.`,
      );
    if (paths.get(path)) kept.push(line);
    else passed.push(path);
  }
  return { kept, passed };
}
