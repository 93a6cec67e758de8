/** `restore FOLDER`: the backups of a folder's workspace; brings one back where the workspace is damaged. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { WinnowError } from '../contract/errors.ts';
import { plural, printable } from '../contract/words.ts';
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
    'list the backups of what was decided; bring one back where the workspace is damaged',
    ['photos', 'photos --backup 2026-03-01T18-20-05-123Z.sqlite', 'photos --as-it-is'],
  )
    .option('--backup <name>', 'bring this one back; the damaged file is kept beside it')
    .option('--as-it-is', 'no backup: go on with the file that is there, if it can be read')
    .action(restoreCommand);
}

/** The folder is not opened, which a damaged workspace would refuse. */
async function restoreCommand(folder: string, options: RestoreOptions): Promise<void> {
  if (options.backup !== undefined && options.asItIs)
    throw new WinnowError('bad-request', 'Say --backup or --as-it-is, not both.');
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
        `${restored.backup === null ? 'The workspace is taken as it is' : `Brought back ${restored.backup}`}, with ${plural(restored.steps, 'step')}.${restored.aside ? ` The file that was there is now ${restored.aside}.` : ''}`,
      );
    else
      say(
        options,
        backups.length
          ? `${plural(backups.length, 'backup')}. Bring one back with --backup NAME.`
          : 'There is no backup of this folder’s workspace yet.',
      );
    if (restored || options.quiet || options.json === '-') return;
    for (const { name, bytes, steps } of backups) {
      process.stdout.write(
        `${printable(name)}  ${(bytes / 2 ** 20).toFixed(1).padStart(8)} MiB  ${steps === null ? 'damaged' : plural(steps, 'step')}\n`,
      );
    }
  } finally {
    await close();
  }
}
