/** `undo`, `redo`, `history`, `script`: the journal of all steps. */
import type { Command } from 'commander';
import { WinnowError } from '../contract/errors.ts';
import { printable } from '../contract/words.ts';
import type { Client } from '../door/client.ts';
import { outputFile } from '../file/output.ts';
import { writeAtomically } from '../file/write-atomically.ts';
import { atLeastOne, folderCommand, inFolder, type FolderOptions } from './folder-command.ts';
import { codeOf, say, writeJson } from './output.ts';
import { writeMarks } from './samples.ts';

interface UndoOptions extends FolderOptions {
  steps: number;
}
interface HistoryOptions extends FolderOptions {
  limit: number;
}
interface ScriptOptions extends FolderOptions {
  out?: string;
}

export function addHistoryCommands(program: Command) {
  for (const which of ['undo', 'redo'] as const) {
    folderCommand(
      program,
      'decide',
      which,
      which === 'undo' ? 'undo the last decision, tag, setting …' : 'redo what was undone',
      ['photos', 'photos --steps 3'],
    )
      .option('--steps <n>', 'number of steps', atLeastOne, 1)
      .action((folder: string, options: UndoOptions) =>
        inFolder(folder, options, (client) => undoCommand(client, which, options)),
      );
  }
  folderCommand(program, 'decide', 'history', 'list all steps, newest first, each with the equivalent command', [
    'photos --limit 10',
  ])
    .option('--limit <n>', 'number of entries', atLeastOne, 200)
    .action((folder: string, options: HistoryOptions) =>
      inFolder(folder, options, (client) => historyCommand(client, options)),
    );
  folderCommand(
    program,
    'keep',
    'script',
    'print a shell script that repeats all steps: decisions, settings, rankings, exports',
    [
      'photos > replay.sh',
      'photos --out replay.sh',
      'photos --out replay.sh && sh replay.sh /copy/of/photos /new/exports',
    ],
  )
    .option('--out <file>', 'output file (default: standard output)')
    .action((folder: string, options: ScriptOptions) =>
      inFolder(folder, options, (client) => scriptCommand(client, options)),
    );
}

/** Undoes or redoes up to the given number of steps. Throws `nothing-to-do` if there are none. */
async function undoCommand(client: Client, which: 'undo' | 'redo', options: UndoOptions): Promise<void> {
  const titles: string[] = [];
  let changed = 0;
  while (titles.length < options.steps) {
    try {
      const step = await client.calls.journal[which].mutate();
      titles.push(step.title);
      changed += step.changed;
      say(options, `${which === 'undo' ? 'Undone' : 'Redone'}: ${step.title}.`);
    } catch (error) {
      if (!titles.length || codeOf(error) !== 'nothing-to-do') throw error;
      say(options, `Nothing more to ${which}.`);
      break;
    }
  }
  const { journal } = await client.calls.workspace.describe.query();
  await writeMarks(client, options, which, { changed, title: titles.at(-1), titles, journal });
}

async function historyCommand(client: Client, options: HistoryOptions): Promise<void> {
  const entries = await client.calls.journal.history.query({ limit: options.limit });
  const { journal } = await client.calls.workspace.describe.query();
  writeJson(options, { schema: 'winnow/history@1', folder: client.folder, journal, entries });
  if (options.quiet || options.json === '-') return;
  for (const { atMs, title, undone, command } of entries) {
    process.stdout.write(
      `${when(atMs)}  ${printable(title)}${undone ? ' (undone)' : ''}\n${' '.repeat(21)}${command.startsWith('#') ? '' : 'winnow '}${printable(command)}\n`,
    );
  }
}

/** Local time to the second, as `ls` would sort it. */
function when(atMs: number): string {
  const at = new Date(atMs);
  return new Date(atMs - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19).replace('T', ' ');
}

async function scriptCommand(client: Client, options: ScriptOptions): Promise<void> {
  if (!options.out && options.json === '-')
    throw new WinnowError(
      'bad-request',
      'Script and JSON cannot both go to standard output. Name a file with --out or --json.',
    );
  const file = options.out && outputFile(options.out, [client.folder], 'The script');
  const script = await client.calls.journal.script.query();
  writeJson(options, { schema: 'winnow/script@1', folder: client.folder, script });
  if (!file) return void process.stdout.write(script);
  await writeAtomically(file, script);
  say(options, `Written to ${file}. Run it with \`sh\`.`);
}
