/** `restore FOLDER`: lists the backups of a workspace, and restores one. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { WinnowError } from '../contract/errors.ts';
import { mebibytes, plural, printable } from '../contract/words.ts';
import { listenOnPipe } from '../door/pipe.ts';
import { folderCommand, type FolderOptions } from './folder-command.ts';
import { say, writeJson } from './output.ts';

interface RestoreOptions extends FolderOptions {
  backup?: string;
  asItIs?: boolean;
}

export function addRestoreCommand(program: Command) {
  folderCommand(
    program,
    'keep',
    'restore',
    'list the backups of the workspace; restore one if the workspace is damaged',
    ['photos', 'photos --backup 2026-03-01T18-20-05-123Z.sqlite', 'photos --as-it-is'],
  )
    .option('--backup <name>', 'restore this backup; the damaged file is kept beside it')
    .option('--as-it-is', 'use the present file without a backup, if it can be read')
    .action(restoreCommand);
}

/** Does not open the folder, since a damaged workspace cannot be opened. */
async function restoreCommand(folder: string, options: RestoreOptions): Promise<void> {
  if (options.backup !== undefined && options.asItIs)
    throw new WinnowError('bad-request', 'Use --backup or --as-it-is, not both.');
  const { engine, close } = await listenOnPipe();
  try {
    const place = { folder: resolve(folder), workspace: options.workspace };
    const isWanted = options.backup !== undefined || options.asItIs;
    const restored = isWanted ? await engine.restore({ ...place, backup: options.backup ?? null }) : null;
    const backups = await engine.backups(place);
    writeJson(options, { schema: 'winnow/restore@1', folder: place.folder, restored, backups });
    if (restored)
      say(
        options,
        `${restored.backup === null ? 'Using the present workspace' : `Restored ${restored.backup}`}, with ${plural(restored.steps, 'step')}.${restored.aside ? ` The previous file is now ${restored.aside}.` : ''}`,
      );
    else
      say(
        options,
        backups.length
          ? `${plural(backups.length, 'backup')}. Restore one with --backup NAME.`
          : 'There is no backup of this folder’s workspace yet.',
      );
    if (restored || options.quiet || options.json === '-') return;
    for (const { name, bytes, steps } of backups) {
      process.stdout.write(
        `${printable(name)}  ${mebibytes(bytes).padStart(12)}  ${steps === null ? 'damaged' : plural(steps, 'step')}\n`,
      );
    }
  } finally {
    await close();
  }
}
