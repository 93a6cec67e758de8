/** The command line: the contract's calls as commands. What it promises to scripts stands in ARCHITECTURE.md; keep it stable. */
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { decideCommand, undoCommand, type DecideOptions } from './command/decide.ts';
import { doctorCommand } from './command/doctor.ts';
import { exportCommand, type ExportOptions } from './command/export.ts';
import { exitCodes, fail, say, type OutputOptions } from './command/output.ts';
import { addParameterFlags, rankCommand, type RankOptions } from './command/rank.ts';
import { scanCommand } from './command/scan.ts';
import { scorers } from './compute/anomaly/index.ts';
import { openDoor, type Door } from './door/client.ts';
import { version } from './workspace/engine.ts';

interface FolderOptions extends OutputOptions { workspace?: string }

const whole = (text: string) => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('A whole number was expected.');
  return value;
};

let exitCode: number = exitCodes.done;

/** Opens the folder, does the work, closes it again, whatever happens. */
async function inFolder(folder: string, options: FolderOptions, work: (door: Door) => Promise<void>) {
  const door = await openDoor(folder, options.workspace);
  try {
    await work(door);
  } finally {
    await door.close();
  }
}

const program = new Command('winnow')
  .description('Find the odd, hard, broken and duplicated images in a folder, and export a better data set. Nothing leaves this machine.')
  .version(version)
  .exitOverride()
  .showHelpAfterError('(--help shows what can be said)')
  .configureOutput({ writeOut: (text) => process.stderr.write(text) });

const folderCommand = (name: string, description: string) => program.command(name)
  .description(description)
  .argument('<folder>', 'folder of images; it is only read')
  .option('--workspace <dir>', 'where Winnow keeps what it learns (default: in your data folder)')
  .option('--json <file>', "write the result as JSON; '-' for standard output")
  .option('--quiet', 'no progress and no sentences');

folderCommand('scan', 'index the images and tell which files cannot be read')
  .action((folder: string, options: FolderOptions) => inFolder(folder, options, (door) => scanCommand(door, options)));

const rankCommandLine = folderCommand('rank', 'rank the images from most to least anomalous')
  .option('--method <id>', `how: ${scorers.map(({ id }) => id).join(', ')}`, scorers[0].id)
  .option('--train-on <glob>', "the images known to be normal, as in 'train/good/**' (default: all)")
  .option('--seed <n>', 'the same seed on the same machine gives the same ranking', whole, 1)
  .option('--maps <dir>', 'write an error map of each image, 16-bit PNG')
  .option('--top <n>', 'how many to print', whole, 20)
  .option('--fresh', 'start anew even where an interrupted run could be resumed');
addParameterFlags(rankCommandLine);
rankCommandLine.action((folder: string, options: RankOptions & FolderOptions) => inFolder(folder, options, (door) => rankCommand(door, options)));

folderCommand('decide', 'decide on images by path, glob or expression, as in "conv-ae.error > 0.02"')
  .argument('<what...>', 'paths within the folder, globs, or one expression')
  .option('--keep', 'keep them')
  .option('--reject', 'leave them out of exports')
  .option('--unsure', 'look again later')
  .option('--clear', 'back to undecided')
  .action((folder: string, what: string[], options: DecideOptions & FolderOptions) => inFolder(folder, options, (door) => decideCommand(door, what, options)));

for (const which of ['undo', 'redo'] as const) {
  folderCommand(which, which === 'undo' ? 'take back the last decision' : 'do again what was undone')
    .action((folder: string, options: FolderOptions) => inFolder(folder, options, (door) => undoCommand(door, which, options)));
}

folderCommand('export', 'copy what is not rejected, with a manifest; the originals stay as they are')
  .requiredOption('--to <dir>', 'a new or empty folder outside the opened one')
  .option('--drop <expression>', 'leave these out too')
  .option('--dry-run', 'only say what would be copied')
  .action((folder: string, options: ExportOptions & FolderOptions) => inFolder(folder, options, (door) => exportCommand(door, options)));

program.command('serve')
  .description('the window’s page for a browser on this machine')
  .argument('[folder]', 'folder to open')
  .option('--host <address>', 'address to listen on', '127.0.0.1')
  .option('--port <n>', 'port; 0 for a free one', whole, 0)
  .option('--workspace <dir>', 'where Winnow keeps what it learns')
  .action(async (folder: string | undefined, options: { host: string; port: number; workspace?: string }) => {
    const { serve } = await import('./serve.ts');
    const serving = await serve({ host: options.host, port: options.port, folder: folder ?? null, workspace: options.workspace });
    process.stdout.write(`${serving.url}\n`);
    say({}, 'Open this address in a browser. Ctrl-C ends it.');
    await new Promise<void>((end) => process.once('SIGINT', () => end()).once('SIGTERM', () => end()));
    await serving.close();
  });

program.command('doctor')
  .description('every part of the program on this machine, and what mends it')
  .option('--json [file]', "write the result as JSON; '-' for standard output")
  .action(async (options: { json?: string | true }) => {
    exitCode = await doctorCommand({ json: options.json === true ? '-' : options.json });
  });

program.command('open')
  .description('the window (started by `npm start`)')
  .argument('[folder]')
  .action(() => say({}, 'The window is started by `npm start -- open [FOLDER]`.'));

try {
  await program.parseAsync();
} catch (error) {
  exitCode = error instanceof CommanderError ? (error.exitCode === 0 ? exitCodes.done : exitCodes.wrongUsage) : fail(error);
}
process.exit(exitCode);
