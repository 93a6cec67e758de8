/** What every command on a folder shares: its options, its help, the door that is opened for it and closed again whatever happens. */
import { InvalidArgumentError, type Command } from 'commander';
import { openDoor, type Door } from '../door/client.ts';
import type { OutputOptions } from './output.ts';

export interface FolderOptions extends OutputOptions { workspace?: string }

/** Headings of `--help`, in the order of the work. */
export const headings = { find: 'Find:', decide: 'Decide:', keep: 'Export and keep:' } as const;

/** Declares a command on a folder. `examples` stand below its options. */
export function folderCommand(program: Command, heading: keyof typeof headings, name: string, description: string, examples: readonly string[] = []): Command {
  const command = program.command(name)
    .description(description)
    .helpGroup(headings[heading])
    .argument('<folder>', 'folder of images; it is only read')
    .option('--workspace <dir>', 'where Winnow keeps what it learns (default: in your data folder)')
    .option('--json <file>', "write the result as JSON; '-' for standard output")
    .option('--quiet', 'no progress and no sentences');
  if (examples.length) command.addHelpText('after', `\nExamples:\n${examples.map((example) => `  winnow ${name} ${example}`).join('\n')}`);
  return command;
}

/** Opens the folder, does the work, closes it again. */
export async function inFolder(folder: string, options: FolderOptions, work: (door: Door) => Promise<void>): Promise<void> {
  const door = await openDoor(folder, options.workspace);
  try {
    await work(door);
  } finally {
    await door.close();
  }
}

export function whole(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) throw new InvalidArgumentError('A whole number was expected.');
  return value;
}

export function atLeastOne(text: string): number {
  const value = whole(text);
  if (value === 0) throw new InvalidArgumentError('A whole number from 1 on was expected.');
  return value;
}
