/** The command line: the contract's calls as commands, each declared in a file of `command/`. Its promise to scripts is in ARCHITECTURE.md; keep it stable. */
import { Command, CommanderError } from 'commander';
import { addAdviseCommand } from './command/advise.ts';
import { addChecksCommand } from './command/checks.ts';
import { doctorCommand } from './command/doctor.ts';
import { addDuplicatesCommand } from './command/duplicates.ts';
import { addEvaluateCommand } from './command/evaluate.ts';
import { addEvidenceCommand } from './command/evidence.ts';
import { addExplainCommand } from './command/explain.ts';
import { addExportCommand } from './command/export.ts';
import { backendOption, ownOptionsFirst, whole } from './command/folder-command.ts';
import { addHistoryCommands } from './command/history.ts';
import { addInspectCommand } from './command/inspect.ts';
import { addImportCommand } from './command/import.ts';
import { addLabelsCommand } from './command/labels.ts';
import { addLikeCommand } from './command/like.ts';
import { addMapCommand } from './command/map.ts';
import { addMarkCommands } from './command/mark.ts';
import { ended, exitCodes, fail, ignoreClosedPipe, nameOptions, say } from './command/output.ts';
import { addRankCommand } from './command/rank.ts';
import { addPredictCommand } from './command/predict.ts';
import { addRestoreCommand } from './command/restore.ts';
import { addRunsCommand } from './command/runs.ts';
import { addScanCommand } from './command/scan.ts';
import { addExportModelCommand } from './command/export-model.ts';
import { addSearchCommand } from './command/search.ts';
import { addTrainCommand } from './command/train.ts';
import { addUnlikeCommand } from './command/unlike.ts';
import { addWatchCommand } from './command/watch.ts';
import { addViewCommands } from './command/views.ts';
import { exitNow } from './file/gate.ts';
import { version } from './setup/repository.mjs';

let exitCode: number = exitCodes.done;
ignoreClosedPipe();

const program = new Command('winnow')
  .description(
    'Find anomalous, hard, broken, duplicate and mislabelled images in a folder, and export a better data set. Works offline.',
  )
  .version(version)
  .enablePositionalOptions() // options after a verb, as in `runs rename`, are the verb's
  .exitOverride()
  .showHelpAfterError('(see --help)')
  .configureHelp(ownOptionsFirst)
  .hook('preAction', (_program, command) => {
    const { backend } = command.opts<{ backend?: string }>();
    if (backend) process.env.WINNOW_BACKEND = backend;
    nameOptions(command.options.flatMap(({ long }) => long ?? []));
  })
  .configureOutput({ writeOut: (text) => process.stderr.write(text) });

// In the order of `--help`.
for (const add of [
  addScanCommand,
  addChecksCommand,
  addDuplicatesCommand,
  addLikeCommand,
  addRankCommand,
  addWatchCommand,
  addEvaluateCommand,
  addUnlikeCommand,
  addAdviseCommand,
  addTrainCommand,
  addSearchCommand,
  addPredictCommand,
  addLabelsCommand,
  addInspectCommand,
  addExportModelCommand,
  addExplainCommand,
  addEvidenceCommand,
  addRunsCommand,
  addMapCommand,
  addViewCommands,
  addMarkCommands,
  addImportCommand,
  addHistoryCommands,
  addExportCommand,
  addRestoreCommand,
])
  add(program);

const heading = 'The program:';
program
  .command('serve')
  .helpGroup(heading)
  .description('serve the window’s page to a browser on this machine')
  .argument('[folder]', 'folder to open')
  .option('--host <address>', 'address to listen on', '127.0.0.1')
  .option('--port <n>', 'port; 0 for a free one', whole, 0)
  .option('--workspace <dir>', 'folder for the workspace')
  .addOption(backendOption())
  .action(async (folder: string | undefined, options: { host: string; port: number; workspace?: string }) => {
    const { isLoopback, serve } = await import('./serve.ts');
    const { guard } = await import('./door/guard.ts');
    guard();
    const serving = await serve({
      host: options.host,
      port: options.port,
      folder: folder ?? null,
      workspace: options.workspace,
    });
    process.stdout.write(`${serving.url}\n`);
    say({}, 'Open this address in a browser. Stop with Ctrl-C.');
    if (!isLoopback(options.host))
      say(
        {},
        `Warning: with --host ${options.host} other machines can reach this address. Anyone who has it can read every image that you can read, and the connection is not encrypted. Use it only in a network that you trust.`,
      );
    await new Promise<void>((end) =>
      process
        .once('SIGINT', () => end())
        .once('SIGTERM', () => end())
        .once('SIGHUP', () => end()),
    );
    setTimeout(() => exitNow(exitCodes.failed), 8000).unref(); // exit even if some work does not stop
    await serving.close();
  });

program
  .command('doctor')
  .helpGroup(heading)
  .description('list the components of this installation, their state, and how to repair them')
  .option('--json [file]', "write the result as JSON; '-' for standard output")
  .action(async (options: { json?: string | true }) => {
    exitCode = await doctorCommand({ json: options.json === true ? '-' : options.json });
  });

program
  .command('open')
  .helpGroup(heading)
  .description('open the window (use `npm start`)')
  .argument('[folder]')
  .action(() => say({}, 'The window is started by `npm start -- open [FOLDER]`.'));

program.addHelpText(
  'after',
  `
Select images by paths, globs ('test/**') or an expression over columns and properties:
  "sharpness < 0.1 and class = 'dress' and not decision = 'keep'"
  "issue = 'dark' or tag = 'check' or duplicate = 'near'", "path like 'test/*'", "label != none"
In globs \`*\` and \`?\` stay within a folder and \`**\` crosses folders; \`{a,b}\`, \`{1..9}\`, \`[0-9]\`, \`[!a]\`, a leading \`!\` and \`\\\` work as in a shell.
Folders are separated by \`/\` on every system; case counts; a path that exists is never read as a pattern.
Every step is recorded: see \`undo\`, \`history\`, \`script\`. Exit: 0 done, 1 failed, 2 wrong usage, 130 cancelled.`,
);

try {
  await program.parseAsync();
} catch (error) {
  exitCode =
    error instanceof CommanderError ? (error.exitCode === 0 ? exitCodes.done : exitCodes.wrongUsage) : fail(error);
}
await ended();
exitNow(exitCode);
