/** `import FOLDER FILE`: marks made elsewhere, from a table, a COCO file or the manifest of an export. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { WinnowError } from '../contract/errors.ts';
import { plural } from '../contract/words.ts';
import type { Door } from '../door/client.ts';
import { stdinPrefix } from '../workspace/commands.ts';
import { readInput } from './choose.ts';
import { folderCommand, inFolder, type FolderOptions } from './folder-command.ts';
import { say } from './output.ts';
import { knownSamples, tellMarks } from './samples.ts';

interface ImportOptions extends FolderOptions { from?: string; dryRun?: boolean }

export function addImportCommand(program: Command) {
  folderCommand(program, 'decide', 'import', 'take over decisions, tags, labels and notes from CSV, JSON Lines, COCO or the manifest of an export',
    ['photos labels.csv --dry-run', 'photos export/manifest.json', 'photos - < marks.jsonl'])
    .argument('[file]', "the file; '-' for standard input")
    .option('--from <file>', 'the same')
    .option('--dry-run', 'only say what would change')
    .action((folder: string, file: string | undefined, options: ImportOptions) => {
      if ((file === undefined) === (options.from === undefined)) throw new WinnowError('bad-request', "Name one file to import; '-' for standard input.");
      return inFolder(folder, options, (door) => importCommand(door, file ?? (options.from as string), options));
    });
}

async function importCommand(door: Door, file: string, options: ImportOptions): Promise<void> {
  await knownSamples(door);
  const dryRun = options.dryRun ?? false;
  const result = file === '-'
    ? await fromStdin((path) => door.calls.workspace.import.mutate({ file: path, dryRun }))
    : await door.calls.workspace.import.mutate({ file: resolve(file), dryRun }); // resolved here, since the engine may run elsewhere
  const { rows, matched, changed, unmatched } = result;
  say(options, `${plural(rows, 'row')}, ${matched.toLocaleString('en')} of images here; ${dryRun ? `${plural(changed, 'image')} would change. Nothing was written.` : `${plural(changed, 'image')} changed.`}`);
  for (const path of unmatched.slice(0, 5)) say(options, `  no image here: ${path}`);
  if (unmatched.length > 5) say(options, `  … and ${unmatched.length === 100 ? 'at least ' : ''}${unmatched.length - 5} more`);
  await tellMarks(door, options, 'import', { dryRun, ...result });
}

/** The engine may be another process, which cannot read our standard input: it gets a file, named after what is in it. */
async function fromStdin<Result>(work: (file: string) => Promise<Result>): Promise<Result> {
  const text = readInput('-');
  const folder = mkdtempSync(join(tmpdir(), stdinPrefix));
  try {
    const file = join(folder, `marks.${kindOf(text)}`);
    writeFileSync(file, text, { mode: 0o600 });
    return await work(file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A first line that is an object by itself is JSON Lines; what begins like JSON otherwise is one document; the rest is a table. */
function kindOf(text: string): 'jsonl' | 'json' | 'csv' {
  const start = text.replace(/^\uFEFF/, '').trimStart();
  if (!/^[{[]/.test(start)) return 'csv';
  const [first, ...more] = start.split('\n').filter((line) => line.trim());
  try {
    const value = JSON.parse(first) as object;
    return more.length || 'path' in value ? 'jsonl' : 'json';
  } catch {
    return 'json';
  }
}
